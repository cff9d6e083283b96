"""Documents of an issuer come over https, and within the deadline, however slowly they drip."""

import json
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from entity_push.auth.issuer_documents import KeysUnavailableError, fetch
from entity_push.runtime.deadlines import Deadline

from testbed.endpoint import make_certificate
from tests.local_issuer import DISCOVERY, LocalIssuer

SECONDS = 0.4
ANSWER = b'HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{"a": 17}'


@contextmanager
def server(serve: Callable[[socket.socket], None]) -> Iterator[int]:
    """Run a server on this machine that does this with the one connection it gets; yield its port."""

    def accept() -> None:
        with suppress(OSError), listening.accept()[0] as connection:
            serve(connection)

    with socket.create_server(("127.0.0.1", 0)) as listening:
        threading.Thread(target=accept, daemon=True).start()
        yield listening.getsockname()[1]


def drip(connection: socket.socket, answer: bytes) -> None:
    for number in range(len(answer)):
        connection.sendall(answer[number : number + 1])
        time.sleep(SECONDS / 4)


def silent(connection: socket.socket) -> None:
    while connection.recv(4096):
        pass


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize(
    "serve",
    [
        silent,
        lambda connection: drip(connection, b"HTTP/1.1 200 OK\r\nX-Long: " + b"a" * 9999),
        lambda connection: drip(connection, b"HTTP/1.1 100 Continue\r\n\r\n" * 999),
        lambda connection: drip(connection, ANSWER.replace(b"9", b"9999") + b" " * 9999),
        lambda connection: drip(connection, b"\x16\x03\x03\x20\x00" + b"\x02" * 9999),
    ],
    ids=["silent", "header", "interim answers", "body", "TLS record"],
)
def test_a_slow_drip_ends_at_the_deadline(scheme: str, serve: Callable[[socket.socket], None]) -> None:
    with server(serve) as port:
        began = time.monotonic()
        with pytest.raises(KeysUnavailableError, match="can't be used"):
            fetch(f"{scheme}://127.0.0.1:{port}/", Deadline(SECONDS))
        assert time.monotonic() - began < 5, "the drip lasts for minutes"


def test_when_the_deadline_is_over_nobody_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket.socket, "connect", lambda *_: pytest.fail("somebody was asked"))
    with pytest.raises(KeysUnavailableError, match="timed out"):
        fetch("http://127.0.0.1:9/", Deadline(0))


def test_an_address_that_does_not_answer_leaves_time_for_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float | None] = []

    def connect(sock: socket.socket, _address: object) -> None:
        waits.append(sock.gettimeout())
        raise TimeoutError("timed out")

    monkeypatch.setattr(socket.socket, "connect", connect)
    addresses = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (f"192.0.2.{number}", 443)) for number in (1, 2)]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: addresses)
    with pytest.raises(KeysUnavailableError, match="timed out"):
        fetch("https://issuer.example/", Deadline(5))
    assert waits == [2, 2]


def test_an_issuer_sees_who_asks_and_for_what() -> None:
    with LocalIssuer() as issuer:
        issuer.publish()
        fetch(f"{issuer.url}{DISCOVERY}", Deadline(5))
        headers = {name.lower(): value for name, value in issuer.headers.items()}
    assert headers["user-agent"] == "entity-push", "Cloudflare answers Python's own names with 403"
    assert headers["accept"] == "application/json"
    assert headers["host"] == issuer.url.removeprefix("http://")


def test_the_query_of_a_url_is_sent_as_some_issuers_need_it() -> None:
    with LocalIssuer() as issuer:
        issuer.publish()
        issuer.answers["/keys?p=policy"] = issuer.answers["/keys"]
        assert fetch(f"{issuer.url}/keys?p=policy#part", Deadline(5)) == {"keys": []}


@pytest.mark.parametrize("path", ["/a b", "/ HTTP/1.1\r\nX: y", "/é", "/\x7f", "/keys\n", "\t/keys"])
def test_a_url_with_other_characters_asks_for_nothing(path: str) -> None:
    with LocalIssuer() as issuer:
        issuer.publish()
        with pytest.raises(KeysUnavailableError, match="no URL can have"):
            fetch(issuer.url + path, Deadline(5))
        assert issuer.requested == []


def test_https_is_spoken_only_with_whom_a_certificate_that_is_trusted_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate, key = make_certificate(tmp_path)  # for localhost
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)

    def serve(connection: socket.socket) -> None:
        with context.wrap_socket(connection, server_side=True) as secure:
            secure.recv(4096)
            secure.sendall(ANSWER)

    def fetch_from(host: str) -> object:
        with server(serve) as port:
            return fetch(f"https://{host}:{port}/", Deadline(5))

    with pytest.raises(KeysUnavailableError, match="certificate verify failed"):
        fetch_from("localhost")
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    assert fetch_from("localhost") == json.loads('{"a": 17}')
    with pytest.raises(KeysUnavailableError, match="certificate verify failed"):
        fetch_from("127.0.0.1")

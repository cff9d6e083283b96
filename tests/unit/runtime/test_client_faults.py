"""Whatever a network does to an answer, a call ends in time: as its answer, or a known error."""

import contextlib
import json
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from entity_push.protocol.frames import Frame
from entity_push.routes.message_route import Request, message_route
from entity_push.runtime import aws, invocations, json_client, lanes
from entity_push.runtime.aws_errors import RefusedError, UnansweredError
from entity_push.runtime.json_client import TRIES, Call, JsonClient
from entity_push.runtime.signing import Credentials

SECONDS = 0.3
"""How long an answer may take here."""

BODY = b'{"Item":{"pk":{"S":"x"}}}'
HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 25\r\nx-amz-crc32: 1270467721\r\n\r\n"
GOOD = HEAD + BODY
FOUND = {"Item": {"pk": {"S": "x"}}}

Serve = Callable[[socket.socket], None]


@contextmanager
def service(*serves: Serve) -> Iterator[tuple[str, list[int]]]:
    """Run a server that does these with the requests it gets, one after the other; the last one repeats.

    Yields:
        Its URL, and how many requests each connection has brought so far.
    """
    requests, left = list[int](), list(serves)

    def handle(connection: socket.socket) -> None:
        number = len(requests)
        requests.append(0)
        with contextlib.suppress(OSError), connection:
            while connection.recv(65536):
                requests[number] += 1
                (left.pop(0) if len(left) > 1 else left[0])(connection)

    def accept() -> None:
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=handle, args=(listening.accept()[0],), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listening:
        threading.Thread(target=accept, daemon=True).start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}", requests


def sends(data: bytes, *, then_closes: bool = False) -> Serve:
    def serve(connection: socket.socket) -> None:
        connection.sendall(data)
        if then_closes:
            connection.shutdown(socket.SHUT_RDWR)

    return serve


def drips(data: bytes) -> Serve:
    def serve(connection: socket.socket) -> None:
        for number in range(len(data)):
            connection.sendall(data[number : number + 1])
            time.sleep(SECONDS / 6)

    return serve


def resets(after: bytes = b"") -> Serve:
    def serve(connection: socket.socket) -> None:
        connection.sendall(after)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.close()

    return serve


def silent(_connection: socket.socket) -> None:
    time.sleep(3 * SECONDS)


FAULTS: dict[str, Serve] = {
    "silence": silent,
    "closed": sends(b"", then_closes=True),
    "reset": resets(),
    "reset in the head": resets(HEAD[:20]),
    "reset in the body": resets(HEAD + BODY[:5]),
    "half a head": sends(HEAD[:30], then_closes=True),
    "half a body": sends(HEAD + BODY[:5], then_closes=True),
    "half a body and silence": sends(HEAD + BODY[:5]),
    "a body one byte longer than said": sends(GOOD.replace(b": 25", b": 24")),
    "a wrong checksum": sends(GOOD.replace(b"1270467721", b"1270467722")),
    "a checksum that is no number": sends(GOOD.replace(b"1270467721", b"x")),
    "no JSON": sends(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n<html>"),
    "no UTF-8": sends(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n\xff\xfe\x80"),
    "not HTTP": sends(b"SSH-2.0-OpenSSH_9.6\r\n" * 20),
    "a TLS alert": sends(b"\x15\x03\x01\x00\x02\x02\x46"),
    "a line without an end": sends(b"HTTP/1.1 200 OK\r\nX-Long: " + b"a" * 70_000),
    "200 headers": sends(b"HTTP/1.1 200 OK\r\n" + b"X-Many: a\r\n" * 200),
    "a dripping head": drips(HEAD * 9),
    "a dripping body": drips(HEAD.replace(b"25", b"99") + BODY * 9),
    "interim answers without an end": drips(b"HTTP/1.1 100 Continue\r\n\r\n" * 99),
    "a broken chunk": sends(
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n", then_closes=True
    ),
}

ANSWERS: dict[str, bytes] = {
    "plain": GOOD,
    "without a checksum": b"HTTP/1.1 200 OK\r\nContent-Length: 25\r\n\r\n" + BODY,
    "in chunks": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n19\r\n" + BODY + b"\r\n0\r\n\r\n",
    "after an interim one": b"HTTP/1.1 100 Continue\r\n\r\n" + GOOD,
}


@pytest.fixture
def client_of(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], JsonClient]:
    for module in (json_client, lanes):
        monkeypatch.setattr(module, "READ_SECONDS", SECONDS)

    def made(url: str) -> JsonClient:
        by = Credentials("AKIDEXAMPLE", "secret", "token")
        return JsonClient(aws.SERVICES["dynamodb"], url, "eu-west-1", lambda: by, lambda _seconds: None)

    return made


ClientOf = Callable[[str], JsonClient]


@pytest.mark.parametrize("fault", FAULTS)
def test_what_a_network_does_is_tried_again(client_of: ClientOf, fault: str) -> None:
    with service(FAULTS[fault], sends(GOOD)) as (url, requests):
        assert client_of(url).get_item(TableName="t") == FOUND
        assert sum(requests) == 2


@pytest.mark.parametrize("fault", FAULTS)
def test_what_does_not_end_is_an_error_in_time(client_of: ClientOf, fault: str) -> None:
    with service(FAULTS[fault]) as (url, requests):
        began = time.monotonic()
        with pytest.raises(UnansweredError, match="GetItem"):
            client_of(url).get_item(TableName="t")
        assert time.monotonic() - began < TRIES * SECONDS + 0.5
        assert sum(requests) == TRIES


@pytest.mark.parametrize("fault", FAULTS)
def test_it_leaves_nothing_for_the_next_call_and_the_others(client_of: ClientOf, fault: str) -> None:
    with service(sends(GOOD), sends(GOOD), FAULTS[fault], sends(GOOD)) as (url, _):
        client, calls = client_of(url), [Call("get_item", {"TableName": name}) for name in "ab"]
        for _ in range(3):
            assert client.at_once(calls) == [FOUND, FOUND]


@pytest.mark.parametrize("kind", ANSWERS)
def test_every_form_of_an_answer_is_read_and_the_connection_kept(client_of: ClientOf, kind: str) -> None:
    with service(sends(ANSWERS[kind])) as (url, requests):
        client = client_of(url)
        for _ in range(3):
            assert client.get_item(TableName="t") == FOUND
        assert requests == [3]


@pytest.mark.parametrize(
    "answer", [GOOD.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"), GOOD.replace(b"1.1", b"1.0")]
)
def test_a_connection_that_is_to_be_closed_is_not_kept(client_of: ClientOf, answer: bytes) -> None:
    with service(sends(answer)) as (url, requests):
        client = client_of(url)
        for _ in range(3):
            assert client.get_item(TableName="t") == FOUND
        assert requests == [1, 1, 1]


def test_all_tries_together_have_a_limit(client_of: ClientOf, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_client, "CALL_SECONDS", 1.5 * SECONDS)
    with service(silent) as (url, requests):
        began = time.monotonic()
        with pytest.raises(UnansweredError):
            client_of(url).get_item(TableName="t")
        assert time.monotonic() - began < 2 * SECONDS
        assert sum(requests) == 2


def test_several_silent_calls_leave_a_route_time_to_say_so(client_of: ClientOf) -> None:
    class Context:
        @staticmethod
        def get_remaining_time_in_millis() -> int:
            return round((invocations.RESERVE_SECONDS + 1.5 * SECONDS) * 1000)

    with service(silent) as (url, requests):
        client = client_of(url)

        @message_route(most_frame_bytes=100, deployment_name="EntityPush")
        def handler(_request: Request) -> Frame:
            with contextlib.suppress(UnansweredError):
                client.get_item(TableName="first")
            client.get_item(TableName="second")
            pytest.fail("it was answered")

        began = time.monotonic()
        event = {"requestContext": {"connectionId": "c1"}, "body": "{}"}
        answer = json.loads(handler(event, Context())["body"])
        assert answer["code"] == "internal_error"
        assert time.monotonic() - began < 1.5 * SECONDS + invocations.RESERVE_SECONDS
        assert sum(requests) == 2

        handler(event, None)
        assert sum(requests) == 2 + 2 * TRIES, "the next invocation has its own time"


def test_a_far_end_that_takes_no_bytes_is_silent(client_of: ClientOf) -> None:
    with service(silent) as (url, _):
        began = time.monotonic()
        large = {"B": "x" * 20_000_000}
        with pytest.raises(UnansweredError, match="timed out"):
            client_of(url).put_item(Item=large)
        assert time.monotonic() - began < TRIES * SECONDS + 1.5


def test_an_address_that_does_not_answer_leaves_time_for_the_next(
    client_of: ClientOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lanes, "CONNECT_SECONDS", 0.1)
    with service(sends(GOOD)) as (url, _), socket.create_server(("127.0.0.1", 0), backlog=0) as full:
        waiting = [socket.socket() for _ in range(3)]
        for sock in waiting:
            sock.setblocking(False)
            sock.connect_ex(full.getsockname())
        ports = [full.getsockname()[1], int(url.rpartition(":")[2])]
        found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port)) for port in ports]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
        began = time.monotonic()
        assert client_of(url).get_item(TableName="t") == FOUND
        assert 0.1 <= time.monotonic() - began < 0.5
        for sock in waiting:
            sock.close()


THROTTLED = b'{"__type":"x#ThrottlingException"}'


@pytest.mark.parametrize(
    ("answer", "longest"),
    [
        (b"HTTP/1.1 400 x\r\nContent-Length: 34\r\n\r\n" + THROTTLED, 0.1),
        (b"HTTP/1.1 429 x\r\nContent-Length: 0\r\n\r\n", 0.1),
        (b"HTTP/1.1 503 x\r\nContent-Length: 0\r\n\r\n", 0.01),
    ],
)
def test_pauses_are_random_and_double_and_longer_for_throttling(
    monkeypatch: pytest.MonkeyPatch, answer: bytes, longest: float
) -> None:
    bounds: list[tuple[float, float]] = []

    def uniform(low: float, high: float) -> float:
        bounds.append((low, high))
        return high

    monkeypatch.setattr("random.uniform", uniform)
    paused: list[float] = []
    by = Credentials("a", "b")
    with service(sends(answer)) as (url, _):
        client: Any = JsonClient(aws.SERVICES["events"], url, "eu-west-1", lambda: by, paused.append)
        with pytest.raises(RefusedError):
            client.put_events(Entries=[])
    assert bounds == [(0, longest), (0, 2 * longest), (0, 4 * longest)]
    assert paused == [high for _, high in bounds]

"""The connections under the engine: kept, pruned, replaced, verified."""

import selectors
import socket
import ssl
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from entity_push.posting.deliverer import Deliverer
from entity_push.posting.posts import Outcome, Post, Result
from entity_push.runtime.idle import IDLE_SECONDS
from entity_push.runtime.tls import default_ca_file, wider_than

from testbed.endpoint import make_certificate
from tests.delivery.engine import CREDENTIALS, FRAME, Clock, deliver, deliverer_for, outcomes, posts, waits_of
from tests.delivery.faults import FaultyEndpoint


def test_connections_are_kept_between_calls_and_few(endpoint: FaultyEndpoint) -> None:
    deliverer = deliverer_for(endpoint)
    deliver(deliverer, posts(400))
    assert endpoint.connections <= 80  # 4 * sqrt(400)
    before = endpoint.connections
    deliver(deliverer, posts(60, "d"))
    assert endpoint.connections == before
    deliver(deliverer, posts(400, "e"))
    assert before <= endpoint.connections <= before + 10  # sqrt(400) / 2 more with each run


def test_open_connections_are_all_used(endpoint: FaultyEndpoint) -> None:
    """They cost nothing any more: 100 posts go out at once, where new connections would be 40."""
    deliverer = deliverer_for(endpoint)
    deliver(deliverer, posts(2000))
    before = endpoint.connections
    assert before >= 150
    endpoint.latency = 0.3
    waits = waits_of(deliverer)
    deliver(deliverer, posts(100, "d"))
    assert max(in_flight for _, in_flight in waits) == 100, "they did not go out at once"
    assert endpoint.connections == before


def test_no_more_connections_than_allowed(endpoint: FaultyEndpoint) -> None:
    endpoint.latency = 0.002
    deliver(deliverer_for(endpoint, max_in_flight=5), posts(200))
    assert endpoint.connections <= 5


def test_new_connections_for_those_that_failed_are_within_the_limit(endpoint: FaultyEndpoint) -> None:
    endpoint.scripts = {f"c{number}=": ["reset", "ok"] for number in range(0, 60, 2)}
    deliverer = deliverer_for(endpoint, max_in_flight=4)
    for result in deliverer.deliver(posts(60), deadline=time.monotonic() + 20):
        assert result.outcome is Outcome.DELIVERED
        assert deliverer.transport.open <= 4


@pytest.mark.parametrize("reset", [False, True])
def test_connections_that_died_while_frozen_cost_no_attempt(endpoint: FaultyEndpoint, reset: bool) -> None:
    deliverer = deliverer_for(endpoint, tries=1)
    deliver(deliverer, posts(300))
    endpoint.close_connections(reset=reset)
    assert outcomes(deliver(deliverer, posts(300, "d"))) == {Outcome.DELIVERED: 300}
    assert all(len(requests) == 1 for requests in endpoint.requests.values())


def test_connections_that_die_on_use_cost_no_attempt(endpoint: FaultyEndpoint) -> None:
    """The far end drops every old connection at the moment of the next request on it."""
    deliverer = deliverer_for(endpoint, tries=1, max_in_flight=40)
    deliver(deliverer, posts(400))
    endpoint.closing.update(request.connection for request in endpoint.all_requests())
    assert outcomes(deliver(deliverer, posts(1, "d"))) == {Outcome.DELIVERED: 1}
    assert outcomes(deliver(deliverer, posts(60, "e"))) == {Outcome.DELIVERED: 60}


class TakesNothing:
    """A socket whose other end is gone, as only sending finds out."""

    def __init__(self, sock: Any) -> None:
        self._sock = sock

    def send(self, _data: object) -> int:
        raise BrokenPipeError("gone")

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sock, name)


def test_a_kept_connection_that_takes_no_bytes_costs_no_attempt(endpoint: FaultyEndpoint) -> None:
    deliverer = deliverer_for(endpoint, max_in_flight=1, tries=1)
    deliver(deliverer, posts(1, "a"))
    (connection,) = deliverer.transport._idle
    connection.sock = TakesNothing(connection.sock)  # type: ignore[assignment]
    assert outcomes(deliver(deliverer, posts(1, "b"))) == {Outcome.DELIVERED: 1}
    assert (len(endpoint.requests["b0="]), endpoint.connections) == (1, 2)


def test_a_tls_endpoint_is_verified(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    certificate, key = make_certificate(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with FaultyEndpoint(tls=context) as endpoint:
        trusting = deliverer_for(endpoint, ca_file=str(certificate))
        assert outcomes(deliver(trusting, posts(50))) == {Outcome.DELIVERED: 50}
        monkeypatch.setenv("AWS_CA_BUNDLE", str(certificate))
        assert outcomes(deliver(deliverer_for(endpoint), posts(3))) == {Outcome.DELIVERED: 3}
        monkeypatch.delenv("AWS_CA_BUNDLE")
        connections = endpoint.connections
        results = deliver(deliverer_for(endpoint), posts(1000, "d"))
        assert outcomes(results) == {Outcome.UNSENT: 1000}
        assert "certificate" in results["d999="].reason
        assert endpoint.connections - connections < 200, "the run went on without any hope"
        assert not any(connection_id.startswith("d") for connection_id in endpoint.requests)


def test_an_endpoint_that_only_the_system_trusts_costs_no_attempt(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in isolated Regions: all handshakes of the first moment fail, since they trust Amazon alone."""
    certificate, context = _tls(tmp_path)
    monkeypatch.delenv("AWS_CA_BUNDLE", raising=False)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    wider_than.cache_clear()
    with FaultyEndpoint(tls=context) as endpoint:
        deliverer = deliverer_for(endpoint, tries=1)
        assert outcomes(deliver(deliverer, posts(50))) == {Outcome.DELIVERED: 50}
        connections = endpoint.connections
        assert outcomes(deliver(deliverer, posts(50, "b"))) == {Outcome.DELIVERED: 50}
        assert endpoint.connections - connections < 10, "the wider trust is kept"
    wider_than.cache_clear()


def test_a_tls_endpoint_of_another_name_gets_nothing(tmp_path: Path) -> None:
    certificate, key = make_certificate(tmp_path, host="other.example")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with FaultyEndpoint(tls=context) as endpoint:
        results = deliver(deliverer_for(endpoint, ca_file=str(certificate)), posts(3))
        assert outcomes(results) == {Outcome.UNSENT: 3}
        assert endpoint.all_requests() == []


def test_the_default_authorities_exist() -> None:
    deliverer = Deliverer(
        "https://x.execute-api.us-east-1.amazonaws.com/prod", "us-east-1", lambda: CREDENTIALS
    )
    deliverer.close()
    assert "BEGIN CERTIFICATE" in Path(default_ca_file()).read_text()


def test_proxies_of_the_environment_are_ignored(
    endpoint: FaultyEndpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.delenv("no_proxy", raising=False)
    assert outcomes(deliver(deliverer_for(endpoint), posts(3))) == {Outcome.DELIVERED: 3}


def test_redirects_are_refused(endpoint: FaultyEndpoint) -> None:
    endpoint.default = ["redirect"]
    results = deliver(deliverer_for(endpoint), posts(1))
    assert results["c0="] == Result("c0=", Outcome.REFUSED, 302, "")
    assert len(endpoint.all_requests()) == 1


def test_a_reason_is_its_own_answers(endpoint: FaultyEndpoint) -> None:
    """The connection is reused: nothing of the answer before may be left on it."""
    endpoint.scripts = {"a": ["bad_request"], "b": ["redirect"], "c": ["untyped"], "d": ["redirect"]}
    results = deliver(deliverer_for(endpoint, max_in_flight=1), [Post(name, FRAME) for name in "abcd"])
    assert [results[name].reason for name in "abcd"] == ["BadRequestException", "", '{"message":"x"}', ""]


def test_nobody_listens() -> None:
    deliverer = Deliverer("http://127.0.0.1:9/prod", "us-east-1", lambda: CREDENTIALS, tries=2)
    assert outcomes(deliver(deliverer, posts(20), seconds=5)) == {Outcome.RETRY: 20}


def test_connections_that_die_on_every_use_are_given_up(endpoint: FaultyEndpoint) -> None:
    """One free retry, on a new connection; then each closed connection is an attempt."""
    deliverer = deliverer_for(endpoint, tries=2)
    deliver(deliverer, posts(100))
    endpoint.scripts["d0="] = ["closed"]
    results = deliver(deliverer, posts(1, "d"))
    assert (results["d0="].outcome, results["d0="].reason) == (Outcome.RETRY, "closed without an answer")
    assert len(endpoint.requests["d0="]) == 3


def test_a_connection_that_breaks_in_an_answer_costs_an_attempt(endpoint: FaultyEndpoint) -> None:
    """Not closed before its use: the client may have got the frame."""
    deliverer = deliverer_for(endpoint, tries=1)
    deliver(deliverer, posts(100))
    endpoint.scripts["d0="] = ["half_status"]
    assert outcomes(deliver(deliverer, posts(1, "d"))) == {Outcome.RETRY: 1}
    assert len(endpoint.requests["d0="]) == 1


@pytest.mark.parametrize("reset", [False, True])
def test_what_died_while_frozen_is_closed_before_it_is_used(endpoint: FaultyEndpoint, reset: bool) -> None:
    deliverer = deliverer_for(endpoint)
    deliver(deliverer, posts(100))
    deliverer.transport.prune()
    assert deliverer.transport.open > 10
    endpoint.close_connections(reset=reset)
    deliverer.transport.prune()
    assert deliverer.transport.open == 0


def test_what_was_idle_for_too_long_is_not_used(endpoint: FaultyEndpoint) -> None:
    clock = Clock(time.time)
    deliverer = deliverer_for(endpoint, wall_clock=clock)
    deliver(deliverer, posts(100))
    clock.pass_by(IDLE_SECONDS + 1)
    before = endpoint.connections
    deliver(deliverer, posts(5, "d"))
    assert endpoint.connections == before + 5


def test_what_is_idle_while_others_are_used_grows_old_too(endpoint: FaultyEndpoint) -> None:
    clock = Clock(time.time)
    deliverer = deliverer_for(endpoint, wall_clock=clock)
    deliver(deliverer, posts(100))
    for number in range(3):
        clock.pass_by(0.4 * IDLE_SECONDS)
        deliver(deliverer, posts(1, str(number)))
    assert deliverer.transport.open == 1


@pytest.mark.parametrize(
    ("step", "kept"),
    [
        *((step, True) for step in ("ok", "ok_after_1xx", "ok_in_parts", "untyped")),
        *((step, False) for step in ("ok_close", "ok_chunked", "too_large", "two_answers")),
    ],
)
def test_a_connection_is_kept_after_a_complete_answer_only(
    endpoint: FaultyEndpoint, step: str, kept: bool
) -> None:
    endpoint.default = [step]
    deliverer = deliverer_for(endpoint, max_in_flight=1, tries=1)
    deliver(deliverer, posts(3))
    assert len(endpoint.all_requests()) == 3
    assert endpoint.connections == (1 if kept else 3)


@pytest.mark.parametrize(
    ("step", "outcome"), [("endless_head", Outcome.DELIVERED), ("endless_line", Outcome.RETRY)]
)
def test_an_endless_answer_is_not_read_to_its_end(
    endpoint: FaultyEndpoint, step: str, outcome: Outcome
) -> None:
    endpoint.default = [step]
    began = time.monotonic()
    assert outcomes(deliver(deliverer_for(endpoint, tries=1, timeout=8), posts(3))) == {outcome: 3}
    assert time.monotonic() - began < 6, "it waited for the timeout"


def _tls(tmp_path: Path) -> tuple[Path, ssl.SSLContext]:
    certificate, key = make_certificate(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return certificate, context


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_large_frames_and_all_faults_over_tls(tmp_path: Path, version: ssl.TLSVersion) -> None:
    certificate, context = _tls(tmp_path)
    context.maximum_version = version
    frames = [bytes([65 + number]) * 128 * 1024 for number in range(20)]
    with FaultyEndpoint(tls=context) as endpoint:
        deliverer = deliverer_for(endpoint, ca_file=str(certificate), tries=9)
        for number in range(20):
            endpoint.scripts[str(number)] = [["reset", "half_status", "closed", "ok"][number % 4], "ok"]
        results = deliver(deliverer, [Post(str(number), frame) for number, frame in enumerate(frames)])
        assert outcomes(results) == {Outcome.DELIVERED: 20}
        for number, frame in enumerate(frames):
            assert all(request.body == frame for request in endpoint.requests[str(number)])


def test_what_a_socket_does_not_take_at_once_is_sent_in_parts(tmp_path: Path) -> None:
    certificate, context = _tls(tmp_path)
    what = [Post(str(number), bytes(range(256)) * 32_768 + bytes([number])) for number in range(3)]
    for tls in (None, context):
        with FaultyEndpoint(tls=tls) as endpoint:
            deliverer = deliverer_for(endpoint, ca_file=str(certificate), tries=1)
            assert outcomes(deliver(deliverer, what)) == {Outcome.DELIVERED: 3}
            for post in what:
                assert [request.body for request in endpoint.requests[post.connection_id]] == [post.frame]


@pytest.mark.parametrize("closed", [False, True])
def test_an_answer_in_the_middle_of_a_frame_counts(closed: bool) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def refuse() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(1000)
                time.sleep(0.05)  # until the client's buffers are full
                connection.sendall(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n")
                if not closed:
                    ended.wait(30)

        ended = threading.Event()
        thread = threading.Thread(target=refuse)
        thread.start()
        url = f"http://127.0.0.1:{server.getsockname()[1]}/prod"
        deliverer = Deliverer(url, "us-east-1", lambda: CREDENTIALS, tries=1, timeout=20)
        began = time.monotonic()
        results = deliver(deliverer, [Post("c", b"x" * 20_000_000)])
        assert (results["c"].outcome, results["c"].status) == (Outcome.REFUSED, 413)
        ended.set()
        assert time.monotonic() - began < 15, "it waited for the timeout"
        assert deliverer.transport.open == 0, "the next request would be taken for the rest of the frame"
        thread.join()


def test_an_answer_over_tls_is_read_whole(tmp_path: Path) -> None:
    """What OpenSSL has decrypted already, the selector does not see."""
    certificate, context = _tls(tmp_path)
    with FaultyEndpoint(tls=context, default=["wordy"]) as endpoint:
        deliverer = deliverer_for(endpoint, ca_file=str(certificate), max_in_flight=1, timeout=8)
        began = time.monotonic()
        assert outcomes(deliver(deliverer, posts(3))) == {Outcome.REFUSED: 3}
        assert time.monotonic() - began < 6, "it waited for the timeout"
        assert endpoint.connections == 1


def test_authorities_that_cant_be_read_are_an_error(tmp_path: Path) -> None:
    for name, content in (("none", None), ("broken", "no certificate")):
        if content:
            (tmp_path / name).write_text(content)
        with pytest.raises(OSError):  # noqa: PT011 - whatever OpenSSL calls it
            Deliverer("https://localhost/prod", "r", lambda: CREDENTIALS, ca_file=str(tmp_path / name))


def test_ipv6() -> None:
    with FaultyEndpoint(host="::1") as endpoint:
        assert "//[::1]:" in endpoint.url
        assert outcomes(deliver(deliverer_for(endpoint), posts(50))) == {Outcome.DELIVERED: 50}


def test_without_epoll(endpoint: FaultyEndpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on macOS, where the demo runs too."""
    monkeypatch.setattr(selectors, "DefaultSelector", selectors.PollSelector)
    endpoint.scripts = {f"c{number}=": ["reset", "ok"] for number in range(0, 300, 9)}
    deliverer = deliverer_for(endpoint)
    what = [*posts(300), Post("large", b"x" * 500_000)]
    assert outcomes(deliver(deliverer, what)) == {Outcome.DELIVERED: 301}
    endpoint.close_connections()
    assert outcomes(deliver(deliverer, posts(300, "d"))) == {Outcome.DELIVERED: 300}
    deliverer.close()

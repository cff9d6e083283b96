"""The engine's promises, one by one, over real sockets."""

import itertools
import os
import ssl
import subprocess
import sys
import textwrap
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as BotocoreCredentials
from entity_push import delivery
from entity_push.delivery import Credentials, Deliverer, Outcome, Post, Result

from benchmarks.endpoint import make_certificate
from tests.delivery.faults import FaultyEndpoint

CREDENTIALS = Credentials("AKIDEXAMPLE", "secret", "token")
FRAME = b'{"type":"Entity Updated"}'


@pytest.fixture
def endpoint() -> Iterator[FaultyEndpoint]:
    with FaultyEndpoint() as running:
        yield running


def deliverer_for(endpoint: FaultyEndpoint, **settings: Any) -> Deliverer:
    return Deliverer(endpoint.url, "us-east-1", lambda: CREDENTIALS, **settings)


def posts(count: int, prefix: str = "c") -> list[Post]:
    return [Post(f"{prefix}{number}=", FRAME) for number in range(count)]


def deliver(deliverer: Deliverer, what: list[Post], seconds: float = 20.0) -> dict[str, Result]:
    results = list(deliverer.deliver(what, deadline=time.monotonic() + seconds))
    assert sorted(r.connection_id for r in results) == sorted(p.connection_id for p in what)
    return {result.connection_id: result for result in results}


def outcomes(results: dict[str, Result]) -> Counter[Outcome]:
    return Counter(result.outcome for result in results.values())


def test_what_arrives_is_signed_as_botocore_would(endpoint: FaultyEndpoint) -> None:
    ids = ["dGVz_dA-=", "a+b/c=", "100%", "~é ?#&", "a//b", "../x", "%2e"]
    deliverer = deliverer_for(endpoint)
    assert outcomes(deliver(deliverer, [Post(i, i.encode()) for i in ids])) == {Outcome.DELIVERED: len(ids)}
    list(deliverer.disconnect(ids, deadline=time.monotonic() + 5))
    for connection_id, (post, delete) in endpoint.requests.items():
        assert (post.method, post.body) == ("POST", connection_id.encode())
        assert (delete.method, delete.body) == ("DELETE", b"")
        for request in (post, delete):
            assert request.headers["content-type"] == "application/octet-stream"
            expected: Any = AWSRequest(
                request.method, endpoint.url.removesuffix("/prod") + request.target, data=request.body
            )
            expected.context["timestamp"] = request.headers["x-amz-date"]
            signer: Any = SigV4Auth(BotocoreCredentials(*CREDENTIALS), "execute-api", "us-east-1")
            expected.headers["X-Amz-Date"] = request.headers["x-amz-date"]
            expected.headers["X-Amz-Security-Token"] = CREDENTIALS.token
            canonical = signer.canonical_request(expected)
            signature = signer.signature(signer.string_to_sign(expected, canonical), expected)
            assert request.headers["authorization"].endswith(f"Signature={signature}")


@pytest.mark.parametrize("connection_id", ["", ".", ".."])
def test_an_id_that_would_change_the_path_is_never_sent(endpoint: FaultyEndpoint, connection_id: str) -> None:
    results = deliver(deliverer_for(endpoint), [Post(connection_id, FRAME), *posts(1)])
    assert results[connection_id].outcome is Outcome.REFUSED
    assert results["c0="].outcome is Outcome.DELIVERED
    assert len(endpoint.all_requests()) == 1


def test_disconnecting_tells_what_was_there(endpoint: FaultyEndpoint) -> None:
    endpoint.scripts = {"there": ["no_content"], "gone": ["gone"], "slow": ["throttled", "no_content"]}
    results = deliverer_for(endpoint).disconnect(endpoint.scripts, deadline=time.monotonic() + 5)
    assert {result.connection_id: result.outcome for result in results} == {
        "there": Outcome.DELIVERED,
        "gone": Outcome.GONE,
        "slow": Outcome.DELIVERED,
    }
    assert {request.method for request in endpoint.all_requests()} == {"DELETE"}


def test_posts_and_deletes_may_alternate_on_one_connection(endpoint: FaultyEndpoint) -> None:
    deliverer = deliverer_for(endpoint, max_in_flight=1)
    for _ in range(2):
        deliver(deliverer, [Post("a", FRAME), Post("b", b"")])
        list(deliverer.disconnect(["a"], deadline=time.monotonic() + 5))
    seen = [(request.method, request.body) for request in endpoint.requests["a"]]
    assert seen == [("POST", FRAME), ("DELETE", b"")] * 2
    assert [request.body for request in endpoint.requests["b"]] == [b"", b""]
    assert endpoint.connections == 1


# --- connections


def test_connections_are_kept_between_calls_and_few(endpoint: FaultyEndpoint) -> None:
    deliverer = deliverer_for(endpoint)
    deliver(deliverer, posts(400))
    assert endpoint.connections <= 80  # 4 * sqrt(400)
    before = endpoint.connections
    deliver(deliverer, posts(400, "d"))
    assert endpoint.connections == before


def test_no_more_connections_than_allowed(endpoint: FaultyEndpoint) -> None:
    endpoint.latency = 0.002
    deliver(deliverer_for(endpoint, max_in_flight=5), posts(200))
    assert endpoint.connections <= 5


@pytest.mark.parametrize("reset", [False, True])
def test_connections_that_died_while_frozen_cost_no_attempt(endpoint: FaultyEndpoint, reset: bool) -> None:
    deliverer = deliverer_for(endpoint, attempts=1)
    deliver(deliverer, posts(300))
    endpoint.close_connections(reset=reset)
    assert outcomes(deliver(deliverer, posts(300, "d"))) == {Outcome.DELIVERED: 300}
    assert all(len(requests) == 1 for requests in endpoint.requests.values())


def test_connections_that_die_on_use_cost_no_attempt(endpoint: FaultyEndpoint) -> None:
    """The far end drops every old connection at the moment of the next request on it."""
    deliverer = deliverer_for(endpoint, attempts=1, max_in_flight=40)
    deliver(deliverer, posts(400))
    endpoint.closing.update(request.connection for request in endpoint.all_requests())
    # More of them than libcurl tries by itself (six).
    assert outcomes(deliver(deliverer, posts(1, "d"))) == {Outcome.DELIVERED: 1}
    assert outcomes(deliver(deliverer, posts(60, "e"))) == {Outcome.DELIVERED: 60}


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
    assert "BEGIN CERTIFICATE" in Path(delivery._default_ca_file()).read_text()


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
    """The handle is reused: nothing of the answer before may be left on it."""
    endpoint.scripts = {"a": ["bad_request"], "b": ["redirect"], "c": ["untyped"], "d": ["redirect"]}
    results = deliver(deliverer_for(endpoint, max_in_flight=1), [Post(name, FRAME) for name in "abcd"])
    assert [results[name].reason for name in "abcd"] == ["BadRequestException", "", '{"message":"x"}', ""]


def test_nobody_listens() -> None:
    deliverer = Deliverer("http://127.0.0.1:9/prod", "us-east-1", lambda: CREDENTIALS, attempts=2)
    assert outcomes(deliver(deliverer, posts(20), seconds=5)) == {Outcome.RETRY: 20}


# --- throttling and faults


@pytest.mark.parametrize(
    ("step", "status"), [("throttled", 429), ("error_500", 500), ("reset", None), ("half_status", None)]
)
def test_what_fails_for_ever_is_handed_back(endpoint: FaultyEndpoint, step: str, status: int | None) -> None:
    endpoint.scripts["c0="] = [step]
    results = deliver(deliverer_for(endpoint, attempts=3), posts(100))
    assert (results["c0="].outcome, results["c0="].status) == (Outcome.RETRY, status)
    assert outcomes(results)[Outcome.DELIVERED] == 99
    sent = len(endpoint.requests["c0="])
    # Resets of kept-alive connections don't count: they may just have been closed. libcurl tries
    # five more of those by itself, and the engine a new one.
    assert sent == 3 if status else 3 <= sent <= 6 + 3, sent
    if status == 429:
        assert results["c0="].reason == "429 LimitExceededException"


def test_slow_clients_slow_nobody_down(endpoint: FaultyEndpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    """Their own buffers are full: 429 again and again, but for them alone."""
    monkeypatch.setattr(delivery, "_THROTTLED_PAUSE", 0.002)
    endpoint.latency = 0.005
    for number in range(0, 1000, 25):
        endpoint.scripts[f"c{number}="] = ["throttled"]
    deliverer = deliverer_for(endpoint, attempts=9)
    settled: dict[str, float] = {}
    for result in deliverer.deliver(posts(1000), deadline=time.monotonic() + 20):
        settled[result.connection_id] = time.monotonic()
    assert deliverer.window.size == 256
    slow = [settled.pop(connection_id) for connection_id in endpoint.scripts]
    assert max(settled.values()) < max(slow), "the others waited for those who are slow"


def test_the_accounts_throttle_slows_everyone_down_and_is_recovered_from(endpoint: FaultyEndpoint) -> None:
    endpoint.latency = 0.002
    allowed, began = itertools.count(), time.monotonic()

    def throttle(_id: str, _headers: dict[str, str]) -> str | None:
        sent = next(allowed)
        return "throttled" if sent > 200 and time.monotonic() - began < 0.5 else None

    endpoint.before = throttle
    deliverer = deliverer_for(endpoint, attempts=8)
    sizes = []
    results = []
    for result in deliverer.deliver(posts(3000), deadline=time.monotonic() + 20):
        results.append(result)
        sizes.append(deliverer.window.size)
    assert Counter(result.outcome for result in results) == {Outcome.DELIVERED: 3000}
    assert min(sizes) < 60
    assert sizes[-1] > 2 * min(sizes)


def test_retries_in_waiting_are_bounded(endpoint: FaultyEndpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delivery, "_WAITING_RETRIES", 50)
    endpoint.default = ["throttled"]
    drawn = 0

    def source() -> Iterator[Post]:
        nonlocal drawn
        for post in posts(2000):
            drawn += 1
            yield post

    run = deliverer_for(endpoint).deliver(source(), deadline=time.monotonic() + 20)
    first = next(run)
    assert first.outcome is Outcome.RETRY
    assert drawn < 50 + 256 + 256
    run.close()  # type: ignore[attr-defined]


# --- credentials


@pytest.mark.parametrize("step", ["expired", "expired_body"])
def test_expired_credentials_stop_the_run(endpoint: FaultyEndpoint, step: str) -> None:
    endpoint.default = [step]
    results = deliver(deliverer_for(endpoint, attempts=1), posts(2000))
    assert outcomes(results) == {Outcome.UNSENT: 2000}
    assert "xpired" in results["c1999="].reason
    assert len(endpoint.all_requests()) <= 256


def test_rotated_credentials_are_picked_up_in_the_run(endpoint: FaultyEndpoint) -> None:
    current = [CREDENTIALS]
    valid = ["token"]
    served = itertools.count()

    def check(_id: str, headers: dict[str, str]) -> str | None:
        if next(served) == 500:
            valid[0], current[0] = "next", Credentials("AKIDNEXT", "other", "next")
        return None if headers["x-amz-security-token"] == valid[0] else "expired"

    endpoint.before = check
    deliverer = Deliverer(endpoint.url, "us-east-1", lambda: current[0])
    assert outcomes(deliver(deliverer, posts(2000))) == {Outcome.DELIVERED: 2000}


def test_credentials_are_read_for_each_call(endpoint: FaultyEndpoint) -> None:
    current = [CREDENTIALS]
    deliverer = Deliverer(endpoint.url, "us-east-1", lambda: current[0])
    deliver(deliverer, posts(1, "a"))
    current[0] = Credentials("AKIDNEXT", "other")
    deliver(deliverer, posts(1, "b"))
    assert "Credential=AKIDNEXT/" in endpoint.requests["b0="][0].headers["authorization"]
    assert "x-amz-security-token" not in endpoint.requests["b0="][0].headers


def test_without_credentials_everything_is_handed_back(endpoint: FaultyEndpoint) -> None:
    def none() -> Credentials:
        raise RuntimeError("no credentials")

    results = deliver(Deliverer(endpoint.url, "us-east-1", none), posts(5))
    assert outcomes(results) == {Outcome.UNSENT: 5}
    assert "no credentials" in results["c4="].reason


def test_missing_permission_is_refused_one_by_one(endpoint: FaultyEndpoint) -> None:
    endpoint.scripts["c0="] = ["forbidden"]
    results = deliver(deliverer_for(endpoint), posts(10))
    assert results["c0="] == Result("c0=", Outcome.REFUSED, 403, "ForbiddenException")
    assert outcomes(results)[Outcome.DELIVERED] == 9


# --- deadline and source


def test_silence_ends_at_the_deadline(endpoint: FaultyEndpoint) -> None:
    endpoint.default = ["silent"]
    began = time.monotonic()
    results = deliver(deliverer_for(endpoint), posts(1000), seconds=0.5)
    assert time.monotonic() - began < 0.8
    assert outcomes(results) == {Outcome.UNSENT: 1000}
    assert {result.reason for result in results.values()} == {"deadline"}


def test_silence_ends_at_the_timeout_and_others_go_on(endpoint: FaultyEndpoint) -> None:
    endpoint.scripts["c0="] = ["silent"]
    began = time.monotonic()
    results = deliver(deliverer_for(endpoint, timeout=0.3, attempts=2), posts(100))
    assert 0.5 < time.monotonic() - began < 2
    assert results["c0="].outcome is Outcome.RETRY
    assert outcomes(results)[Outcome.DELIVERED] == 99


def test_a_past_deadline_sends_nothing(endpoint: FaultyEndpoint) -> None:
    results = deliver(deliverer_for(endpoint), posts(5), seconds=-1)
    assert outcomes(results) == {Outcome.UNSENT: 5}
    assert endpoint.all_requests() == []


def test_posts_are_drawn_as_they_are_needed(endpoint: FaultyEndpoint) -> None:
    drawn = 0

    def source() -> Iterator[Post]:
        nonlocal drawn
        for post in posts(5000):
            drawn += 1
            yield post

    deliverer = deliverer_for(endpoint, max_in_flight=32)
    for number, _ in enumerate(deliverer.deliver(source(), deadline=time.monotonic() + 30)):
        assert drawn <= number + 1 + 3 * 32
    assert drawn == 5000


def test_a_slow_page_or_a_slow_caller_fails_nothing_in_flight(endpoint: FaultyEndpoint) -> None:
    """Both keep the engine from its sockets for longer than an answer may take."""

    def source() -> Iterator[Post]:
        for number, post in enumerate(posts(100)):
            if number in (30, 60):
                time.sleep(0.5)
            yield post

    deliverer = deliverer_for(endpoint, timeout=0.3)
    results = []
    for number, result in enumerate(deliverer.deliver(source(), deadline=time.monotonic() + 20)):
        results.append(result)
        if number == 10:
            time.sleep(0.5)
    assert Counter(result.outcome for result in results) == {Outcome.DELIVERED: 100}
    assert all(len(requests) == 1 for requests in endpoint.requests.values())


def test_a_failing_source_loses_nothing_drawn_before(endpoint: FaultyEndpoint) -> None:
    def source() -> Iterator[Post]:
        yield from posts(70)
        raise LookupError("page")

    deliverer = deliverer_for(endpoint)
    results = []
    with pytest.raises(LookupError, match="page"):  # noqa: PT012 - what comes before is what matters
        for result in deliverer.deliver(source(), deadline=time.monotonic() + 20):
            results.append(result)
    assert Counter(result.outcome for result in results) == {Outcome.DELIVERED: 70}
    assert outcomes(deliver(deliverer, posts(5, "d"))) == {Outcome.DELIVERED: 5}


def test_an_abandoned_run_leaves_a_usable_deliverer(endpoint: FaultyEndpoint) -> None:
    endpoint.latency = 0.01
    deliverer = deliverer_for(endpoint)
    run = deliverer.deliver(posts(500), deadline=time.monotonic() + 20)
    next(run)
    with pytest.raises(RuntimeError, match="not finished"):
        next(deliverer.deliver(posts(1), deadline=time.monotonic() + 20))
    run.close()  # type: ignore[attr-defined]
    results = deliver(deliverer, posts(100, "d"))
    assert outcomes(results) == {Outcome.DELIVERED: 100}


def test_a_result_carries_its_posts_tag(endpoint: FaultyEndpoint) -> None:
    endpoint.scripts["gone"] = ["gone"]
    what = [Post(name, FRAME, tag=name.upper()) for name in ("a", "gone")]
    deliverer = deliverer_for(endpoint)
    results = [
        *deliverer.deliver(what, deadline=time.monotonic() + 5),
        *deliverer.deliver(what, deadline=time.monotonic() - 1),
    ]
    assert [result.tag for result in results] == [result.connection_id.upper() for result in results]
    assert len(results) == 4


def test_each_connection_gets_its_own_frame(endpoint: FaultyEndpoint) -> None:
    frames = [str(number).encode() * (1 + number % 3 * 9000) for number in range(300)]
    what = [Post(f"c{number}", frame) for number, frame in enumerate(frames)]
    deliver(deliverer_for(endpoint, max_in_flight=16), what)
    for post in what:
        assert [request.body for request in endpoint.requests[post.connection_id]] == [post.frame]


def test_a_process_may_end_without_closing(endpoint: FaultyEndpoint) -> None:
    """Python and libcurl are taken down in any order: no crash, no noise."""
    code = f"""
        import time
        from entity_push.delivery import Credentials, Deliverer, Post
        deliverer = Deliverer({endpoint.url!r}, "us-east-1", lambda: Credentials("a", "b", None))
        run = deliverer.deliver([Post(str(n), b"x") for n in range(300)], deadline=time.monotonic() + 9)
        print(next(run).outcome.value)
    """
    lambdas = Path(delivery.__file__).parents[1]
    ended = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        env={**os.environ, "PYTHONPATH": str(lambdas)},
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "delivered\n", "")

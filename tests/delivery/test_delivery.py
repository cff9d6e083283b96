"""The engine's promises, one by one, over real sockets."""

import itertools
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import ReadOnlyCredentials
from entity_push.posting import run as engine_run
from entity_push.posting.deliverer import Deliverer
from entity_push.posting.posts import Outcome, Post, Result
from entity_push.runtime.signing import Credentials

from tests.delivery.engine import CREDENTIALS, FRAME, deliver, deliverer_for, outcomes, posts
from tests.delivery.faults import FaultyEndpoint


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
            signer: Any = SigV4Auth(ReadOnlyCredentials(*CREDENTIALS), "execute-api", "us-east-1")
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


def test_looking_up_tells_who_is_there(endpoint: FaultyEndpoint) -> None:
    endpoint.scripts = {"there": ["ok_with_body"], "gone": ["gone"], "later": ["error_500", "ok_with_body"]}
    deliverer = deliverer_for(endpoint, max_in_flight=1)
    results = deliverer.look_up(endpoint.scripts, deadline=time.monotonic() + 5)
    assert {result.connection_id: result.outcome for result in results} == {
        "there": Outcome.DELIVERED,
        "gone": Outcome.GONE,
        "later": Outcome.DELIVERED,
    }
    assert {(request.method, request.body) for request in endpoint.all_requests()} == {("GET", b"")}
    assert endpoint.connections == 1, "an answer's body costs no HTTP connection"


def test_posts_and_deletes_may_alternate_on_one_connection(endpoint: FaultyEndpoint) -> None:
    deliverer = deliverer_for(endpoint, max_in_flight=1)
    for _ in range(2):
        deliver(deliverer, [Post("a", FRAME), Post("b", b"")])
        list(deliverer.disconnect(["a"], deadline=time.monotonic() + 5))
    seen = [(request.method, request.body) for request in endpoint.requests["a"]]
    assert seen == [("POST", FRAME), ("DELETE", b"")] * 2
    assert [request.body for request in endpoint.requests["b"]] == [b"", b""]
    assert endpoint.connections == 1


# --- throttling and faults


@pytest.mark.parametrize(
    ("step", "status", "times"),
    [
        ("throttled", 429, {5}),  # it comes at once, so it is tried twice more
        ("error_500", 500, {3}),
        # The reset of a kept-alive connection doesn't count, once: it may just have been closed.
        ("reset", None, {3, 4}),
        ("half_status", None, {3, 4}),
    ],
)
def test_what_fails_for_ever_is_handed_back(
    endpoint: FaultyEndpoint, step: str, status: int | None, times: set[int]
) -> None:
    endpoint.scripts["c0="] = [step]
    results = deliver(deliverer_for(endpoint, tries=3), posts(100))
    assert (results["c0="].outcome, results["c0="].status) == (Outcome.RETRY, status)
    assert outcomes(results)[Outcome.DELIVERED] == 99
    assert len(endpoint.requests["c0="]) in times
    if status == 429:
        assert results["c0="].reason == "429 LimitExceededException"


def test_slow_clients_slow_nobody_down(endpoint: FaultyEndpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    """Their own buffers are full: 429 again and again, but for them alone."""
    monkeypatch.setattr(engine_run, "_THROTTLED_PAUSE", 0.002)
    endpoint.latency = 0.005
    for number in range(0, 1000, 25):
        endpoint.scripts[f"c{number}="] = ["throttled"]
    deliverer = deliverer_for(endpoint, tries=9)
    settled: dict[str, float] = {}
    for result in deliverer.deliver(posts(1000), deadline=time.monotonic() + 20):
        settled[result.connection_id] = time.monotonic()
    assert deliverer.window.size > 200, "it began with 256"
    slow = [settled.pop(connection_id) for connection_id in endpoint.scripts]
    assert max(settled.values()) < max(slow), "the others waited for those who are slow"


def test_those_who_are_tried_again_do_not_go_before_all_the_others(
    endpoint: FaultyEndpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine_run, "_THROTTLED_PAUSE", 0.0001)
    for number in range(60):
        endpoint.scripts[f"c{number}="] = ["throttled"]
    run = deliverer_for(endpoint, max_in_flight=8).deliver(posts(120), deadline=time.monotonic() + 20)
    tries = 0
    for result in run:
        if result.outcome is Outcome.DELIVERED:
            tries = sum(len(endpoint.requests[name]) for name in endpoint.scripts)
    assert tries < 200, "of 420: all of them came first"


def test_the_accounts_throttle_slows_everyone_down_and_fails_hardly_anybody(
    endpoint: FaultyEndpoint,
) -> None:
    endpoint.latency = 0.01
    allowed = 100.0  # API Gateway's bucket of tokens
    filled = time.monotonic()

    def throttle(_id: str, _headers: dict[str, str]) -> str | None:
        nonlocal allowed, filled
        now = time.monotonic()
        allowed, filled = min(100.0, allowed + (now - filled) * 3000), now
        if allowed < 1:
            return "throttled"
        allowed -= 1
        return None

    endpoint.before = throttle
    deliverer = deliverer_for(endpoint)
    sizes, results = [], []
    for result in deliverer.deliver(posts(3000), deadline=time.monotonic() + 20):
        results.append(result)
        sizes.append(deliverer.window.size)
    counts = Counter(result.outcome for result in results)
    assert counts[Outcome.DELIVERED] > 2850, counts
    assert min(sizes) < 128, "it was 256"
    requests = max(len(requests) for requests in endpoint.requests.values())
    assert requests <= 7, "each is tried a few times only"


def test_a_crowd_of_slow_clients_ends_and_each_is_tried_a_few_times(
    endpoint: FaultyEndpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No matter how they are told from the account's throttle."""
    monkeypatch.setattr(engine_run, "_THROTTLED_PAUSE", 0.002)
    for number in range(0, 1000, 3):
        endpoint.scripts[f"c{number}="] = ["throttled"]
    results = deliver(deliverer_for(endpoint, tries=3), posts(1000))
    assert outcomes(results) == {Outcome.DELIVERED: 666, Outcome.RETRY: 334}
    assert {len(endpoint.requests[name]) for name in endpoint.scripts} == {5}


def test_the_window_grows_again_when_the_throttle_ends(endpoint: FaultyEndpoint) -> None:
    """The throttle goes by the connections, not by time: a slow machine meets the same."""
    for post in posts(1100)[200:]:
        endpoint.scripts[post.connection_id] = ["throttled", "throttled", "throttled", "ok"]
    deliverer = deliverer_for(endpoint, tries=9)
    sizes, results = [], []
    for result in deliverer.deliver(posts(3000), deadline=time.monotonic() + 120):
        results.append(result)
        sizes.append(deliverer.window.size)
    assert Counter(result.outcome for result in results) == {Outcome.DELIVERED: 3000}
    assert sizes[-1] > 4 * min(sizes)


def test_what_throttling_taught_fades_at_rest(endpoint: FaultyEndpoint) -> None:
    now = time.monotonic()
    deliverer = deliverer_for(endpoint, clock=lambda: now)  # it stands still
    for _ in range(5000):
        deliverer.window.note(throttled=True)
    assert deliverer.window.size == 16
    deliver(deliverer, posts(1, "a"))
    deliver(deliverer, posts(1, "b"))
    assert deliverer.window.size < 17, "there was no rest"
    now += 0.5
    deliver(deliverer, posts(1, "c"))
    assert deliverer.window.size == 256


def test_retries_in_waiting_are_bounded(endpoint: FaultyEndpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine_run, "_MOST_WAITING", 50)
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
    results = deliver(deliverer_for(endpoint, tries=1), posts(2000))
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
    current[0] = Credentials("AKIDNEXT", "other", None)
    deliver(deliverer, posts(1, "b"))
    assert "Credential=AKIDNEXT/" in endpoint.requests["b0="][0].headers["authorization"]
    assert "x-amz-security-token" not in endpoint.requests["b0="][0].headers


def test_without_credentials_everything_is_handed_back(endpoint: FaultyEndpoint) -> None:
    def none() -> Credentials:
        raise RuntimeError("no credentials")

    results = deliver(Deliverer(endpoint.url, "us-east-1", none), posts(5))
    assert outcomes(results) == {Outcome.UNSENT: 5}
    assert "no credentials" in results["c4="].reason


def test_missing_permission_is_one_request_now_and_another_one_in_the_next_round(
    endpoint: FaultyEndpoint,
) -> None:
    endpoint.scripts["c0="] = ["forbidden"]
    results = deliver(deliverer_for(endpoint), posts(10))
    assert results["c0="] == Result("c0=", Outcome.RETRY, 403, "403 ForbiddenException")
    assert len(endpoint.requests["c0="]) == 1
    assert outcomes(results)[Outcome.DELIVERED] == 9

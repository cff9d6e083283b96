"""Nothing is sent to a connection from the second on at which its right to updates ends."""

import time
from collections import Counter
from collections.abc import Iterator

import pytest
from entity_push.posting.posts import Outcome, Post

from tests.delivery.engine import FRAME, deliver, deliverer_for, outcomes, posts
from tests.delivery.faults import FaultyEndpoint

ENDS = 2_000.0


class Clock:
    """The wall clock, as far as the test lets it go on. What measures durations is another one."""

    def __init__(self) -> None:
        self.now = ENDS - 1

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    stopped = Clock()
    monkeypatch.setattr(time, "time", stopped)
    return stopped


@pytest.mark.parametrize("now", [ENDS, ENDS + 1000])
def test_what_has_expired_is_not_sent_and_harms_no_other(
    endpoint: FaultyEndpoint, clock: Clock, now: float
) -> None:
    deliverer = deliverer_for(endpoint)
    deliver(deliverer, posts(50, "earlier"))  # with connections that are there
    clock.now = now
    expired = [Post(f"expired{number}", FRAME, expires=ENDS) for number in range(50)]
    results = deliver(deliverer, [*expired, *posts(50)])
    assert outcomes(results) == {Outcome.EXPIRED: 50, Outcome.DELIVERED: 50}
    assert results["expired0"].status is None
    assert not [request for request in endpoint.all_requests() if "expired" in request.target]


def test_until_the_last_moment_it_is_sent(endpoint: FaultyEndpoint, clock: Clock) -> None:
    clock.now = ENDS - 0.001
    assert outcomes(deliver(deliverer_for(endpoint), [Post("c", FRAME, expires=ENDS)])) == {
        Outcome.DELIVERED: 1
    }


@pytest.mark.parametrize(("step", "status"), [("throttled", 429), ("error_500", 500), ("reset", None)])
def test_what_expires_after_its_first_try_is_not_tried_again(
    endpoint: FaultyEndpoint, clock: Clock, step: str, status: int | None
) -> None:
    def expire(_id: str, _headers: dict[str, str]) -> None:
        clock.now = ENDS

    endpoint.default, endpoint.before = [step, "ok"], expire
    results = deliver(deliverer_for(endpoint), [Post("c", FRAME, expires=ENDS)])
    assert (results["c"].outcome, results["c"].status) == (Outcome.EXPIRED, status)
    assert endpoint.steps("c") == [step]


def test_what_expires_while_its_connection_is_made_is_not_sent(
    endpoint: FaultyEndpoint, clock: Clock
) -> None:
    def source() -> Iterator[Post]:
        yield Post("late", FRAME, expires=ENDS)
        clock.now = ENDS  # both connections are being made
        yield Post("other", FRAME)

    run = deliverer_for(endpoint).deliver(source(), deadline=time.monotonic() + 20)
    assert {result.connection_id: result.outcome for result in run} == {
        "late": Outcome.EXPIRED,
        "other": Outcome.DELIVERED,
    }
    assert [request.target for request in endpoint.all_requests()] == ["/prod/@connections/other"]


def test_many_that_have_expired_are_settled_without_waiting(endpoint: FaultyEndpoint) -> None:
    began = time.monotonic()
    many = (Post(str(number), FRAME, expires=1.0) for number in range(40_000))
    run = deliverer_for(endpoint).deliver(many, deadline=began + 60)
    assert Counter(result.outcome for result in run) == {Outcome.EXPIRED: 40_000}
    assert time.monotonic() - began < 10


def test_a_connection_is_closed_whatever_the_time(endpoint: FaultyEndpoint, clock: Clock) -> None:
    clock.now = ENDS + 10**9
    endpoint.default = ["no_content"]
    (result,) = deliverer_for(endpoint).disconnect(["c"], deadline=time.monotonic() + 20)
    assert result.outcome is Outcome.DELIVERED

"""Who does not answer: a connection, a kept-alive pool, or the endpoint. Each costs one time-out."""

import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from entity_push.posting import transport as transport_module
from entity_push.posting.deliverer import Deliverer
from entity_push.posting.http_connection import Fault
from entity_push.posting.posts import NOT_YET, NotYet, Outcome, Post, Result
from entity_push.posting.transport import Transport

from tests.delivery.engine import FRAME, Clock, deliver, deliverer_for, outcomes, posts
from tests.delivery.faults import FaultyEndpoint

MOST_SECONDS = 6.0
"""The longest time for which one connection that never answers may hold up its batch."""


def test_one_that_never_answers_holds_up_its_batch_for_less_than_six_seconds(
    endpoint: FaultyEndpoint,
) -> None:
    endpoint.scripts["c0="] = ["silent"]
    deliverer = deliverer_for(endpoint)
    began = time.monotonic()
    results = deliver(deliverer, posts(100), seconds=40)
    assert 5.0 < time.monotonic() - began < MOST_SECONDS, "one time-out, and a short one on a new connection"
    assert results["c0="] == Result("c0=", Outcome.RETRY, None, "no answer")
    assert outcomes(results) == {Outcome.DELIVERED: 99, Outcome.RETRY: 1}
    assert len({request.connection for request in endpoint.requests["c0="]}) == 2, (
        "the fault may be the pool's"
    )


def test_one_that_has_failed_before_holds_up_its_batch_for_a_second(endpoint: FaultyEndpoint) -> None:
    endpoint.scripts["c0="] = ["silent"]
    deliverer = deliverer_for(endpoint)
    deliver(deliverer, posts(20, "warm"))
    began = time.monotonic()
    results = deliver(deliverer, [post._replace(suspect=True) for post in posts(1)], seconds=40)
    assert outcomes(results) == {Outcome.RETRY: 1}
    assert 1.0 < time.monotonic() - began < 1.5
    assert len(endpoint.requests["c0="]) == 1


def test_whose_close_is_not_answered_holds_up_for_a_second_if_it_has_failed_before(
    endpoint: FaultyEndpoint,
) -> None:
    endpoint.scripts["c0="] = ["silent"]
    deliverer = deliverer_for(endpoint)
    began = time.monotonic()
    (result,) = deliverer.disconnect(["c0="], deadline=time.monotonic() + 20, suspect=True)
    assert result.outcome is Outcome.RETRY
    assert 1.0 < time.monotonic() - began < 1.5


def test_all_posts_to_one_that_never_answers_wait_together(endpoint: FaultyEndpoint) -> None:
    """Its post of another channel, begun a little later, has no time-out of its own."""
    endpoint.scripts = {"silent": ["silent"], "slow": ["ok"]}
    endpoint.latency = 1.0  # so that the first post of another connection makes the later one due
    deliverer = deliverer_for(endpoint, timeout=1.5)

    def source() -> Iterator[Post | NotYet]:
        yield Post("silent", FRAME, tag=1)
        yield Post("slow", FRAME)
        while "slow" not in settled:
            yield NOT_YET
        yield Post("silent", FRAME, tag=2)

    settled: dict[str, float] = {}
    began = time.monotonic()
    for result in deliverer.deliver(source(), deadline=time.monotonic() + 20):
        settled[f"{result.connection_id}{result.tag or ''}"] = time.monotonic() - began
    assert settled.keys() == {"slow", "silent1", "silent2"}
    assert 2.5 < settled["silent1"] < 3.0
    assert settled["silent2"] < 3.4, "1 s + 1.5 s + 1 s"


def test_after_its_last_time_out_nothing_is_sent_to_it_in_this_run(endpoint: FaultyEndpoint) -> None:
    endpoint.scripts["silent"] = ["silent"]
    what = [Post("silent", FRAME, suspect=True), *(Post("silent", FRAME, tag=n) for n in range(30))]
    deliverer = deliverer_for(endpoint, max_in_flight=1)
    began = time.monotonic()
    results = list(deliverer.deliver(what, deadline=time.monotonic() + 20))
    assert Counter(result.outcome for result in results) == {Outcome.RETRY: 31}
    assert time.monotonic() - began < 1.5
    assert len(endpoint.requests["silent"]) == 1


@pytest.mark.parametrize("sizes", [[3] * 20, [100, 100], [3, 100]])
def test_a_dead_pool_costs_one_time_out(endpoint: FaultyEndpoint, sizes: list[int]) -> None:
    """All kept-alive connections vanished without FIN or RST: what is sent over them is never answered."""
    deliverer = deliverer_for(endpoint)
    deliver(deliverer, posts(300))
    pool = {request.connection for request in endpoint.all_requests()}
    assert len(pool) > 20
    endpoint.vanished |= pool
    began = time.monotonic()
    for number, size in enumerate(sizes):
        results = deliver(deliverer, posts(size, f"d{number}-"), seconds=40)
        assert outcomes(results) == {Outcome.DELIVERED: size}
    assert 4.0 < time.monotonic() - began < MOST_SECONDS, "more than one time-out"


def test_one_that_has_failed_before_is_not_tried_over_a_pool_that_may_be_dead(
    endpoint: FaultyEndpoint,
) -> None:
    deliverer = deliverer_for(endpoint)
    deliver(deliverer, posts(300))
    endpoint.vanished |= {request.connection for request in endpoint.all_requests()}
    what = [post._replace(suspect=True) for post in posts(20, "d")]
    began = time.monotonic()
    assert outcomes(deliver(deliverer, what)) == {Outcome.DELIVERED: 20}
    assert time.monotonic() - began < 1.0


def request(connection_id: str) -> bytes:
    return f"DELETE /prod/@connections/{connection_id} HTTP/1.1\r\nHost: h\r\n\r\n".encode()


def test_a_connection_proven_since_the_silent_request_is_not_distrusted(endpoint: FaultyEndpoint) -> None:
    endpoint.scripts["silent"] = ["silent"]
    deliverer = deliverer_for(endpoint)
    deliver(deliverer, posts(300))
    transport: Transport[Any] = deliverer.transport
    transport.start("silent", request("silent"))
    transport.start("ok", request("ok"))
    while not (ended := transport.wait(1.0)):
        pass
    assert [each.tag for each in ended] == ["ok"]
    assert transport.open > 10
    assert [(each.tag, each.fault) for each in transport.silent(lambda _tag: 0.0)] == [
        ("silent", Fault.SILENT)
    ]
    assert transport.open == 1


def test_what_is_under_way_over_a_dead_pool_ends_soon_after_the_first_time_out(
    endpoint: FaultyEndpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transport_module, "_DOUBTED_SECONDS", 0.5)
    deliverer = deliverer_for(endpoint)
    deliver(deliverer, posts(300))
    endpoint.vanished |= {request.connection for request in endpoint.all_requests()}
    transport: Transport[Any] = deliverer.transport
    patience = {"first": 0.0, "kept": 10.0, "new": 10.0}
    transport.start("first", request("first"))
    transport.start("kept", request("kept"))
    transport.start("new", request("new"), proven_since=time.monotonic() + 1)
    endpoint.scripts["new"] = ["silent"]
    for _ in range(3):
        transport.wait(0.05)
    assert [each.tag for each in transport.silent(patience.__getitem__)] == ["first"]
    time.sleep(0.5)
    assert [each.tag for each in transport.silent(patience.__getitem__)] == ["kept"]
    transport.abandon()


# --- the endpoint's silence


def test_a_silent_endpoint_is_no_connections_fault_and_ends_the_run(endpoint: FaultyEndpoint) -> None:
    endpoint.default = ["silent"]
    began = time.monotonic()
    results = deliver(deliverer_for(endpoint), posts(1000), seconds=40)
    assert time.monotonic() - began < MOST_SECONDS + 1, "it waited for each of its posts"
    assert outcomes(results).keys() == {Outcome.SILENT, Outcome.UNSENT}
    assert {result.reason for result in results.values() if result.outcome is Outcome.UNSENT} == {
        "the endpoint does not answer"
    }


@pytest.mark.parametrize(
    ("silent", "others", "outcome"),
    [(1, 0, Outcome.RETRY), (1, 3, Outcome.RETRY), (2, 8, Outcome.RETRY), (2, 7, Outcome.SILENT)],
)
def test_more_than_a_fifth_is_the_endpoints_fault_unless_it_is_a_single_one(
    endpoint: FaultyEndpoint, silent: int, others: int, outcome: Outcome
) -> None:
    endpoint.scripts = {f"c{number}=": ["silent"] for number in range(silent)}
    results = deliver(deliverer_for(endpoint, timeout=0.3), posts(silent + others))
    assert {results[name].outcome for name in endpoint.scripts} == {outcome}
    assert outcomes(results)[Outcome.DELIVERED] == others


def test_any_answer_shows_that_the_endpoint_lives(endpoint: FaultyEndpoint) -> None:
    endpoint.scripts = {name: ["silent"] for name in ("c0=", "c1=")}
    endpoint.default = ["error_500"]
    results = deliver(deliverer_for(endpoint, timeout=0.3, tries=2), posts(12))
    assert outcomes(results) == {Outcome.RETRY: 12}


# --- clocks


def test_a_wall_clock_that_was_set_back_tells_nothing(endpoint: FaultyEndpoint) -> None:
    clock = Clock(time.time)
    deliverer = deliverer_for(endpoint, wall_clock=clock)
    deliver(deliverer, posts(20))
    before = endpoint.connections
    clock.pass_by(-3600)
    deliver(deliverer, posts(1, "d"))
    assert endpoint.connections == before + 1


def test_the_clock_of_idleness_goes_on_while_the_function_is_frozen(endpoint: FaultyEndpoint) -> None:
    """The monotonic clock may stand still there."""
    frozen, wall = time.monotonic(), Clock(time.time)
    settings: dict[str, Any] = {"clock": lambda: frozen, "wall_clock": wall}
    deliverer: Deliverer = deliverer_for(endpoint, **settings)
    deliver(deliverer, posts(1))
    wall.pass_by(61)
    deliver(deliverer, posts(1, "d"))
    assert endpoint.connections == 2

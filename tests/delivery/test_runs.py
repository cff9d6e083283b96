"""One call of the engine: its deadline, its source, its caller, its end."""

import math
import os
import subprocess
import sys
import textwrap
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from entity_push.posting.posts import NOT_YET, NotYet, Outcome, Post, Result
from entity_push.protocol.events import Update
from entity_push.push.delivery import Delivery
from entity_push.push.messages import Chunk
from entity_push.push.sequencer import Sequencer

from tests.delivery.engine import FRAME, deliver, deliverer_for, outcomes, posts, waits_of
from tests.delivery.faults import FaultyEndpoint


def test_silence_ends_at_the_deadline(endpoint: FaultyEndpoint) -> None:
    endpoint.default = ["silent"]
    began = time.monotonic()
    results = deliver(deliverer_for(endpoint, timeout=20), posts(1000), seconds=0.5)
    assert time.monotonic() - began < 10
    assert outcomes(results) == {Outcome.UNSENT: 1000}
    assert {result.reason for result in results.values()} == {"deadline"}


def test_silence_ends_at_the_timeout_and_others_go_on(endpoint: FaultyEndpoint) -> None:
    endpoint.scripts["c0="] = ["silent"]
    began = time.monotonic()
    results = deliver(deliverer_for(endpoint, timeout=0.3, tries=2), posts(100))
    assert 0.5 < time.monotonic() - began < 10
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


def _chains(links: int, chains: int) -> tuple[Iterator[Post | NotYet], Callable[[Result], None]]:
    """A source whose posts become due one after the other, each by the result of the one before."""
    due = [Post(f"c{number}=", FRAME, tag=1) for number in range(chains)]
    unsettled = chains

    def source() -> Iterator[Post | NotYet]:
        while unsettled:
            yield due.pop() if due else NOT_YET

    def note(result: Result) -> None:
        nonlocal unsettled
        assert isinstance(result.tag, int)
        if result.tag == links:
            unsettled -= 1
            return
        last = result.tag + 1 == links
        due.append(Post(result.connection_id, FRAME, result.tag + 1, expires=1 if last else math.inf))

    return source(), note


def test_posts_may_become_due_by_results(endpoint: FaultyEndpoint) -> None:
    source, note = _chains(links=40, chains=1)
    deliverer, got = deliverer_for(endpoint), list[Outcome]()
    waits = waits_of(deliverer)
    for result in deliverer.deliver(source, deadline=time.monotonic() + 20):
        got.append(result.outcome)
        note(result)
    assert got == [Outcome.DELIVERED] * 39 + [Outcome.EXPIRED]
    assert all(in_flight or not seconds for seconds, in_flight in waits), "it waited for nothing"


def test_while_nothing_is_due_the_engine_sleeps(endpoint: FaultyEndpoint) -> None:
    endpoint.latency = 1.0
    source, note = _chains(links=2, chains=3)
    deliverer, results = deliverer_for(endpoint), 0
    waits = waits_of(deliverer)
    for result in deliverer.deliver(source, deadline=time.monotonic() + 20):
        note(result)
        results += 1
    assert results == 6
    assert len(waits) < 100, "two rounds of a second, in which it looks for silence every 0.1 s"


def test_at_the_deadline_an_answer_that_has_begun_counts_and_a_silent_post_is_unsent(
    endpoint: FaultyEndpoint,
) -> None:
    endpoint.scripts = {"c0=": ["ok_then_silent"], "c1=": ["silent"]}
    results = deliver(deliverer_for(endpoint), posts(2), seconds=0.5)
    found = {name: (result.outcome, result.reason) for name, result in results.items()}
    assert found == {"c0=": (Outcome.DELIVERED, ""), "c1=": (Outcome.UNSENT, "deadline")}


def test_what_becomes_due_after_the_deadline_is_reported_too(endpoint: FaultyEndpoint) -> None:
    endpoint.default = ["silent"]
    source, note = _chains(links=3, chains=300)
    results = []
    for result in deliverer_for(endpoint).deliver(source, deadline=time.monotonic() + 0.3):
        results.append(result)
        note(result)
    assert Counter(result.outcome for result in results) == {Outcome.UNSENT: 900}


def test_who_does_not_answer_holds_up_nobodys_later_updates(endpoint: FaultyEndpoint) -> None:
    endpoint.scripts["c0="] = ["silent"]
    subscribers = {post.connection_id: 2**40 for post in posts(20)}
    deliveries = [
        Delivery(f"r{number}", Chunk(Update("entity/e1", f"id-{number}", FRAME, 7, number), subscribers))
        for number in (1, 2, 3)
    ]
    sequencer = Sequencer(deliveries)
    deliverer = deliverer_for(endpoint, timeout=3, tries=1)
    settled = []
    for result in deliverer.deliver(sequencer, deadline=time.monotonic() + 20):
        sequencer.note(result)
        settled.append(result.outcome)
    assert settled == [Outcome.DELIVERED] * 57 + [Outcome.RETRY], "the others waited for it"
    assert [(each.delivered, each.retry) for each in deliveries] == [(19, ["c0="])] * 3
    assert len(endpoint.requests["c0="]) == 1


def test_a_source_that_waits_for_nothing_ends_the_run(endpoint: FaultyEndpoint) -> None:
    def source() -> Iterator[Post | NotYet]:
        yield from posts(3)
        while True:
            yield NOT_YET

    deliverer = deliverer_for(endpoint)
    waits = waits_of(deliverer)
    results = list(deliverer.deliver(source(), deadline=time.monotonic() + 20))
    assert len(results) == 3
    assert all(in_flight or not seconds for seconds, in_flight in waits), "it waited for nothing"


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
    """Whatever Python takes down first: no crash, no noise."""
    code = f"""
        import time
        from entity_push.runtime.signing import Credentials
        from entity_push.posting.deliverer import Deliverer
        from entity_push.posting.posts import Post
        deliverer = Deliverer({endpoint.url!r}, "us-east-1", lambda: Credentials("a", "b", None))
        run = deliverer.deliver([Post(str(n), b"x") for n in range(300)], deadline=time.monotonic() + 9)
        print(next(run).outcome.value)
    """
    lambdas = Path(__file__).parents[2] / "lambdas"
    ended = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        env={**os.environ, "PYTHONPATH": str(lambdas)},
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "delivered\n", "")


def test_a_post_that_begins_later_lets_others_go_first(endpoint: FaultyEndpoint) -> None:
    begins = time.monotonic() + 0.3
    later = [Post(f"later{number}", FRAME, begins=begins) for number in range(20)]
    came = list(deliverer_for(endpoint).deliver([*later, *posts(20)], deadline=time.monotonic() + 20))
    assert time.monotonic() >= begins
    assert [result.connection_id.startswith("later") for result in came] == [False] * 20 + [True] * 20
    assert {result.outcome for result in came} == {Outcome.DELIVERED}


def test_nothing_else_to_do_uses_no_cpu_until_a_post_begins(endpoint: FaultyEndpoint) -> None:
    deliverer, used = deliverer_for(endpoint), time.process_time()
    waits = waits_of(deliverer)
    (result,) = deliverer.deliver(
        [Post("c0=", FRAME, begins=time.monotonic() + 0.5)], deadline=time.monotonic() + 20
    )
    assert result.outcome is Outcome.DELIVERED
    assert len(waits) < 30
    assert time.process_time() - used < 0.4


def test_a_post_that_would_begin_after_the_run_is_unsent(endpoint: FaultyEndpoint) -> None:
    what = [Post("later", FRAME, begins=time.monotonic() + 60), *posts(3)]
    results = deliver(deliverer_for(endpoint), what, seconds=0.5)
    assert outcomes(results) == {Outcome.DELIVERED: 3, Outcome.UNSENT: 1}
    assert results["later"].outcome is Outcome.UNSENT

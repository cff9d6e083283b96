"""One call of the engine: its deadline, its source, its caller, its end."""

import os
import subprocess
import sys
import textwrap
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from entity_push import delivery
from entity_push.delivery import Outcome, Post

from tests.delivery.engine import FRAME, deliver, deliverer_for, outcomes, posts
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
    results = deliver(deliverer_for(endpoint, timeout=0.3, attempts=2), posts(100))
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

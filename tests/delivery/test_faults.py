"""Random mixes of faults: nothing is lost, nothing invented, nobody pays for a neighbour."""

import time
from collections import Counter
from collections.abc import Iterator

import pytest
from entity_push.posting import run
from entity_push.posting.deliverer import Deliverer
from entity_push.posting.posts import Outcome, Post, Result
from entity_push.runtime.signing import Credentials
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.delivery import faults
from tests.delivery.faults import FaultyEndpoint

CREDENTIALS = Credentials("AKIDEXAMPLE", "secret", "token")
ATTEMPTS = 4

TEMPORARY = st.sampled_from(sorted(faults.RETRIED | faults.AMBIGUOUS - {"silent"}))
LASTING = st.sampled_from(
    sorted(faults.DELIVERED | faults.REFUSED | faults.FORBIDDEN | faults.GONE | {"throttled", "error_500"})
)
# At most one silence, because each costs the whole timeout, and fewer faults than attempts.
SCRIPTS = st.tuples(st.lists(TEMPORARY, max_size=2), st.sampled_from([[], [], [], ["silent"]]), LASTING).map(
    lambda parts: [*parts[0], *parts[1], parts[2]]
)
FRAMES = st.lists(
    st.binary(max_size=40) | st.binary(min_size=1, max_size=4).map(lambda unit: unit * 20_000),
    min_size=1,
    max_size=3,
)


@pytest.fixture(autouse=True, scope="module")
def quick() -> Iterator[None]:
    patch = pytest.MonkeyPatch()
    patch.setattr(run, "_THROTTLED_PAUSE", 0.004)
    patch.setattr(run, "_FAILED_PAUSE", 0.004)
    patch.setattr(run, "_SWEEP_SECONDS", 0.02)
    yield
    patch.undo()


def expected_outcome(script: list[str]) -> Outcome:
    last = script[-1]
    if last in faults.DELIVERED:
        return Outcome.DELIVERED
    if last in faults.GONE:
        return Outcome.GONE
    return Outcome.REFUSED if last in faults.REFUSED else Outcome.RETRY


def check(endpoint: FaultyEndpoint, posts: list[Post], results: list[Result]) -> None:
    """The invariants, for posts with distinct connection ids."""
    assert Counter(r.connection_id for r in results) == Counter(p.connection_id for p in posts)
    counts = Counter(result.outcome for result in results)
    assert sum(counts.values()) == len(posts)
    by_id = {result.connection_id: result for result in results}
    for post in posts:
        script = endpoint.scripts[post.connection_id]
        result, steps = by_id[post.connection_id], endpoint.steps(post.connection_id)
        assert result.outcome is expected_outcome(script), (result, steps)
        received = endpoint.requests[post.connection_id]
        assert all(request.body == post.frame and request.method == "POST" for request in received)
        got = sum(step in faults.DELIVERED for step in steps)
        assert got == (result.outcome is Outcome.DELIVERED), (script, steps, result)
        if len(script) == 1 and result.outcome is not Outcome.RETRY:
            assert steps == script, "one that never failed was sent more than once"
        for step in steps[:-1]:
            assert step in faults.RETRIED | faults.AMBIGUOUS, "sent again after a final answer"
        unambiguous = [step for step in steps if step not in faults.AMBIGUOUS]
        assert len(unambiguous) <= ATTEMPTS + run._THROTTLED_TRIES


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    scripts=st.lists(SCRIPTS, min_size=1, max_size=40),
    frames=FRAMES,
    in_flight=st.sampled_from([1, 3, 8, 256]),
    rounds=st.integers(1, 2),
)
def test_any_mix_of_faults(
    scripts: list[list[str]], frames: list[bytes], in_flight: int, rounds: int
) -> None:
    with FaultyEndpoint() as endpoint:
        deliverer = Deliverer(
            endpoint.url,
            "us-east-1",
            lambda: CREDENTIALS,
            max_in_flight=in_flight,
            tries=ATTEMPTS,
            timeout=0.25,
        )
        for number in range(rounds):  # the second round meets what the first left of connections
            posts = []
            for index, script in enumerate(scripts):
                connection_id = f"{number}+{index}/-_="
                endpoint.scripts[connection_id] = script
                posts.append(Post(connection_id, frames[index % len(frames)]))
            results = list(deliverer.deliver(iter(posts), deadline=time.monotonic() + 30))
            check(endpoint, posts, results)
        deliverer.close()


@settings(max_examples=15, deadline=None)
@given(
    scripts=st.lists(st.lists(st.sampled_from(faults.STEPS), min_size=1, max_size=4), max_size=60),
    seconds=st.sampled_from([0.0, 0.05, 0.3, 0.6]),
    in_flight=st.sampled_from([2, 20]),
)
def test_the_deadline_holds_whatever_happens(
    scripts: list[list[str]], seconds: float, in_flight: int
) -> None:
    with FaultyEndpoint() as endpoint:
        deliverer = Deliverer(
            endpoint.url, "us-east-1", lambda: CREDENTIALS, max_in_flight=in_flight, timeout=8
        )
        endpoint.scripts = {str(index): script for index, script in enumerate(scripts)}
        posts = [Post(connection_id, b"frame") for connection_id in endpoint.scripts]
        began = time.monotonic()
        results = list(deliverer.deliver(posts, deadline=began + seconds))
        assert time.monotonic() - began < seconds + 5
        assert sorted(r.connection_id for r in results) == sorted(p.connection_id for p in posts)
        for result in results:
            steps = endpoint.steps(result.connection_id)
            delivered = [step for step in steps if step in faults.DELIVERED]
            if result.outcome is Outcome.DELIVERED:
                assert delivered
            if delivered and result.outcome is not Outcome.DELIVERED:
                assert result.outcome is Outcome.UNSENT
                assert result.reason == "deadline", "cut off while the answer was on its way"
        deliverer.close()

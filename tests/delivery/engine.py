"""Shared by the tests of the engine."""

import time
from collections import Counter
from collections.abc import Callable
from typing import Any

from entity_push.posting.deliverer import Deliverer
from entity_push.posting.posts import Outcome, Post, Result
from entity_push.runtime.signing import Credentials

from tests.delivery.faults import FaultyEndpoint

CREDENTIALS = Credentials("AKIDEXAMPLE", "secret", "token")
FRAME = b'{"type":"Entity Updated"}'


def deliverer_for(endpoint: FaultyEndpoint, **settings: Any) -> Deliverer:
    return Deliverer(endpoint.url, "us-east-1", lambda: CREDENTIALS, **settings)


def posts(count: int, prefix: str = "c") -> list[Post]:
    return [Post(f"{prefix}{number}=", FRAME) for number in range(count)]


class Clock:
    """A clock, which a test can set forward instead of sleeping."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._ahead = clock, 0.0

    def __call__(self) -> float:
        return self._clock() + self._ahead

    def pass_by(self, seconds: float) -> None:
        """Let time pass."""
        self._ahead += seconds


def waits_of(deliverer: Deliverer) -> list[tuple[float, int]]:
    """Return a list that fills with each wait: its seconds, and the requests in flight."""
    waits: list[tuple[float, int]] = []
    wait = deliverer.transport.wait

    def note(seconds: float) -> Any:
        waits.append((seconds, deliverer.transport.in_flight))
        return wait(seconds)

    deliverer.transport.wait = note  # type: ignore[method-assign]
    return waits


def deliver(deliverer: Deliverer, what: list[Post], seconds: float = 20.0) -> dict[str, Result]:
    results = list(deliverer.deliver(what, deadline=deliverer._clock() + seconds))
    assert sorted(r.connection_id for r in results) == sorted(p.connection_id for p in what)
    return {result.connection_id: result for result in results}


def outcomes(results: dict[str, Result]) -> Counter[Outcome]:
    return Counter(result.outcome for result in results.values())

"""What the tests of the engine share."""

import time
from collections import Counter
from typing import Any

from botocore.credentials import ReadOnlyCredentials
from entity_push.posting.deliverer import Deliverer, Outcome, Post, Result

from tests.delivery.faults import FaultyEndpoint

CREDENTIALS = ReadOnlyCredentials("AKIDEXAMPLE", "secret", "token")
FRAME = b'{"type":"Entity Updated"}'


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

"""The time from a batch to its first post: ten updates of ten entities, with DynamoDB calls of 10 ms.

    python -m benchmarks.first_post

The whole push function runs. Stand-ins for DynamoDB, SQS and @connections are around it, over HTTP. Calls
that are made at once take 10 ms together. A new worker's first batch finds nothing in its memory; each later
batch is of the same entities. The baseline is the code from before the log. The two get batches in turn.
"""

import json
import queue
import statistics
import time
import uuid
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks import growth, report
from testbed import release

CALL_MS = 10
MOST_CALLS = 3  # the target
ENTITIES = 10
WORKERS = 3
BATCHES = 10

BEFORE = {"HEAD_SECONDS": "2592000"}
"""What the code from before the log reads besides."""


class Found(NamedTuple):
    """The milliseconds until a batch's first post, and how many calls were made one after the other.

    On a busy machine, calls that were made at once may look like calls in a row: the fewest is the right one.
    """

    ms: float
    calls: int


class SlowAws(growth.Aws):
    """The stand-ins of `benchmarks.growth`, with slow calls to DynamoDB, and with @connections.

    Attributes:
        posted: the `time.monotonic()` of each post.
        calls: the `time.monotonic()` of each call and of its answer.
    """

    def __init__(self) -> None:
        super().__init__()
        self.posted: list[float] = []
        self.calls: list[tuple[float, float]] = []
        self.subscribe(1)

    def answer(self, operation: str, request: dict[str, Any]) -> bytes:
        """Answer a call after its time."""
        began = time.monotonic()
        time.sleep(CALL_MS / 1000)
        self.calls.append((began, time.monotonic()))
        return super().answer(operation, request)

    def post(self) -> bytes:
        """Take a post."""
        self.posted.append(time.monotonic())
        return b""

    def in_a_row(self) -> int:
        """Return how many of the calls were made one after the other."""
        count, last = 0, 0.0
        for began, ended in sorted(self.calls, key=lambda call: call[1]):
            if began >= last:
                count, last = count + 1, ended
        return count


class Version:
    """Workers with one version of the push function, one at a time.

    Args:
        lambdas: the folder with the version's functions.
        **others: variables that it needs besides today's.
    """

    def __init__(self, lambdas: Path, **others: str):
        self._aws = SlowAws()
        self._environment = {**growth.environment(self._aws, self._aws.url, lambdas), **others}
        self._idle: queue.Queue[growth.Worker] = queue.Queue()
        self._worker: growth.Worker | None = None

    def renew(self) -> None:
        """Start a new worker in the place of the one there is, if any."""
        self.close()
        self._worker = growth.Worker(self._environment, self._idle)
        self._idle.get(timeout=60)

    def push(self) -> Found:
        """Push a batch; return the milliseconds until the first post, and the calls in a row."""
        assert self._worker is not None
        self._aws.posted.clear()
        self._aws.calls.clear()
        bodies = [_body(f"entity-{number}") for number in range(ENTITIES)]
        began = time.monotonic()
        self._worker.run(bodies)
        self._idle.get(timeout=60)
        assert self._worker.failed is None, self._worker.failed
        assert len(self._aws.posted) == ENTITIES, "not every update was posted once"
        return Found((self._aws.posted[0] - began) * 1000, self._aws.in_a_row())

    def close(self) -> None:
        """End the worker."""
        if self._worker is not None:
            self._worker.process.kill()
            self._worker.process.wait()


def _body(entity_id: str) -> str:
    detail = {"entityId": entity_id, "message": "x" * 140}
    now = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
    return json.dumps(
        {
            "id": str(uuid.uuid4()),
            "source": "shop",
            "detail-type": "Entity Updated",
            "time": now,
            "detail": detail,
        }
    )


def _text(found: Found) -> str:
    return f"{found.ms:.0f} ms, {found.calls} calls in a row"


def main() -> None:
    """Measure, print, and add to build/bench.json."""
    lambdas = release.sources(release.BEFORE_THE_LOG) / "lambdas"
    first: list[tuple[Found, Found]] = []
    later: list[tuple[Found, Found]] = []
    with closing(Version(growth.ROOT / "lambdas")) as now, closing(Version(lambdas, **BEFORE)) as before:
        for _ in range(WORKERS):
            now.renew()
            before.renew()
            first.append((now.push(), before.push()))
            later += [(now.push(), before.push()) for _ in range(BATCHES)]
    entries = []
    for what, figures in (("first batch", first), ("later batches", later)):
        name = f"first post: ten entities, a worker's {what}"
        ours, theirs = (
            Found(statistics.median(one.ms for one in some), min(one.calls for one in some))
            for some in zip(*figures, strict=True)
        )
        print(f"{name}: {_text(ours)}; before the log {_text(theirs)}")
        entries.append(report.entry(name, ours.ms, "ms", theirs.ms))
        entries.append(report.entry(f"{name}, calls in a row", ours.calls, "calls", theirs.calls))
    print(f"target for later batches: the time of {MOST_CALLS} calls, {MOST_CALLS * CALL_MS} ms")
    report.write(entries)


if __name__ == "__main__":
    try:
        main()
    except release.NoHistoryError as error:
        print(f"LEFT OUT: {error}")

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
from typing import Any

from benchmarks import growth, report
from testbed import release

CALL_MS = 10
MOST_CALLS = 3  # the target
ENTITIES = 10
WORKERS = 3
BATCHES = 10

BEFORE = {"HEAD_SECONDS": "2592000"}
"""What the code from before the log reads besides."""


class SlowAws(growth.Aws):
    """The stand-ins of `benchmarks.growth`, with slow calls to DynamoDB, and with @connections.

    Attributes:
        posted: the `time.monotonic()` of each post.
    """

    def __init__(self) -> None:
        super().__init__()
        self.posted: list[float] = []
        self.subscribe(1)

    def answer(self, operation: str, request: dict[str, Any]) -> bytes:
        """Answer a call after its time."""
        time.sleep(CALL_MS / 1000)
        return super().answer(operation, request)

    def post(self) -> bytes:
        """Take a post."""
        self.posted.append(time.monotonic())
        return b""


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

    def push(self) -> float:
        """Push a batch; return the milliseconds until the first post."""
        assert self._worker is not None
        self._aws.posted.clear()
        bodies = [_body(f"entity-{number}") for number in range(ENTITIES)]
        began = time.monotonic()
        self._worker.run(bodies)
        self._idle.get(timeout=60)
        assert self._worker.failed is None, self._worker.failed
        assert len(self._aws.posted) == ENTITIES, "not every update was posted once"
        return (self._aws.posted[0] - began) * 1000

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


def main() -> None:
    """Measure, print, and add to build/bench.json."""
    lambdas = release.sources(release.BEFORE_THE_LOG) / "lambdas"
    first: list[tuple[float, float]] = []
    later: list[tuple[float, float]] = []
    with closing(Version(growth.ROOT / "lambdas")) as now, closing(Version(lambdas, **BEFORE)) as before:
        for _ in range(WORKERS):
            now.renew()
            before.renew()
            first.append((now.push(), before.push()))
            later += [(now.push(), before.push()) for _ in range(BATCHES)]
    entries = []
    for what, figures in (("first batch", first), ("later batches", later)):
        ours, theirs = map(statistics.median, zip(*figures, strict=True))
        calls = f"{ours / CALL_MS:.1f} calls; before the log {theirs:.0f} ms"
        print(f"a worker's {what}: the first post after {ours:.0f} ms, the time of {calls}")
        entries.append(report.entry(f"first post: ten entities, a worker's {what}", ours, "ms", theirs))
    print(f"target: at most {MOST_CALLS} calls for a worker that knows the entities")
    report.write(entries)


if __name__ == "__main__":
    try:
        main()
    except release.NoHistoryError as error:
        print(f"LEFT OUT: {error}")

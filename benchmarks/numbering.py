"""The updates per second that one channel takes, and their write units, with 1 to 8 workers at once.

    python -m benchmarks.numbering

DynamoDB is a stand-in that takes 10 ms for every call; a call takes effect in the middle. So a chain of
appends, each after the one before, can't exceed 1,000 updates/s in batches of ten. A worker stores a batch,
then reads the subscribers (another 10 ms), as the push function does, and at once takes the next batch. An
update is a frame of 300 bytes that hardly compresses. Write units follow DynamoDB's rules, and refused puts
count (`testbed.metering`).

The baseline is the code from before the log, in a process of its own with its own benchmark. Rounds are
interleaved. One worker is also compared with the bare calls: a put and a query.
"""

import math
import random
import statistics
import string
import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any, NamedTuple

from entity_push.protocol import frames
from entity_push.protocol.events import Event
from entity_push.runtime.aws_errors import RefusedError
from entity_push.table.calls import one_by_one
from entity_push.table.calls import run as run_task
from entity_push.table.history import History

from benchmarks import report
from testbed import release
from testbed.metering import item_size

LATENCY = 0.010
SECONDS = 3.0
ROUNDS = 3
WORKERS = (1, 2, 4, 8)
BATCH = 10
FRAME_BYTES = 300
MOST_UNITS = 1.0  # the target per update
FASTER = 1.15  # the target with 4 and 8 workers, over the code from before the log

CHANNEL = "entity/e1"
Item = dict[str, Any]
Key = tuple[str, str]


class Found(NamedTuple):
    """A run's updates per second, and write units per update."""

    speed: float
    units: float


class StandIn:
    """DynamoDB with one table, as far as appending calls it.

    Attributes:
        items: the items by their keys, a channel's segments in the order of their numbers.
        write_units: the write units so far.
    """

    def __init__(self) -> None:
        self.items: dict[Key, Item] = {}
        self.write_units = 0
        self._lock = threading.Lock()

    def get_item(self, *, Key: Item, **_others: Any) -> Item:  # noqa: N803 - AWS's names
        """Read one item."""
        time.sleep(LATENCY / 2)
        with self._lock:
            found = self.items.get(_key(Key))
        time.sleep(LATENCY / 2)
        return {"Item": found} if found else {}

    def put_item(self, *, Item: Item, **_others: Any) -> Item:  # noqa: N803
        """Write an item if there is none."""
        time.sleep(LATENCY / 2)
        with self._lock:
            old = self.items.setdefault(_key(Item), Item)
            self.write_units += math.ceil(max(item_size(old), item_size(Item)) / 1024)
        time.sleep(LATENCY / 2)
        if old is not Item:
            raise RefusedError("PutItem", "ConditionalCheckFailedException", members={"Item": old})
        return {}

    def query(
        self,
        *,
        ExpressionAttributeValues: Item,  # noqa: N803
        ScanIndexForward: bool,  # noqa: N803
        Limit: int,  # noqa: N803
        **_others: Any,
    ) -> Item:
        """Read the segments between two."""
        time.sleep(LATENCY / 2)
        first, last = (ExpressionAttributeValues[name]["S"] for name in (":first", ":last"))
        with self._lock:
            items = list(self.items.items())
        found = [item for (_, sk), item in items if first <= sk <= last]
        time.sleep(LATENCY / 2)
        return {"Items": (found if ScanIndexForward else found[::-1])[:Limit]}


def _key(item: Item) -> Key:
    return item["pk"]["S"], item["sk"]["S"]


def _event() -> Event:
    event_id, now = str(uuid.uuid4()), datetime.now(UTC)
    frame = {"type": "Entity Updated", "entityId": "e1", "id": event_id, "time": f"{now:%Y-%m-%dT%H:%M:%SZ}"}
    room = FRAME_BYTES - len(frames.encode({**frame, "message": ""}))
    message = "".join(random.choices(string.ascii_letters + string.digits, k=room))
    return Event(CHANNEL, event_id, {**frame, "message": message}, round(now.timestamp() * 1000))


def run(workers: int) -> Found:
    """Let workers store batches; check that the numbers have no holes."""
    table = StandIn()
    most = round(SECONDS / LATENCY / 2)
    batches = [[[_event() for _ in range(BATCH)] for _ in range(most)] for _ in range(workers)]
    ends = time.monotonic() + SECONDS

    def work(own: list[list[Event]]) -> int:
        history, count = History("table", replay_seconds=86_400), 0
        for events in own:
            if time.monotonic() < ends:
                count += len(run_task(history.append(events), one_by_one(table)).updates)
                time.sleep(LATENCY)
        return count

    with ThreadPoolExecutor(workers) as pool:
        total = sum(pool.map(work, batches))
    numbers = [int(sk[-16:]) for _, sk in table.items if sk.startswith("LOG#")]
    assert numbers == list(range(1, total + 1, BATCH)), "numbers are not contiguous"
    return Found(total / SECONDS, table.write_units / total)


def run_before(workers: int) -> float:
    """Return the updates per second of the code from before the log, measured by its own benchmark."""
    code = f"from benchmarks import numbering; print(numbering.run({workers}, {BATCH}))"
    return float(release.run(code, release.sources(release.BEFORE_THE_LOG)))


def bare() -> float:
    """Return the updates per second of one worker that only puts and reads, without a history."""
    count, ends = 0, time.monotonic() + SECONDS
    while time.monotonic() < ends:
        for _ in range(4):
            time.sleep(LATENCY / 2)
        count += BATCH
    return count / SECONDS


def measure(workers: int) -> list[report.Entry]:
    """Measure now and before in turn; print, and return the entries."""
    rounds = [(run(workers), run_before(workers)) for _ in range(ROUNDS)]
    speed = statistics.median(now.speed for now, _ in rounds)
    units = statistics.median(now.units for now, _ in rounds)
    before = statistics.median(then for _, then in rounds)
    print(
        f"{workers} workers: {speed:4.0f} updates/s, {speed / before:.2f} x the {before:.0f} before the log;"
        f" {units:.2f} write units per update"
    )
    name = f"numbering: {{}}, {workers} workers, one channel"
    return [
        report.entry(name.format("updates/s"), speed, "1/s", before),
        report.entry(name.format("write units per update"), units, "units", MOST_UNITS),
    ]


def main() -> None:
    """Measure, print, and add to build/bench.json."""
    print(f"targets: {FASTER} x with 4 and 8 workers, at most {MOST_UNITS} write units per update")
    entries = [entry for workers in WORKERS for entry in measure(workers)]
    rounds = [(run(1).speed, bare()) for _ in range(ROUNDS)]
    alone, limit = (statistics.median(figures) for figures in zip(*rounds, strict=True))
    print(f"1 worker: {alone:.0f} updates/s; a put and a query alone: {limit:.0f}")
    entries.append(report.entry("numbering: updates/s, 1 worker over bare calls", alone, "1/s", limit))
    report.write(entries)


if __name__ == "__main__":
    try:
        main()
    except release.NoHistoryError as error:
        print(f"LEFT OUT: {error}")

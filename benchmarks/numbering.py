"""The updates per second that one channel takes, with 1 to 8 workers numbering at once.

    python -m benchmarks.numbering

DynamoDB is a stand-in that takes 10 ms for every call. Its TransactWriteItems does what the history needs:
conditions, all or nothing, the old item on failure. A transaction holds its items for half of the 10 ms.
Other transactions at these items are refused with TransactionConflict then, as by DynamoDB. Updates come in
batches of ten, as from the queue. After each batch a worker reads the subscribers (another 10 ms), as the
push function does. One figure is of storing alone. The baseline is one worker that gets one update per batch.
"""

import statistics
import threading
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from botocore.exceptions import ClientError
from entity_push.protocol.events import Event
from entity_push.table.history import History

from benchmarks import report

LATENCY = 0.010
SECONDS = 3.0
TARGET = 500
Item = dict[str, Any]


class StandIn:
    """DynamoDB with one table, as far as a channel's history calls it."""

    def __init__(self) -> None:
        self.items: dict[tuple[str, str], Item] = {}
        self._busy: set[tuple[str, str]] = set()
        self._lock = threading.Lock()

    def get_item(self, *, Key: Item, **_others: Any) -> Item:  # noqa: N803 - AWS's names
        """Read one item."""
        time.sleep(LATENCY)
        with self._lock:
            found = self.items.get(_key(Key))
        return {"Item": found} if found else {}

    def transact_write_items(self, *, TransactItems: list[Item]) -> Item:  # noqa: N803
        """Write all or nothing."""
        keys = [
            _key(action.get("Update", {}).get("Key") or action["Put"]["Item"]) for action in TransactItems
        ]
        time.sleep(LATENCY / 4)
        with self._lock:
            if conflicts := [key in self._busy for key in keys].count(True):
                self._cancel("TransactionConflict" if key in self._busy else "None" for key in keys)
                assert conflicts
            self._busy |= set(keys)
        time.sleep(LATENCY / 2)
        with self._lock:
            self._busy -= set(keys)
            failed = [self._fails(action, key) for action, key in zip(TransactItems, keys, strict=True)]
            if any(failed):
                self._cancel(("ConditionalCheckFailed" if bad else "None" for bad in failed), keys)
            for action, key in zip(TransactItems, keys, strict=True):
                self.items[key] = _written(action)
        time.sleep(LATENCY / 4)
        return {}

    def _fails(self, action: Item, key: tuple[str, str]) -> bool:
        old = self.items.get(key)
        if "Update" in action:
            values = action["Update"]["ExpressionAttributeValues"]
            if old is None:
                return "attribute_not_exists" not in action["Update"]["ConditionExpression"]
            return bool(old["epoch"] != values[":epoch"] or old["sequence"] != values[":old"])
        return "ConditionExpression" in action["Put"] and old is not None

    def _cancel(self, codes: Iterable[str], keys: list[tuple[str, str]] | None = None) -> None:
        reasons: list[Item] = [{"Code": code} for code in codes]
        for reason, key in zip(reasons, keys or [], strict=False):
            if reason["Code"] == "ConditionalCheckFailed" and key in self.items:
                reason["Item"] = self.items[key]
        error: Any = {"Error": {"Code": "TransactionCanceledException"}, "CancellationReasons": reasons}
        raise ClientError(error, "TransactWriteItems")


def _key(item: Item) -> tuple[str, str]:
    return item["pk"]["S"], item["sk"]["S"]


def _written(action: Item) -> Item:
    if "Put" in action:
        item: Item = action["Put"]["Item"]
        return item
    values = action["Update"]["ExpressionAttributeValues"]
    return {
        **action["Update"]["Key"],
        **{"epoch": values[":epoch"], "sequence": values[":new"], "latest": values[":latest"]},
    }


def run(workers: int, batch: int, *, reading: bool = True) -> float:
    """Return the stored updates per second; check that their numbers have no holes."""
    table = StandIn()
    ends = time.monotonic() + SECONDS

    def work(worker: int) -> int:
        history = History(table, "table", replay_seconds=86_400, head_seconds=10**6)
        count = 0
        while time.monotonic() < ends:
            ids = [f"{worker}-{count + number}" for number in range(batch)]
            history.append(
                [Event("entity/e1", name, {"type": "Entity Updated", "id": name}, 0) for name in ids]
            )
            count += batch
            time.sleep(LATENCY if reading else 0)
        return count

    with ThreadPoolExecutor(workers) as pool:
        total = sum(pool.map(work, range(workers)))
    numbers = sorted(int(sk[-16:]) for _, sk in table.items if sk.startswith("UPDATE#"))
    assert numbers == list(range(1, total + 1)), "numbers are not contiguous"
    return total / SECONDS


def main() -> None:
    """Measure, print, and add to build/bench.json."""
    single = statistics.median(run(1, 1) for _ in range(2))
    print(f"one update per batch, 1 worker: {single:6.0f} updates/s into one channel")
    alone = statistics.median(run(1, 10, reading=False) for _ in range(2))
    print(f"batches of ten, 1 worker, storing alone: {alone:3.0f} updates/s (target: {TARGET})")
    entries = [report.entry("numbering: updates/s, 1 worker, storing alone", alone, "1/s", single)]
    for workers in (1, 2, 4, 8):
        speed = statistics.median(run(workers, 10) for _ in range(2))
        print(f"batches of ten, {workers} workers:            {speed:6.0f} updates/s (target: {TARGET})")
        entries.append(
            report.entry(f"numbering: updates/s, {workers} workers, one channel", speed, "1/s", single)
        )
    report.write(entries)


if __name__ == "__main__":
    main()

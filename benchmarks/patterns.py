"""The cost that patterns add to a push: read units, and time to the last subscriber.

    python -m benchmarks.patterns

Target: an update of an entity with patterns at 5 levels costs at most 1.5 x the read units and 1.5 x the time
of an update to the same subscribers in one list. The whole push function runs, as in `benchmarks.growth`,
against an endpoint with 15 ms latency and no throttle. The baseline is a user's channel, which is a single
list. An entity of 6 segments has 7 lists, which are read at once: its own, `*`, and the patterns at 5 levels.

Read units follow DynamoDB's rules (`testbed.metering`). A strongly consistent Query costs one unit for each
4 KB read, and one unit if it finds nothing. So 7 lists cost at least 7 units. For a handful of subscribers,
whose single list is one unit, that is always more than 1.5 x.
"""

import json
import math
import queue
import statistics
import time
from collections.abc import Mapping
from typing import Any

from entity_push.protocol.channels import entity_channel, subscriber_lists, user_channel

from benchmarks import growth, report
from benchmarks.delivery import connection_ids
from testbed.endpoint import Endpoint
from testbed.metering import item_size

SIZES = (10, 1_000, 10_000)
ROUNDS = 9
TARGET = 1.5

ENTITY_ID = "shop/eu/de/berlin/orders/42"
TO_ENTITY = ("Entity Updated", {"entityId": ENTITY_ID})
OWN, *PATTERNS = subscriber_lists(entity_channel(ENTITY_ID))

USER_ID = "alice".ljust(len(OWN) - len(user_channel("")), "-")
"""As long as the entity's id, so that items have the same size: the channel's name is a third of an item."""

TO_USER = ("Send User Push Notification", {"userId": USER_ID})

ONE, EMPTY, SPREAD = "in one list", "patterns without subscribers", "spread over 7 lists"


class Lists(growth.Aws):
    """The stand-ins of `benchmarks.growth`, with a table that has several lists of subscribers.

    Attributes:
        read_units: the read units so far.
    """

    def __init__(self) -> None:
        super().__init__()
        self.read_units = 0
        self._lists: dict[str, tuple[bytes, int]] = {}

    def fill(self, subscribers: Mapping[str, list[str]]) -> None:
        """Fill the lists with subscribers: connection ids by the list's channel."""
        self._lists = {f"CHANNEL#{channel}": _page(channel, ids) for channel, ids in subscribers.items()}

    def answer(self, operation: str, request: dict[str, Any]) -> bytes:
        """Answer a call, and count its read units."""
        if operation == "Query" and ":subscriber" in request["ExpressionAttributeValues"]:
            assert request["ConsistentRead"]
            name = request["ExpressionAttributeValues"][":pk"]["S"]
            body, units = self._lists.get(name, (b'{"Items":[]}', 1))
            with self.lock:
                self.read_units += units
            return body
        if operation == "GetItem":
            with self.lock:
                self.read_units += 1
        return super().answer(operation, request)


def _page(channel: str, ids: list[str]) -> tuple[bytes, int]:
    """Return the answer to a Query for a list, and the Query's read units."""
    items = [{"sk": {"S": f"SUBSCRIBER#{name}"}, "ttl": {"N": growth.EXPIRES}} for name in ids]
    size = sum(item_size({"pk": {"S": f"CHANNEL#{channel}"}, **item}) for item in items)
    return json.dumps({"Items": items}).encode(), max(1, math.ceil(size / 4096))


def _cases(subscribers: int) -> dict[str, tuple[tuple[str, dict[str, str]], dict[str, list[str]]]]:
    """Return the cases by name: an event's detail-type and detail, and the subscribers of each list."""
    ids = list(connection_ids(subscribers))
    lists = [OWN, *PATTERNS]
    spread = {name: ids[number :: len(lists)] for number, name in enumerate(lists)}
    return {
        ONE: (TO_USER, {user_channel(USER_ID): ids}),
        EMPTY: (TO_ENTITY, {OWN: ids}),
        SPREAD: (TO_ENTITY, spread),
    }


def _push(aws: Lists, idle: "queue.Queue[growth.Worker]", kind: str, detail: dict[str, str]) -> float:
    """Put an event on the queue; return the seconds until no worker and no message is left."""
    event = {"id": f"id-{time.monotonic_ns()}", "detail-type": kind, "time": "2026-01-01T00:00:00Z"}
    began = time.monotonic()
    aws.send(json.dumps({**event, "detail": {**detail, "message": "x" * 140}}))
    while aws.messages or idle.qsize() < growth.WORKERS:
        if aws.messages and (bodies := aws.receive()):
            worker = idle.get(timeout=60)
            assert worker.failed is None, worker.failed
            worker.run(bodies)
        else:
            time.sleep(0.0005)
    return time.monotonic() - began


def measure(
    aws: Lists, endpoint: Endpoint, idle: "queue.Queue[growth.Worker]", subscribers: int
) -> dict[str, tuple[float, float]]:
    """Return the read units and the median seconds of a push, by case. Turns let noise meet all cases."""
    cases = _cases(subscribers)
    units: dict[str, list[int]] = {name: [] for name in cases}
    seconds: dict[str, list[float]] = {name: [] for name in cases}
    for number in range(-1, ROUNDS):
        for name, ((kind, detail), lists) in cases.items():
            aws.fill(lists)
            # In a first round, each worker opens its HTTP connections.
            for _ in range(growth.WORKERS if number < 0 else 1):
                aws.read_units, before = 0, endpoint.counts()["delivered"]
                took = _push(aws, idle, kind, detail)
                assert endpoint.counts()["delivered"] - before == subscribers, "not everybody got it once"
            if number >= 0:
                units[name].append(aws.read_units)
                seconds[name].append(took)
    return {name: (statistics.median(units[name]), statistics.median(seconds[name])) for name in cases}


def main() -> None:
    """Measure, print, and add to build/bench.json."""
    aws, entries = Lists(), []
    with Endpoint(latency=growth.LATENCY) as endpoint, growth.fleet(aws, endpoint) as idle:
        for size in SIZES:
            found = measure(aws, endpoint, idle, size)
            base_units, base_seconds = found[ONE]
            print(f"{size:,} subscribers")
            for name, (units, seconds) in found.items():
                ratios = units / base_units, seconds / base_seconds
                verdict = "" if max(ratios) <= TARGET else f"   above {TARGET} x"
                print(
                    f"  {name:<29} {units:5.0f} read units ({ratios[0]:.2f} x)"
                    f"  {seconds * 1000:7.1f} ms ({ratios[1]:.2f} x){verdict}"
                )
                if name != ONE:
                    what = f"patterns: {size:,} subscribers, {name}"
                    entries.append(report.entry(f"{what}, read units", units, "units", base_units))
                    entries.append(report.entry(f"{what}, time", seconds * 1000, "ms", base_seconds * 1000))
    print(
        f"With few subscribers, the {len(PATTERNS) + 1} lists themselves are most of the read units: "
        "an empty one costs one."
    )
    report.write(entries)


if __name__ == "__main__":
    main()

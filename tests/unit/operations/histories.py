"""A channel's history with workers that remember it, and the clients' view of it."""

import datetime
import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import boto3
from entity_push.protocol.catch_up import CatchUp
from entity_push.protocol.cursors import Cursor
from entity_push.protocol.events import Event
from entity_push.routes.replay import catch_up
from entity_push.table import calls
from entity_push.table.history import History

from operations.forget import Histories
from tests.unit.conftest import TABLE_NAME

CHANNEL = "entity/e1"
REPLAY_SECONDS = 3600


@functools.cache
def boto3s() -> Any:
    """Return the client that commands have; the workers' is another one. Both see moto's table."""
    return boto3.client("dynamodb", region_name="us-east-1")


@dataclass
class World:
    """A table, a clock, and every update in the order of the pushes, with its cursor.

    Attributes:
        dynamodb: the client.
        channel: the channel that all is about.
        now: the time of every worker, in seconds since 1970.
        pushed: the events' ids and cursors. A client that heard of all until here has this cursor.
    """

    dynamodb: Any
    channel: str = CHANNEL
    now: float = 1_800_000_000.0
    pushed: list[tuple[str, Cursor]] = field(default_factory=list)

    def run(self, task: Any) -> Any:
        return calls.run(task, calls.one_by_one(self.dynamodb), sleep=lambda _seconds: None)

    def worker(self) -> "Worker":
        return Worker(self, History(TABLE_NAME, replay_seconds=REPLAY_SECONDS))

    def answer(self, cursor: Cursor | None) -> CatchUp:
        """Return what a client is told that comes back with a cursor."""
        past = History(TABLE_NAME, replay_seconds=REPLAY_SECONDS)
        found: CatchUp = self.run(catch_up(past, self.channel, cursor))
        return found

    def epoch(self) -> str:
        told = self.answer(None).cursor
        assert told is not None
        return told.epoch

    def histories(self, sleep: Callable[[float], None] | None = None) -> Histories:
        return Histories(boto3s(), TABLE_NAME, sleep or self.sleep)

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def backup(self) -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = self.dynamodb.scan(TableName=TABLE_NAME)["Items"]
        return items

    def restore(self, backup: Sequence[dict[str, Any]]) -> None:
        for item in self.backup():
            self.dynamodb.delete_item(TableName=TABLE_NAME, Key={"pk": item["pk"], "sk": item["sk"]})
        for item in backup:
            self.dynamodb.put_item(TableName=TABLE_NAME, Item=item)

    def misled(self) -> list[str]:
        """Return the cursors with which a client is told that it misses nothing, although it does."""
        wrong = []
        for number, (_, cursor) in enumerate(self.pushed, 1):
            told = self.answer(cursor)
            missed = [event_id for event_id, _ in self.pushed[number:]]
            if told.recovered and [frame["id"] for frame in told.updates] != missed:
                wrong.append(str(cursor))
        return wrong


@dataclass
class Worker:
    """A worker with its memory."""

    world: World
    history: History

    def push(self, *, version: int | None = None) -> Cursor | None:
        """Push the next event; return its cursor, or None if it is superseded."""
        event_id = f"id-{len(self.world.pushed) + 1}"
        time = datetime.datetime.fromtimestamp(self.world.now, datetime.UTC)
        frame: dict[str, Any] = {"type": "Entity Updated", "entityId": "e1", "id": event_id}
        frame |= {"time": f"{time:%Y-%m-%dT%H:%M:%SZ}"} | ({} if version is None else {"version": version})
        event = Event(self.world.channel, event_id, frame, round(self.world.now * 1000))
        updates = self.world.run(self.history.append([event])).updates
        if not updates:
            return None
        wire = updates[0].frame.decode()
        cursor = Cursor.parse(wire.partition('"cursor":"')[2].partition('"')[0])
        self.world.pushed.append((event_id, cursor))
        return cursor

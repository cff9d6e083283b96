"""A fan-out with everything around it, and a scripted delivery engine."""

import json
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest
from entity_push.auth.bearer import Bearer
from entity_push.auth.grants import EVERYTHING
from entity_push.posting.posts import NOT_YET, NotYet, Outcome, Post, Result
from entity_push.protocol.event_rules import by_name, read_rules
from entity_push.protocol.events import Update
from entity_push.push.batch import Batch, Numbers
from entity_push.push.dead_letters import DeadLetters
from entity_push.push.fan_out import FanOut
from entity_push.push.messages import Chunk
from entity_push.push.queue import Queue
from entity_push.push.turns import Turns
from entity_push.table.calls import one_by_one
from entity_push.table.connections import Connection, Connections
from entity_push.table.history import History
from entity_push.table.subscribers import NEVER, Subscribers

from tests.unit.conftest import TABLE_NAME

Verdict = Callable[[str], Outcome]


class Engine:
    """Delivers as a function from connection id to outcome says."""

    def __init__(self) -> None:
        self.verdict: Verdict = lambda _id: Outcome.DELIVERED
        self.closing: Verdict = lambda _id: Outcome.DELIVERED
        self.posted: list[tuple[str, bytes]] = []
        self.expires: dict[str, float] = {}
        self.closed: list[str] = []
        self.suspects: dict[str, bool] = {}

    def deliver(self, posts: Iterable[Post | NotYet], *, deadline: float) -> Iterator[Result]:
        assert deadline > time.monotonic()
        for post in posts:
            assert post is not NOT_YET, "each result was noted before the next post"
            self.posted.append((post.connection_id, post.frame))
            self.expires[post.connection_id] = post.expires
            self.suspects[post.connection_id] = post.suspect
            yield Result(post.connection_id, self.verdict(post.connection_id), 0, "scripted", tag=post.tag)

    def disconnect(
        self, connection_ids: Iterable[str], *, deadline: float, suspect: bool = False
    ) -> Iterator[Result]:
        assert deadline > time.monotonic()
        assert suspect, "what failed for so long is not waited for"
        for connection_id in connection_ids:
            self.closed.append(connection_id)
            yield Result(connection_id, self.closing(connection_id), 0, "scripted")


class Sqs:
    """Both queues; a dead letter is what came with a reason."""

    def __init__(self) -> None:
        self.queued: list[dict[str, Any]] = []
        self.dead: list[tuple[str, str]] = []
        self.codes: list[str] = []
        self.refuses = False
        self.soon: dict[str, int] = {}

    def send_message_batch(self, QueueUrl: str, Entries: list[dict[str, Any]]) -> dict[str, Any]:  # noqa: N803
        assert QueueUrl == "queue"
        if self.refuses:
            return {"Failed": [{"Id": entry["Id"], "Code": "InternalError"} for entry in Entries]}
        self.queued += Entries
        return {}

    def send_message(self, QueueUrl: str, MessageBody: str, MessageAttributes: Any) -> None:  # noqa: N803
        assert QueueUrl == "dead"
        self.dead.append((MessageBody, MessageAttributes["reason"]["StringValue"]))
        self.codes.append(MessageAttributes["reasonCode"]["StringValue"])

    def change_message_visibility_batch(self, QueueUrl: str, Entries: list[dict[str, Any]]) -> None:  # noqa: N803
        assert QueueUrl == "queue"
        self.soon |= {entry["ReceiptHandle"]: entry["VisibilityTimeout"] for entry in Entries}

    def chunks(self) -> list[Chunk]:
        return [Chunk.from_message(json.loads(entry["MessageBody"])) for entry in self.queued]


OWN_RULES = by_name(
    read_rules(
        [
            {
                "name": name,
                "pattern": {"source": ["shop"]},
                "entityId": "orders/{$.detail.id}",
                "message": path,
            }
            for name, path in (("state", "$.detail.state"), ("total", "$.detail.total"))
        ]
    )
)


class Bench:
    """A fan-out with everything around it."""

    def __init__(self, dynamodb: Any) -> None:
        self.dynamodb = dynamodb
        self.engine, self.sqs = Engine(), Sqs()
        self.history = History(TABLE_NAME, replay_seconds=86400)
        self.subscribers, self.make = Subscribers(TABLE_NAME), one_by_one(dynamodb)
        self.queue = Queue(self.sqs, "queue", pause=lambda _seconds: None)
        self.dead_letters = DeadLetters(self.sqs, "dead")
        self.fan_out = self.with_numbers(self.history)

    def with_numbers(self, numbers: Numbers) -> FanOut:
        return FanOut(
            subscribers=self.subscribers,
            connections=Connections(self.dynamodb, TABLE_NAME, pause=lambda _seconds: None),
            numbers=numbers,
            make=self.make,
            deliverer=self.engine,
            queue=self.queue,
            dead_letters=self.dead_letters,
            deployment_name="Orders",
            rules=OWN_RULES,
        )

    def batch(self) -> Batch:
        return Batch(
            subscribers=self.subscribers,
            numbers=self.history,
            make=self.make,
            queue=self.queue,
            dead_letters=self.dead_letters,
            turns=Turns(),
        )

    def subscribe(
        self, channel: str, *connection_ids: str, age: float = 3600, expires: int | None = None
    ) -> None:
        opened = round((time.time() - age) * 1000)
        bearer, channels = Bearer(None, EVERYTHING, expires), frozenset([channel])
        for connection_id in connection_ids:
            Connections(self.dynamodb, TABLE_NAME).open(
                Connection(connection_id, opened, "192.0.2.1", "test", bearer, channels)
            )

    def push(self, *bodies: str, age: float = 0, seconds: float = 60) -> list[str]:
        records = [self.record(number, body, age) for number, body in enumerate(bodies)]
        return self.fan_out.push(records, seconds=seconds)

    @staticmethod
    def record(number: int, body: str, age: float = 0) -> dict[str, Any]:
        sent = str(round((time.time() - age) * 1000))
        return {
            "messageId": f"m{number}",
            "receiptHandle": f"r{number}",
            "body": body,
            "attributes": {"SentTimestamp": sent, "ApproximateReceiveCount": "3"},
        }


def event(entity_id: str, message: Any = None) -> str:
    return json.dumps(
        {
            "id": f"{entity_id}-{message}",
            "detail-type": "Entity Updated",
            "time": "2026-11-22T18:43:48Z",
            "detail": {"entityId": entity_id, "message": message},
        }
    )


def chunk(*connection_ids: str, rounds: int = 0, excused: int = 0, age: float = 0) -> str:
    sent_at = round((time.time() - age) * 1000)
    subscribers = dict.fromkeys(connection_ids, NEVER)
    update = Update("entity/e1", "id-1", b'{"type":"x"}', sent_at)
    return Chunk(update, subscribers, rounds, excused).to_message()


def crowd(bench: Bench, count: int) -> list[str]:
    """Subscribe many, with ids so long that a page holds about 2,300 of them."""
    ids = [f"{number:04}{'x' * 400}" for number in range(count)]
    for start in range(0, count, 25):
        puts = [
            {"PutRequest": {"Item": {"pk": {"S": "CHANNEL#entity/e1"}, "sk": {"S": f"SUBSCRIBER#{name}"}}}}
            for name in ids[start : start + 25]
        ]
        bench.dynamodb.batch_write_item(RequestItems={TABLE_NAME: puts})
    return ids


def break_the_table(bench: Bench, channel: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the table fail for one channel."""
    pages = bench.subscribers.pages

    def failing(asked: str) -> Any:
        if asked == channel:
            raise RuntimeError("DynamoDB is having a bad day")
        return pages(asked)

    monkeypatch.setattr(bench.subscribers, "pages", failing)


def queued_before(bench: Bench, connection_id: str, outcome: Outcome) -> list[int]:
    """Let posts to one connection end in an outcome, and all others fail.

    Returns:
        A list that will have the number of messages on the queue before each of that connection's posts.
    """
    queued: list[int] = []

    def verdict(name: str) -> Outcome:
        if name != connection_id:
            return Outcome.RETRY
        queued.append(len(bench.sqs.queued))
        return outcome

    bench.engine.verdict = verdict
    return queued

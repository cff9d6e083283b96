"""A deployment in one process: the real functions, moto's table, a queue in memory, and reference clients."""

import contextlib
import importlib
import json
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any
from unittest import mock

from entity_push import aws
from entity_push.dead_letters import DeadLetters
from entity_push.delivery import Outcome, Post, Result
from entity_push.fan_out import FanOut
from entity_push.queue import Queue
from entity_push.settlement import OPENING_SECONDS
from entity_push.table import keys
from entity_push.table.history import History
from entity_push.table.subscriptions import Subscriptions

from tests.model.actors import Actor, Fault, checkpoint
from tests.model.devices import Device
from tests.model.services import INJECTED, MemorySQS, SteppedDynamoDB
from tests.model.truth import Truth
from tests.reference_client import Frame

TABLE, REPLICA = "table", "replica"
ENTITIES = ("e1", "e2")
INVOCATION_SECONDS = 10_000.0

PushParts = Callable[[Subscriptions, History], tuple[Any, Any]]
"""What the push function works with; a mutation puts something else in between."""


def _no_pause(_seconds: float) -> None:
    """Between two attempts, only the other actors matter, not the time."""


class Worker:
    """An execution environment of the push function, warm until it is killed.

    Attributes:
        batch: what its invocation has received; None if none is running.
    """

    fan_out: FanOut

    def __init__(self) -> None:
        self.batch: list[dict[str, Any]] | None = None


class World:
    """Everything there is.

    Args:
        moto: a DynamoDB client of moto's, with both tables, empty.
        workers: how many push workers there may be at once.
        devices: how many clients.
    """

    def __init__(self, moto: Any, workers: int = 2, devices: int = 2):
        self.moto = moto
        self.dynamodb = SteppedDynamoDB(moto, TABLE, REPLICA)
        self.sqs = MemorySQS()
        self.truth = Truth()
        self.dynamodb.wrote = self.truth.wrote
        self.actors: list[Actor] = []
        self.devices = [Device(f"client {number}") for number in range(1, devices + 1)]
        self.routes = {
            name: self._route(name) for name in ("connect", "disconnect", "subscribe", "unsubscribe")
        }
        self.push_parts: PushParts = lambda subscriptions, history: (subscriptions, history)
        self.workers = [Worker() for _ in range(workers)]
        self.start_workers()
        self._connections = self._events = 0

    # The functions

    def _route(self, name: str) -> Any:
        with mock.patch.object(aws, "client", return_value=self.dynamodb):
            module = importlib.reload(importlib.import_module(name))
        for attribute in ("table", "subscriptions"):
            if hasattr(module, attribute):
                setattr(module, attribute, self._subscriptions())
        if hasattr(module, "history"):
            module.history = self._history()  # type: ignore[attr-defined]
        return module

    def _subscriptions(self) -> Subscriptions:
        return Subscriptions(self.dynamodb, TABLE, pause=_no_pause)

    def _history(self) -> History:
        return History(self.dynamodb, TABLE, replay_seconds=86400, head_seconds=10**6, pause=_no_pause)

    def _fan_out(self) -> FanOut:
        queue = Queue(self.sqs, "queue", pause=_no_pause)
        dead_letters = DeadLetters(self.sqs, "dead")
        subscriptions, history = self.push_parts(self._subscriptions(), self._history())
        return FanOut(subscriptions, history, self, queue, dead_letters)

    def start_workers(self) -> None:
        """Give every worker a new execution environment."""
        for worker in self.workers:
            worker.fan_out = self._fan_out()

    # What a delivery engine does

    def deliver(self, posts: Iterable[Post], *, deadline: float) -> Iterator[Result]:
        """Post frames into the inboxes of those that are connected."""
        assert deadline > time.monotonic()
        for post in posts:
            fault = checkpoint(f"post {json.loads(post.frame)['cursor']} to {post.connection_id}")
            yield Result(post.connection_id, self._post(post, fault), 0, "scripted", tag=post.tag)

    def _post(self, post: Post, fault: Fault) -> Outcome:
        device = self._device(post.connection_id)
        if fault is Fault.UNSENT:
            return Outcome.UNSENT
        if fault is Fault.FAILURE:
            return Outcome.RETRY
        if device is None:
            return Outcome.GONE
        if fault is Fault.GONE and device.connected_at > (time.time() - OPENING_SECONDS / 2) * 1000:
            return Outcome.GONE
        device.inbox.append(json.loads(post.frame))
        return Outcome.RETRY if fault is Fault.LOST_ANSWER else Outcome.DELIVERED

    def disconnect(self, connection_ids: Iterable[str], *, deadline: float) -> Iterator[Result]:
        """Close connections from our side."""
        assert deadline > time.monotonic()
        for connection_id in connection_ids:
            fault = checkpoint(f"disconnect {connection_id}")
            outcome = Outcome.DELIVERED
            if fault in (Fault.FAILURE, Fault.UNSENT):
                outcome = Outcome.RETRY
            elif device := self._device(connection_id):
                device.close()
            yield Result(connection_id, outcome, 0, "scripted")

    def _device(self, connection_id: str) -> Device | None:
        return next((device for device in self.devices if device.connection_id == connection_id), None)

    # What can happen

    def publish(self, entity_id: str) -> None:
        """Put an event on EventBridge, which puts it on the queue."""
        self._events += 1
        event_id = f"event-{self._events}"
        self.truth.published.append(event_id)
        event = {
            "id": event_id,
            "detail-type": "Entity Updated",
            "time": "2026-11-22T18:43:48Z",
            "detail": {"entityId": entity_id, "message": self._events},
        }
        self.sqs.put(json.dumps(event))

    def connect(self, device: Device, *, young: bool) -> None:
        """Open a connection; `$connect` returns before its client may send anything."""
        self._connections += 1
        device.connection_id = f"connection-{self._connections}"
        device.connected_at = round((time.time() - (0 if young else 3600)) * 1000)
        context = self._context(device) | {"identity": {"sourceIp": "192.0.2.1", "userAgent": "test"}}
        self.routes["connect"].handler({"requestContext": context, "headers": {}}, None)
        device.client.connected()
        self.send(device)

    def drop(self, device: Device, *, notice: bool) -> None:
        """Cut a connection; `$disconnect` is called if API Gateway takes notice."""
        context = self._context(device)
        device.close()
        if notice:
            handler = self.routes["disconnect"].handler

            def work() -> None:
                with contextlib.suppress(*INJECTED):  # best effort: nobody calls it again
                    handler({"requestContext": context}, None)

            self._start(Actor(f"disconnect {context['connectionId']}", work, lambda _done: None))

    def send(self, device: Device) -> None:
        """Have API Gateway call a function for each frame that a client sends."""
        while device.client.outgoing:
            frame = device.client.outgoing.popleft()
            self._invoke(device, frame)

    def _invoke(self, device: Device, frame: Frame) -> None:
        context = self._context(device)
        handler = self.routes[frame["action"]].handler
        answers: list[Frame] = []

        def work() -> None:
            answer = json.loads(handler({"requestContext": context, "body": json.dumps(frame)}, None)["body"])
            checkpoint("answer")
            answers.append(answer)

        def finished(_done: bool) -> None:
            if device.connection_id == context["connectionId"]:
                device.inbox.append(answers[0] if answers else {"message": "Internal server error"})

        self._start(Actor(f"{frame['requestId']} of {device.name}", work, finished))

    def read(self, device: Device, number: int = 0) -> None:
        """Let a client read a frame; two that were on their way at the same time may change places."""
        frame = device.inbox[number % len(device.inbox)]
        device.inbox.remove(frame)
        device.client.receive(frame)
        if device.connection_id:
            self.send(device)

    def invoke_worker(self, worker: Worker, most: int, start: int) -> None:
        """Have Lambda call the push function with some messages."""
        worker.batch = batch = self.sqs.receive(most, start)
        failed = [record["messageId"] for record in batch]

        def work() -> None:
            with contextlib.suppress(*INJECTED):  # then the invocation has failed as a whole
                failed[:] = worker.fan_out.push(batch, seconds=INVOCATION_SECONDS)
                checkpoint("return")

        def finished(done: bool) -> None:
            back = batch if not done else [record for record in batch if record["messageId"] in failed]
            self.sqs.waiting += back
            worker.batch = None
            if not done:
                worker.fan_out = self._fan_out()

        number = self.workers.index(worker) + 1
        self._start(Actor(f"push worker {number}", work, finished))

    def expire_updates(self, entity_id: str, count: int, start: int) -> None:
        """Delete some stored updates, as their ttl would; not always the oldest first."""
        channel = f"entity/{entity_id}"
        found = self._items(channel, keys.UPDATE)[start : start + count]
        self._delete(found)

    def lose_head(self, entity_id: str, *, markers: bool) -> None:
        """Delete a channel's past, as after the life of its head."""
        channel = f"entity/{entity_id}"
        self._delete(self._items(channel, "HEAD") + self._items(channel, keys.UPDATE))
        if markers:
            self._delete(self._items(channel, keys.EVENT))
        self.truth.lost(channel)

    # Helpers

    def _items(self, channel: str, prefix: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.moto.query(
            TableName=TABLE,
            KeyConditionExpression="pk = :pk AND begins_with(sk, :sk)",
            ExpressionAttributeValues={":pk": {"S": f"{keys.CHANNEL}{channel}"}, ":sk": {"S": prefix}},
        )["Items"]
        return found

    def _delete(self, items: list[dict[str, Any]]) -> None:
        for item in items:
            self.dynamodb.delete_item(TableName=TABLE, Key={"pk": item["pk"], "sk": item["sk"]})

    @staticmethod
    def _context(device: Device) -> dict[str, Any]:
        return {"connectionId": device.connection_id, "connectedAt": device.connected_at}

    def _start(self, actor: Actor) -> None:
        self.actors.append(actor)

    def running(self) -> list[Actor]:
        """Return the actors that are not at their end."""
        self.actors = [actor for actor in self.actors if not actor.done]
        return self.actors

    def settle(self) -> None:
        """Let everything come to rest, without any more faults."""
        self.dynamodb.lag = 0
        for _ in range(300):
            for actor in list(self.running()):
                while not actor.done:
                    actor.step()
            for device in self.devices:
                while device.inbox:
                    self.read(device)
            if not self.running() and self.sqs.waiting:
                self.invoke_worker(self.workers[0], 10, 0)
            if not self.running() and not any(device.inbox for device in self.devices):
                return
        raise AssertionError("it never came to rest")

    def close(self) -> None:
        """End every thread."""
        for actor in list(self.running()):
            actor.kill()

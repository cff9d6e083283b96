"""A deployment in one process: real functions, moto's table, a queue in memory, and the published client."""

import asyncio
import contextlib
import importlib
import json
import time
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any
from unittest import mock

from entity_push.auth.bearer import Bearer
from entity_push.auth.grants import EVERYTHING
from entity_push.protocol.events import Event
from entity_push.push.batch import Numbers
from entity_push.push.dead_letters import DeadLetters
from entity_push.push.fan_out import FanOut
from entity_push.push.queue import Queue
from entity_push.routes import admission
from entity_push.runtime import aws
from entity_push.table import history, keys, no_history
from entity_push.table.calls import one_by_one
from entity_push.table.connections import Connections
from entity_push.table.history import Appended, History
from entity_push.table.no_history import NoHistory
from entity_push.table.subscribers import Page, Subscribers
from entity_push.table.subscriptions import Subscriptions
from entity_push_client.changes import Frame
from entity_push_client.names import Name

from tests.model.actors import Actor, checkpoint
from tests.model.clock import Clock, LogClock
from tests.model.devices import Device, State
from tests.model.endpoint import Endpoint
from tests.model.names import CHANNELS, ENTITIES, PATTERNS, USER_ID, event, event_id
from tests.model.services import INJECTED, MemorySQS, SteppedDynamoDB
from tests.model.truth import Truth

TABLE, REPLICA = "table", "replica"
TOKEN_SECONDS = 120
INVOCATION_SECONDS = 10_000.0
REPLAY_SECONDS = 86_400
PATIENCE_SECONDS = 1.0
"""Longer than a client waits for late frames, and less than it waits for an answer."""

PushParts = Callable[[Subscribers, Numbers], tuple[Any, Any]]
"""Makes the push function's parts. A mutation puts other parts in between."""


def _no_pause(_seconds: float) -> None:
    """Wait no time: between two tries, only the other actors' steps matter."""


class EachOnce(Subscribers):
    """Subscribers with a check: every connection comes once, in however many lists it is.

    Args:
        truth: learns of connections that came twice.
    """

    def __init__(self, truth: Truth):
        super().__init__(TABLE)
        self._truth = truth

    async def pages(self, channel: str, *, after: str | None = None) -> AsyncIterator[Page]:
        seen: set[str] = set()
        async for page in super().pages(channel, after=after):
            if twice := seen & page.subscribers.keys():
                self._truth.broken.append(f"{channel} has {twice} on two pages")
            seen |= page.subscribers.keys()
            yield page


class Unstored(NoHistory):
    """No history, with a note of what passed unstored.

    Args:
        truth: takes the notes.
    """

    def __init__(self, truth: Truth):
        super().__init__(TABLE)
        self._truth = truth

    async def append(self, events: Sequence[Event]) -> Appended:
        appended = await super().append(events)
        self._truth.logs.passed(events[0].channel, [update.identity for update in appended.updates])
        return appended


class Worker:
    """An execution environment of the push function, warm until it is killed.

    Attributes:
        stores: whether its version of the deployment stores updates.
        batch: the records of the running invocation; None without one.
    """

    fan_out: FanOut

    def __init__(self) -> None:
        self.batch: list[dict[str, Any]] | None = None
        self.stores = True


class World:
    """A deployment, its services and its clients.

    Args:
        moto: a DynamoDB client of moto's, with both tables, empty.
        workers: the number of push workers.
        devices: the number of clients.
    """

    def __init__(self, moto: Any, workers: int = 2, devices: int = 2):
        self.moto = moto
        self.dynamodb = SteppedDynamoDB(moto, TABLE, REPLICA)
        self.clock, self.log_clock = Clock(), LogClock(time.time())
        history.time = no_history.time = self.log_clock  # type: ignore[assignment, attr-defined]
        self.sqs = MemorySQS(self.log_clock.time)
        self.truth = Truth(self.log_clock.time)
        self.dynamodb.wrote = self.truth.logs.wrote
        self.actors: list[Actor] = []
        self._runner = asyncio.Runner()
        names = [f"client {number}" for number in range(1, devices + 1)]
        self.devices = [Device(name, self._runner, self._state) for name in names]
        admission.time = self.clock  # type: ignore[assignment, attr-defined]
        self.endpoint = Endpoint(self.devices, self.clock, self.truth)
        self.routes = {
            name: self._route(name)
            for name in ("connect", "disconnect", "subscribe", "unsubscribe", "expire")
        }
        self.routes["expire"].LOOK_BACK_MINUTES = 60  # the world's clock jumps ahead by minutes
        self._past = self.routes["subscribe"].history
        self.push_parts: PushParts = lambda subscribers, numbers: (subscribers, numbers)
        self.workers = [Worker() for _ in range(workers)]
        self.start_workers()
        self._connections = self._events = 0

    # The functions

    def _route(self, name: str) -> Any:
        with mock.patch.object(aws, "client", return_value=self.dynamodb):
            module = importlib.reload(importlib.import_module(name))
        module.time = self.clock  # type: ignore[attr-defined]
        module.deliverer = self.endpoint  # type: ignore[attr-defined]
        for attribute in ("table", "connections"):
            if hasattr(module, attribute):
                setattr(module, attribute, Connections(self.dynamodb, TABLE, pause=_no_pause))
        if hasattr(module, "subscriptions"):
            module.subscriptions = self._subscriptions()  # type: ignore[attr-defined]
        return module

    def _subscriptions(self) -> Subscriptions:
        return Subscriptions(self.dynamodb, TABLE, pause=_no_pause)

    def _fan_out(self, worker: Worker) -> FanOut:
        numbers = History(TABLE, replay_seconds=REPLAY_SECONDS) if worker.stores else Unstored(self.truth)
        subscribers, numbers = self.push_parts(EachOnce(self.truth), numbers)
        return FanOut(
            subscribers=subscribers,
            connections=Connections(self.dynamodb, TABLE, pause=_no_pause),
            numbers=numbers,
            make=one_by_one(self.dynamodb),
            deliverer=self.endpoint,
            queue=Queue(self.sqs, "queue", pause=_no_pause),
            dead_letters=DeadLetters(self.sqs, "dead"),
            deployment_name="EntityPush",
        )

    def start_workers(self) -> None:
        """Give every worker a new execution environment."""
        for worker in self.workers:
            worker.fan_out = self._fan_out(worker)

    # Events

    def publish(self, *names: Name) -> None:
        """Put an event on the queue, as EventBridge does: for one channel, or for several entities."""
        self._events += 1
        self.truth.published |= {(CHANNELS[name], event_id(self._events)) for name in names}
        self.sqs.put(event(self._events, self.log_clock.time(), *names))

    def _state(self) -> State:
        """Return the state of everything: services change it before they publish."""
        return frozenset(self.truth.published)

    def connect(self, device: Device, *, young: bool) -> None:
        """Open a connection, if the client wants one. `$connect` returns before it may send a frame."""
        if not device.can_connect:
            return
        self._connections += 1
        device.connection_id = f"connection-{self._connections}"
        device.connected_at = round((time.time() - (0 if young else 3600)) * 1000)
        device.expires = int(self.clock.time()) + TOKEN_SECONDS
        context = self._context(device) | {
            "identity": {"sourceIp": "192.0.2.1", "userAgent": "test"},
            "authorizer": Bearer(USER_ID, EVERYTHING, device.expires).to_context(),
        }
        self.routes["connect"].handler({"requestContext": context, "headers": {}}, None)
        device.open()
        self.send(device)

    def expire_token(self, device: Device) -> None:
        """Let time pass until a client's token has ended. The connection is still open then."""
        self.clock.ahead += max(0.0, device.expires - self.clock.time())

    def has_expired(self, device: Device) -> bool:
        """Tell whether a client is connected with a token that has ended."""
        return device.connection_id is not None and device.expires <= self.clock.time()

    def close_expired(self) -> None:
        """Run the expire function, as every minute. Later runs follow a run that fails."""
        self.clock.ahead += 60

        def work() -> None:
            with contextlib.suppress(*INJECTED):
                self.routes["expire"].handler({}, self)

        self._start(Actor("expire", work, lambda _done: None))

    @staticmethod
    def get_remaining_time_in_millis() -> float:
        """Return the milliseconds that an invocation may take, as Lambda's context does."""
        return INVOCATION_SECONDS * 1000

    def drop(self, device: Device, *, notice: bool) -> None:
        """Cut a connection. `$disconnect` runs if API Gateway notices the cut."""
        context = self._context(device)
        device.close()
        if notice:
            handler = self.routes["disconnect"].handler

            def work() -> None:
                with contextlib.suppress(*INJECTED):  # `$disconnect` is best effort, without a retry
                    handler({"requestContext": context}, None)
                    self.truth.gone.add(context["connectionId"])

            self._start(Actor(f"disconnect {context['connectionId']}", work, lambda _done: None))

    def send(self, device: Device) -> None:
        """Let API Gateway call a function for each frame that a client sends, and note a client's end."""
        while device.outgoing:
            self._invoke(device, device.outgoing.popleft())
        if device.has_hung_up:
            self.drop(device, notice=True)

    def wait(self, device: Device, seconds: float) -> None:
        """Let time pass for a client: it asks for what it waits for in vain."""
        device.wait(seconds)
        self.send(device)

    def _invoke(self, device: Device, frame: Frame) -> None:
        context = self._context(device)
        handler = self.routes[frame["action"]].handler
        answers: list[Frame] = []
        expired = self.has_expired(device)

        def work() -> None:
            answer = json.loads(handler({"requestContext": context, "body": json.dumps(frame)}, None)["body"])
            if expired and answer["type"] != "error":
                self.truth.broken.append(f"{device.name} is answered after its token's end: {answer}")
            checkpoint("answer")
            answers.append(answer)

        def finished(_done: bool) -> None:
            if device.connection_id == context["connectionId"]:
                device.inbox.append(answers[0] if answers else {"message": "Internal server error"})

        self._start(Actor(f"{frame['action']} {frame['requestId']} of {device.name}", work, finished))

    def read(self, device: Device, number: int = 0) -> None:
        """Let a client read a frame. Frames that were on their way at the same time may change places."""
        frame = device.inbox[number % len(device.inbox)]
        device.inbox.remove(frame)
        device.receive(frame)
        self.send(device)

    def invoke_worker(self, worker: Worker, most: int, start: int) -> None:
        """Let Lambda call the push function with some messages."""
        worker.batch = batch = self.sqs.receive(most, start)
        failed = [record["messageId"] for record in batch]

        def work() -> None:
            with contextlib.suppress(*INJECTED):  # such an error fails the invocation as a whole
                failed[:] = worker.fan_out.push(batch, seconds=INVOCATION_SECONDS)
                checkpoint("return")

        def finished(done: bool) -> None:
            back = batch if not done else [record for record in batch if record["messageId"] in failed]
            self.sqs.waiting += back
            worker.batch = None
            if not done:
                worker.fan_out = self._fan_out(worker)

        number = self.workers.index(worker) + 1
        self._start(Actor(f"push worker {number}", work, finished))

    def let_time_pass(self, seconds: float) -> None:
        """Let time pass for the logs. Tokens end by another clock, so clients live through many windows."""
        self.log_clock.now += seconds

    def delete_expired(self, name: Name, count: int, start: int) -> None:
        """Delete some of a channel's expired items, in any order of age, as their ttl does in its time."""
        now = self.log_clock.time()
        items = [item for item in self._items(CHANNELS[name], "L") if int(item["ttl"]["N"]) <= now]
        self._delete(items[start : start + count])

    def deploy(self, worker: Worker | None, *, stores: bool) -> None:
        """Give a worker, or the subscribe function, the version that stores updates, or not."""
        if worker is None:
            self.routes["subscribe"].history = self._past if stores else None
            return
        worker.stores = stores
        worker.fan_out = self._fan_out(worker)

    def check(self, when: str) -> None:
        """Compare the connected clients' updates with the stored ones. Everything is at rest."""
        self.truth.check_promises()
        self.truth.check_left_behind(self.moto.scan(TableName=TABLE)["Items"])
        for device in self.devices:
            if device.connection_id is not None:
                self._check(device, f"{device.name} {when}")

    def _check(self, device: Device, who: str) -> None:
        for name, subscription in device.subscriptions.items():
            assert subscription.state.name == "subscribed", f"{who} is not answered about {name}"
            changes = device.changes[name]
            if name in PATTERNS:
                for entity_id in ENTITIES:
                    self.truth.check_pattern(f"{who}, {name}", CHANNELS[entity_id], changes)
            else:
                self.truth.check_client(who, CHANNELS[name], changes)

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
        """Return the actors that have not ended."""
        self.actors = [actor for actor in self.actors if not actor.done]
        return self.actors

    def settle(self) -> None:
        """Let everything come to rest, without further faults."""
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
            if self.running() or any(device.inbox for device in self.devices):
                continue
            if any(map(self.has_expired, self.devices)):
                self.close_expired()
            for device in self.devices:
                if device.connection_id:
                    self.wait(device, PATIENCE_SECONDS)
            if not self.running():
                return
        raise AssertionError("it never came to rest")

    def close(self) -> None:
        """End every actor's thread, and the clients."""
        for actor in list(self.running()):
            actor.kill()
        self._runner.close()

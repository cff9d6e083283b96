"""One channel's log with its workers and clients, in one thread: tasks take turns call by call."""

import json
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from datetime import UTC, datetime
from typing import Any

from entity_push.protocol import frames
from entity_push.protocol.catch_up import CatchUp
from entity_push.protocol.cursors import Cursor
from entity_push.protocol.events import Event
from entity_push.routes import replay
from entity_push.runtime.aws_errors import RefusedError
from entity_push.runtime.json_client import Call
from entity_push.table import history, memory, no_history
from entity_push.table.calls import call
from entity_push.table.conflicts import StillConflictingError
from entity_push.table.history import History
from entity_push.table.no_history import NoHistory
from entity_push_client.changes import Change, Frame, Update
from entity_push_client.ordering import EntityOrder, Question

from tests.model.actors import Fault
from tests.model.clock import LogClock
from tests.model.log_table import LogTable
from tests.model.log_truth import LogTruth
from tests.model.services import InjectedError, LostAnswerError, injected_conflict

TABLE, CHANNEL, ENTITY = "table", "entity/a", "a"

REPLAY_SECONDS = 24 * 60 * 60
START = 1_800_000_000.0
MOST_SKEW_SECONDS = 60

MOST_SECONDS_UNDER_WAY = 120
"""How long an invocation may take: far less than a window of replay."""

Numbers = History | NoHistory


class LogTask:
    """A coroutine that stops before each of its calls, until the test lets it go on. Dropping it is a crash.

    Attributes:
        name: the task's name, for people.
        since: when it began.
        at: the call before which it waits.
        done: whether it has ended.
    """

    def __init__(self, world: "LogWorld", name: str, skew: float, work: Coroutine[Any, Any, None]):
        self.name, self.since, self.at, self.done = name, world.clock.now, "", False
        self._world, self._skew, self._work = world, skew, work
        self._calls: Sequence[Call] = ()
        self._answers: list[Any] = []
        self._go_on(None)

    def step(self, fault: Fault = Fault.NONE) -> None:
        """Make the call before which the task waits; let it go on to the next one."""
        self._world.clock.skew = self._skew
        try:
            self._answers.append(self._world.answer(self._calls[len(self._answers)], fault))
        except LostAnswerError:
            return  # the client makes the call again
        except (RefusedError, InjectedError) as error:
            self._answers.append(error)
        self._go_on(self._answers)

    def drop(self) -> None:
        """End the task where it is."""
        self.done = True
        self._work.close()

    def _go_on(self, answers: list[Any] | None) -> None:
        self._world.clock.skew = self._skew
        while answers is None or len(answers) == len(self._calls):
            try:
                self._calls = self._work.send(answers).calls
            except StopIteration:
                self.done = True
                return
            self._answers = answers = []
        self.at = self._calls[len(answers)].operation


class LogWorker:
    """An execution environment of the push function, warm until a crash.

    Attributes:
        skew: how many seconds its clock is ahead.
        stores: whether its version of the deployment stores updates.
        numbers: what numbers the updates.
        batch: the events of the running invocation, with the times when they were sent; None without one.
    """

    def __init__(self, number: int):
        self.name = f"worker {number}"
        self.skew, self.stores = 0.0, True
        self.numbers: Numbers
        self.batch: list[Event] | None = None
        self.task: LogTask | None = None
        self.start()

    def start(self) -> None:
        """Give the worker a new execution environment."""
        self.numbers = History(TABLE, replay_seconds=REPLAY_SECONDS) if self.stores else NoHistory(TABLE)


class LogClient:
    """A client that follows the channel: the Python client's order, without its connection.

    Attributes:
        connection: the number of its connection; None without one.
        has: the events that its screen shows, or knows from a state that it fetched.
        question: the question whose answer is awaited, if any.
        outgoing: the frames to send.
    """

    def __init__(self, number: int):
        self.name = f"client {number}"
        self.connection: int | None = None
        self.has: set[str] = set()
        self.question: Question | None = None
        self.outgoing: deque[Frame] = deque()
        self._shown: list[Change[None, Any]] = []
        self._order = EntityOrder(self._shown.append)
        self._asked = 0

    def connected(self) -> None:
        """Ask: a connection is open."""
        self._ask()

    def disconnected(self) -> None:
        """Forget the question: the connection is lost."""
        if self.question:
            self._order.unanswered(self.question)
        self.question = None
        self.outgoing.clear()

    def receive(self, frame: Frame, published: set[str]) -> None:
        """Take a frame. A state that the client fetches anew shows everything published so far."""
        match frame:
            case {"type": "subscribed", "requestId": number}:
                if self.question and number == self._number:
                    question, self.question = self.question, None
                    self._order.answered(question, frame)
            case {"message": "Internal server error"}:
                self.disconnected()
                self._ask()
            case _:
                self._order.pushed(frame, self.question is not None)
        for change in self._shown:
            self.has |= {change.id} if isinstance(change, Update) else published
        self._shown.clear()
        if not self.question and (self._order.must_ask or self._order.has_hole):
            self._ask()

    @property
    def _number(self) -> str:
        return f"subscribe-{self._asked}"

    def _ask(self) -> None:
        self._asked += 1
        self.question = self._order.ask()
        frame: Frame = {"action": "subscribe", "entityId": ENTITY, "requestId": self._number}
        self.outgoing.append(frame | ({"since": self.question.since} if self.question.since else {}))

    @property
    def place(self) -> str | None:
        """The place up to which the client was told updates."""
        return self._order.cursor


class LogWorld:
    """The log, its workers and its clients.

    Args:
        workers: the number of workers.
        clients: the number of clients.

    Attributes:
        page_items: the items of a query's page.
        change: may change a call's parameters. Mutations use this.
        subscribe_stores: whether the subscribe function's version of the deployment stores updates.
    """

    def __init__(self, workers: int = 3, clients: int = 2):
        self.clock = LogClock(START)
        history.time = no_history.time = self.clock  # type: ignore[assignment, attr-defined]
        self.table = LogTable()
        self.truth = LogTruth(lambda: self.clock.now + MOST_SKEW_SECONDS)
        self.page_items = 2
        self.change: Callable[[str, dict[str, Any]], None] = lambda _name, _parameters: None
        self.subscribe_stores, self.reader_skew = True, 0.0
        self.workers = [LogWorker(number) for number in range(1, workers + 1)]
        self.clients = [LogClient(number) for number in range(1, clients + 1)]
        self.reader = History(TABLE, replay_seconds=REPLAY_SECONDS)
        self.events: list[Event] = []
        self.queue: list[Event] = []
        self.tasks: list[LogTask] = []
        self._subscribed: set[tuple[int, int]] = set()
        self._connections = 0

    def set_bounds(self, *, forgetful: bool) -> None:
        """Set how far workers look back, and remember: so little that repeats get through, or all."""
        history.MOST_LOOKED_BACK, memory.MOST_KNOWN = (2, 4) if forgetful else (500, 20_000)
        self.truth.looks_back = 1 if forgetful else 500

    # Events

    def publish(
        self, *, version: int | None = None, own_id: str = "", late: float = 0.0, sender: str = "s"
    ) -> None:
        """Put an event on the queue.

        Args:
            version: its version, if any.
            own_id: an id of its own, if any.
            late: how many seconds its time is off.
            sender: who gave it the id of its own.
        """
        number = len(self.events) + 1
        frame = frames.entity_updated(
            ENTITY,
            event_id=f"event-{number}",
            time=datetime.fromtimestamp(self.clock.now + late, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            detail={"message": number},
            sender=None,
            version=version,
            own_id=own_id or None,
        )
        sent_at = round(self.clock.now * 1000)
        event = Event(CHANNEL, f"event-{number}", frame, sent_at, sender=sender if own_id else "")
        self.events.append(event)
        self.queue.append(event)

    @property
    def published(self) -> set[str]:
        """The ids of the events so far."""
        return {event.event_id for event in self.events}

    # The push function

    def invoke(self, worker: LogWorker, most: int, start: int = 0) -> None:
        """Let a worker take some events from the queue."""
        batch: list[Event] = []
        while self.queue and len(batch) < most:
            batch.append(self.queue.pop(start % len(self.queue)))
        worker.batch = batch
        worker.task = self._begin(worker.name, worker.skew, self._push(worker, batch))

    async def _push(self, worker: LogWorker, batch: list[Event]) -> None:
        try:
            appended = await worker.numbers.append(batch)
        except (RefusedError, StillConflictingError):
            self.queue += batch
            worker.batch = None
            return
        if isinstance(worker.numbers, NoHistory):
            self.truth.passed(CHANNEL, [update.identity for update in appended.updates])
        if appended.updates:
            await call("read subscribers")
            await call("post", wires=[update.frame for update in appended.updates], to=set(self._subscribed))
        await call("return")
        worker.batch = None

    def crash(self, worker: LogWorker) -> None:
        """End an invocation where it is; its events come back."""
        assert worker.task
        assert worker.batch is not None
        worker.task.drop()
        self.queue += worker.batch
        worker.batch = None
        worker.start()

    # Clients

    def connect(self, client: LogClient) -> None:
        self._connections += 1
        client.connection = self._connections
        client.connected()
        self._send(client)

    def drop(self, client: LogClient) -> None:
        """Cut a client's connection."""
        client.connection = None
        client.disconnected()

    def _send(self, client: LogClient) -> None:
        while client.outgoing:
            frame = client.outgoing.popleft()
            assert frame["action"] == "subscribe"
            name = f"{frame['requestId']} of {client.name}"
            self._begin(name, self.reader_skew, self._subscribe(client, frame))

    async def _subscribe(self, client: LogClient, frame: Frame) -> None:
        connection, stores = client.connection, self.subscribe_stores
        await call("write subscription", client=client, connection=connection)
        told = CatchUp()
        since = Cursor.parse(frame["since"]) if "since" in frame else None
        if stores:
            try:
                told = await replay.catch_up(self.reader, CHANNEL, since, room=300)
            except RefusedError:
                if client.connection == connection:
                    client.receive({"message": "Internal server error"}, self.published)
                    self._send(client)
                return
        await call("answer")
        if client.connection != connection:
            return
        named = {"entityId": ENTITY}
        answer = frames.subscribed(named, already_subscribed=False, catch_up=told)
        client.receive({**answer, "requestId": frame["requestId"]}, self.published)
        self._check_told(client, since, told)
        self._send(client)

    def _check_told(self, client: LogClient, since: Cursor | None, told: CatchUp) -> None:
        """Note a promise that an answer breaks."""
        if not told.cursor:
            return
        lives = [life for life in self.truth.lives(CHANNEL) if life.name == told.cursor.epoch]
        if len(lives) != 1:
            self.truth.broken.append(f"{len(lives)} lives are called {told.cursor.epoch}")
            return
        life = lives[0]
        if told.recovered and not told.more:
            missing = {update.frame["id"] for update in life.updates[: told.cursor.sequence]} - client.has
            if missing:
                self.truth.broken.append(f"{client.name} recovered without {sorted(missing)}")
        if since and not told.recovered and self._is_whole(since):
            self.truth.broken.append(f"{client.name} fetches anew since {since} without a reason")

    def _is_whole(self, since: Cursor) -> bool:
        """Tell whether the last life is a cursor's, and all its segments are there."""
        life = self.truth.lives(CHANNEL)[-1]
        keys = {sk for _, sk in self.table.items if sk.startswith(f"LOG#{life.name}#")}
        return life.name == since.epoch and not life.sealed and len(keys) == len(life.segments)

    # Calls

    def answer(self, wanted: Call, fault: Fault) -> Any:
        """Return the answer to a call.

        Raises:
            RefusedError: DynamoDB refuses, or fails.
            LostAnswerError: the call had its effect.
        """
        operation, parameters = wanted
        match operation:
            case "write subscription":
                if parameters["client"].connection == parameters["connection"]:
                    self._subscribed.add((self.clients.index(parameters["client"]), parameters["connection"]))
                return {}
            case "post":
                self._post(**parameters)
                return {}
            case "read subscribers" | "answer" | "return":
                return {}
        if fault is Fault.CONFLICT:
            injected_conflict(operation, parameters)
        if fault is Fault.FAILURE:
            raise InjectedError("InternalServerError", operation)
        parameters = dict(parameters)
        self.change(operation, parameters)
        if operation == "query":
            parameters["Limit"] = min(self.page_items, parameters["Limit"])
        answer = getattr(self.table, operation)(**parameters)
        self.truth.wrote(operation, parameters)
        if fault is Fault.LOST_ANSWER and operation == "put_item":  # a transaction made again is the same one
            raise LostAnswerError
        return answer

    def _post(self, wires: list[bytes], to: set[tuple[int, int]]) -> None:
        for number, connection in sorted(to):
            client = self.clients[number]
            for wire in wires:
                if client.connection == connection:
                    client.receive(json.loads(wire), self.published)
                    self._send(client)

    # Time

    def may_take(self) -> float:
        """Return how many seconds may pass before the oldest invocation has to be over."""
        running = [task.since for task in self.running()]
        return min(running) + MOST_SECONDS_UNDER_WAY - self.clock.now if running else float("inf")

    def expired(self) -> list[tuple[str, str]]:
        """Return the keys of the items that DynamoDB may delete."""
        now = self.clock.now
        return sorted(key for key, item in self.table.items.items() if int(item["ttl"]["N"]) <= now)

    def delete(self, which: list[tuple[str, str]]) -> None:
        """Delete items, as their ttl does."""
        for key in which:
            del self.table.items[key]

    # Helpers

    def _begin(self, name: str, skew: float, work: Coroutine[Any, Any, None]) -> LogTask:
        task = LogTask(self, name, skew, work)
        self.tasks.append(task)
        return task

    def running(self) -> list[LogTask]:
        """Return the tasks that have not ended."""
        self.tasks = [task for task in self.tasks if not task.done]
        return self.tasks

    def settle(self) -> None:
        """Let everything come to rest, without further faults."""
        for _ in range(3000):
            if tasks := self.running():
                tasks[0].step()
            elif self.queue:
                self.invoke(self.workers[0], 10)
            else:
                return
        raise AssertionError("it never came to rest")

    def check(self) -> None:
        """Assert the promises to the connected clients. Everything is at rest."""
        assert not self.truth.broken, "; ".join(self.truth.broken)
        settled = self.truth.settled(CHANNEL)
        for event in self.events:
            there = event.identity in settled or self.truth.is_covered(CHANNEL, event)
            assert there, f"{event.event_id} was dropped"
        for client in self.clients:
            if client.connection is not None:
                self._check_client(client)

    def _check_client(self, client: LogClient) -> None:
        assert not client.question, f"{client.name} is not answered"
        known = [event for event in self.events if event.event_id in client.has]
        for event in self.events:
            has = event.event_id in client.has or self.truth.is_covered(CHANNEL, event, known)
            assert has, f"{client.name}, at {client.place}, lacks {event.event_id}, and was not told"

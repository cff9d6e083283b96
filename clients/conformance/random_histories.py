"""Random histories: a server that keeps the protocol's contract, and a network that does not keep its own.

Updates are lost, late, or repeated. Answers come in pages, late, or never. Connections are cut. Histories
expire or begin a new life. The application comes and goes. Then everything heals. A client is right if its
application was never shown a gap, a repetition or a step back, and has seen the last update in the end.

The same seed makes the same history again.
"""

import json
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from clients.conformance import frames
from clients.conformance.driving import ConformanceError, Driver
from clients.conformance.frames import Json, Update
from clients.conformance.server import Connection

ENTITIES = ("orders/1", "orders/2", "orders/3", "(user)")
PATTERN = "orders/*"
PAGE = 3
"""The number of updates that an answer has at most."""

EVENTS = 60
CALM = 300.0
"""So many seconds after the last fault, a client must be whole."""


@dataclass
class Log:
    """The history of one entity, or of a channel.

    Attributes:
        lives: the number of its lives so far.
        number: the number of the last update.
        oldest: the number of the oldest update that is still kept.
    """

    lives: int = 1
    number: int = 0
    oldest: int = 1

    def at(self, number: int) -> str:
        """Return the cursor of an update of the present life."""
        return f"life{self.lives}.{number}"

    @property
    def head(self) -> str:
        """The cursor of the last update."""
        return self.at(self.number)


@dataclass
class Link:
    """What the server has about a connection.

    Attributes:
        subscriptions: the names that the connection is subscribed to.
        late: the frames that are under way.
    """

    subscriptions: set[str] = field(default_factory=set)
    late: list[str] = field(default_factory=list)


class History:
    """One random history, played with one client."""

    def __init__(self, driver: Driver, seed: int) -> None:
        """Keep the driver.

        Args:
            driver: drives the client; its adapter must be started.
            seed: makes the history.
        """
        self._driver = driver
        self._random = random.Random(seed)
        self._logs = {name: Log() for name in ENTITIES}
        self._links: dict[Connection, Link] = {}
        self._wanted: set[str] = set()
        self._shown: dict[str, list[Json]] = {}
        self._subscriptions = 0
        self._handles: dict[str, str] = {}
        self._healthy = False
        self._hurried = False
        self._likely: dict[Callable[[], Awaitable[None]], int] = {
            self._update: 40,
            self._time: 20,
            self._deliver_late: 12,
            self._change_wish: 10,
            self._cut: 6,
            self._expire: 2,
            self._warn: 1,
            self._die: 1,
            self._sleep: 1,
        }

    async def play(self) -> None:
        """Play the history, and check what was shown.

        Raises:
            ConformanceError: the application was shown something wrong, or not everything.
        """
        most_held = self._random.choice((3, 1000))
        await self._driver.begin(options={"maxConnectionAge": 90, "pingAfter": 40, "maxHeld": most_held})
        self._driver.calls.usual = self._outcome
        for _ in range(EVENTS):
            await self._something()
            await self._serve()
        await self._heal()
        await self._hurry()
        await self._end()

    # What happens.

    async def _something(self) -> None:
        (chosen,) = self._random.choices(list(self._likely), list(self._likely.values()))
        await chosen()
        self._driver.adapter.order("random", value=self._random.random())
        await self._driver.settle()

    async def _update(self) -> None:
        self._put(self._random.choice(ENTITIES))

    def _put(self, name: str) -> None:
        log = self._logs[name]
        log.number += 1
        frame = self._frame(name, log.number)
        for connection, link in self._links.items():
            if connection.ended or not self._reaches(link, name):
                continue
            for copy in range(self._random.choice((1, 1, 1, 1, 2))):
                if self._healthy or self._random.random() < 0.7:
                    connection.send(frame)
                elif self._random.random() < 0.7 or copy:
                    link.late.append(frame)

    @staticmethod
    def _reaches(link: Link, name: str) -> bool:
        return name in link.subscriptions or name == "(user)" or PATTERN in link.subscriptions

    async def _deliver_late(self) -> None:
        for connection, link in self._links.items():
            self._random.shuffle(link.late)
            for frame in link.late:
                connection.send(frame)
            link.late.clear()

    async def _cut(self) -> None:
        open_ones = [one for one in self._links if one.open]
        if open_ones:
            connection = self._random.choice(open_ones)
            self._random.choice((connection.abort, lambda: connection.close(1000)))()

    async def _die(self) -> None:
        open_ones = [one for one in self._links if one.open]
        if open_ones:
            self._random.choice(open_ones).die()

    async def _warn(self) -> None:
        for connection in self._links:
            connection.send('{"type":"closing","code":"token_expires","reconnect":true}')

    async def _sleep(self) -> None:
        self._driver.adapter.order("sleep", seconds=self._random.choice((30, 10_000)))

    async def _time(self) -> None:
        await self._pass(self._random.choice((0.05, 0.3, 0.3, 2, 12, 60)))

    async def _change_wish(self) -> None:
        name = self._random.choice((*ENTITIES, PATTERN))
        if name in self._handles:
            handle = self._handles.pop(name)
            self._driver.adapter.order("unsubscribe", **{"as": handle})
            await self._driver.settle()
            self._check(name, self._driver.seen.shown.pop(handle, []), whole=False)
            return
        self._subscriptions += 1
        handle = self._handles[name] = f"{name} #{self._subscriptions}"
        about = {"channel": "user"} if name == "(user)" else {"name": name}
        self._driver.adapter.order("subscribe", **{"as": handle}, **about, getState=True)

    async def _expire(self) -> None:
        log = self._logs[self._random.choice(ENTITIES)]
        if self._random.random() < 0.5:
            log.oldest = log.number + 1
        else:
            log.lives, log.number, log.oldest = log.lives + 1, 0, 1

    # What the application's functions and the server answer.

    def _outcome(self, function: str, number: int) -> Json:
        if not self._healthy and self._random.random() < 0.15:
            return {"fails": "bad luck"}
        if function == "token":
            return {"value": f"token-{number}"}
        name = function.rpartition(" #")[0]
        known = [one for one in ENTITIES if one != "(user)"] if name == PATTERN else [name]
        return {"value": {one: self._logs[one].head for one in known}}

    async def _pass(self, seconds: float) -> None:
        """Let time pass, and serve the client whenever it does something."""
        until = self._driver.now + seconds
        while self._driver.now < until - 1e-6:
            await self._driver.advance(until - self._driver.now, unless=self._has_work)
            await self._serve()

    def _has_work(self) -> bool:
        server = self._driver.server
        return bool(server.undecided) or any(one.frames for one in self._links)

    async def _serve(self) -> None:
        """Answer handshakes and questions until there are none."""
        while self._has_work():
            for connection in self._driver.server.undecided:
                self._decide(connection)
            for connection in list(self._links):
                while connection.frames:
                    self._answer(connection, connection.frames.popleft())
            await self._driver.settle()

    def _decide(self, connection: Connection) -> None:
        luck = 1.0 if self._healthy else self._random.random()
        if luck < 0.1:
            connection.refuse(self._random.choice((401, 429, 500)))
        elif luck < 0.15:
            connection.abort()
        elif luck < 0.17:
            connection.silent = True
        else:
            connection.accept(f"C{len(self._links):04}")
            self._links[connection] = Link()

    def _answer(self, connection: Connection, question: Json) -> None:
        link = self._links[connection]
        luck = 1.0 if self._healthy else self._random.random()
        if luck < 0.04:
            return
        if luck < 0.08:
            connection.send('{"message":"Too Many Requests","connectionId":"c=","requestId":"r="}')
            return
        answers = [self._about(link, question, name) for name in frames.names_in(question)]
        frame = {"type": "answers", "answers": answers} if "entityIds" in question else answers[0]
        told = json.dumps(frame | {"requestId": question["requestId"]})
        if question["action"] == "subscribe" and (self._hurried or self._random.random() < 0.2):
            for name in set(frames.names_in(question)) & set(ENTITIES):
                self._put(name)  # pushed before the answer, which does not have it
        if luck < 0.2:
            link.late.append(told)
        else:
            connection.send(told)

    def _about(self, link: Link, question: Json, name: str) -> Json:
        if question["action"] == "unsubscribe":
            told: Json = {"wasSubscribed": name in link.subscriptions}
            link.subscriptions.discard(name)
            return frames.answer(name, question, told, [], None)
        if not self._healthy and self._random.random() < 0.04:
            return frames.answer(name, question, {"error": "internal_error"}, [], None)
        link.subscriptions.add(name)
        if name == PATTERN:
            return frames.answer(name, question, {"cursor": "none", "recovered": False}, [], None)
        log = self._logs[name]
        if not log.number and self._random.random() < 0.5:  # there is no history yet
            return frames.answer(name, question, {"cursor": "none", "recovered": False}, [], None)
        life, _, number = (frames.since_of(question, name) or "none.0").rpartition(".")
        first = int(number) + 1
        if life != f"life{log.lives}" or first < log.oldest:
            latest = json.loads(self._frame(name, log.number)) if log.number >= log.oldest else None
            return frames.answer(name, question, {"cursor": log.head, "recovered": False}, [], latest)
        numbers = list(range(first, log.number + 1))
        page, more = numbers[:PAGE], len(numbers) > PAGE
        updates = [json.loads(self._frame(name, one)) for one in page]
        return frames.answer(name, question, {"recovered": True, "more": more}, updates, None)

    def _frame(self, name: str, number: int) -> str:
        cursor = self._logs[name].at(number)
        return json.dumps(frames.pushed(name, Update(cursor, f"ev-{name}-{cursor}", {"message": cursor})))

    # The end.

    async def _heal(self) -> None:
        """End all faults, and let time pass."""
        self._healthy = True
        await self._deliver_late()
        await self._driver.settle()
        await self._pass(CALM)

    async def _hurry(self) -> None:
        """Cut all, and push the only update between a question and its answer."""
        self._hurried = True
        for connection in self._links:
            if connection.open:
                connection.abort()
        await self._driver.settle()
        await self._pass(CALM)
        self._hurried = False
        self._check_all(ENTITIES)

    async def _end(self) -> None:
        """Put a last update to everything."""
        for name in ENTITIES:
            self._put(name)
        await self._driver.settle()
        await self._pass(CALM)
        self._check_all((*ENTITIES, PATTERN))

    def _check_all(self, names: tuple[str, ...]) -> None:
        for name in names:
            if name in self._handles:
                self._check(name, self._driver.seen.shown[self._handles[name]])

    def _check(self, name: str, shown: list[Json], *, whole: bool = True) -> None:
        """Check what one subscription was shown.

        Args:
            name: what it was about.
            shown: its reports, in order.
            whole: whether it must have seen the last update.
        """
        if shown and shown[0]["report"] != "reset":
            raise ConformanceError(f"{name} was shown an update before its first reset: {shown[0]}")
        seen: dict[str, str] = {}
        begins = False
        for report in shown:
            if report["report"] == "reset":
                seen, begins = dict(report["state"]), True
                continue
            entity, at = self._of(name, report["update"])
            if name == PATTERN:
                self._check_pattern(seen, entity, at)
            else:
                check_next(name, seen[name], at, begins=begins)
            seen[entity], begins = at, False
        if whole:
            for entity in [one for one in ENTITIES if one != "(user)"] if name == PATTERN else [name]:
                if seen.get(entity) != self._logs[entity].head:
                    state = self._driver.seen.states.get(self._handles[name])
                    raise ConformanceError(
                        f"{name} has missed the end: the last update of {entity} is"
                        f" {self._logs[entity].head}, the last shown {seen.get(entity)}, the state {state}"
                    )

    @staticmethod
    def _of(name: str, update: Json) -> tuple[str, Any]:
        entity = update["entityId"] if name == PATTERN else name
        return entity, update["message"]

    def _check_pattern(self, seen: dict[str, str], entity: str, at: str) -> None:
        before = seen.get(f"updates of {entity}")
        if before and _place(before)[0] == _place(at)[0] and _place(at) <= _place(before):
            raise ConformanceError(f"{PATTERN} was shown {at} of {entity} after {before}")
        seen[f"updates of {entity}"] = at


def _place(cursor: str) -> tuple[int, int]:
    life, _, number = cursor.removeprefix("life").partition(".")
    return int(life), int(number)


def check_next(name: str, before: str, at: str, *, begins: bool) -> None:
    """Check that an update follows what came before.

    Args:
        name: whose update it is.
        before: the update or state before.
        at: the update.
        begins: whether a state came before. It may be newer than the cursor that the updates go on from.
    """
    life, number = _place(before)
    if begins and _place(at) <= (life, number + 1):
        return
    if _place(at) != (life, number + 1):
        raise ConformanceError(f"{name} was shown {at} after {before}{' (a state)' if begins else ''}")

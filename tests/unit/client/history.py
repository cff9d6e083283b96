"""A server's history of one entity, and connections on which anything may happen to frames."""

from dataclasses import dataclass, field
from typing import Any

from entity_push_client.changes import Change, Frame, Reset
from entity_push_client.ordering import EntityOrder, Question, split_cursor

PAGE = 2


@dataclass
class Wire:
    """A connection.

    Attributes:
        subscribed: whether the server pushes to it.
        flying: the frames on their way to the client, in any order.
        question: the client's open question, if any, and whether the server has read it.
        answers: answers on their way, each with its question.
    """

    subscribed: bool = False
    flying: list[Frame] = field(default_factory=list)
    question: Question | None = None
    read: bool = False
    answers: list[tuple[Question, Frame]] = field(default_factory=list)


class World:
    """A history, and one client's order on at most two connections.

    Attributes:
        wires: the open connections; the newest is asked.
        shown: what the application was given.
        states: how many events there were at each reset: the state that is fetched then has them all.
    """

    def __init__(self, most_held: int = 3):
        self.life, self.lives = "a", "abcdefghijklmnopqrstuvwxyz"
        self.logs: dict[str, list[Frame]] = {"a": []}
        self.kept_from: dict[str, int] = {"a": 0}
        self.stores = True
        self.events: list[Frame] = []
        self.wires: list[Wire] = []
        self.shown: list[Change[None, Any]] = []
        self.states: list[int] = []
        self.order = EntityOrder(self._show, most_held=most_held)

    def _show(self, change: Change[None, Any]) -> None:
        self.shown.append(change)
        if isinstance(change, Reset):
            self.states.append(len(self.events))

    # The server

    def publish(self) -> None:
        frame: Frame = {"type": "Entity Updated", "entityId": "e", "id": f"event-{len(self.events)}"}
        frame["message"] = len(self.events)
        if self.stores:
            log = self.logs[self.life]
            number = len(log) + 1
            frame |= {"sequence": number, "cursor": f"{self.life}.{number}"}
            log.append(frame)
        self.events.append(frame)
        for wire in self.wires:
            if wire.subscribed:
                wire.flying.append(frame)

    def begin_a_life(self) -> None:
        self.life = self.lives[self.lives.index(self.life) + 1]
        self.logs[self.life], self.kept_from[self.life] = [], 0

    def forget_the_oldest(self, count: int) -> None:
        self.kept_from[self.life] = min(self.kept_from[self.life] + count, len(self.logs[self.life]))

    def read(self, wire: Wire) -> None:
        """Let the server read a question: it subscribes first, then looks at the history."""
        assert wire.question is not None
        wire.read = wire.subscribed = True
        wire.answers.append((wire.question, self._answer(wire.question.since)))

    def _answer(self, since: str | None) -> Frame:
        if not self.stores:
            return {"cursor": None, "recovered": False, "updates": [], "more": False, "latest": None}
        log = self.logs[self.life]
        life, number = split_cursor(since) if since else ("", 0)
        if life != f"{self.life}." or not self.kept_from[self.life] <= number <= len(log):
            latest = log[-1] if log else None
            cursor = f"{self.life}.{len(log)}"
            return {"cursor": cursor, "recovered": False, "updates": [], "more": False, "latest": latest}
        page = log[number : number + PAGE]
        more = number + PAGE < len(log)
        cursor = f"{self.life}.{number + len(page)}"
        return {"cursor": cursor, "recovered": True, "updates": page, "more": more, "latest": None}

    # The client, as memberships.py and client.py drive the order

    def connect(self) -> None:
        self.wires.append(Wire())
        self.ask()

    def ask(self) -> None:
        """Ask on the newest connection, if something is due and no answer is awaited there."""
        if self.wires:
            wire = self.wires[-1]
            if wire.question is None and (self.order.must_ask or not wire.subscribed):
                wire.question, wire.read = self.order.ask(), False

    def cut(self, wire: Wire) -> None:
        self.wires.remove(wire)
        if wire.question is not None:
            self.order.unanswered(wire.question)
        self.ask()

    def deliver(self, wire: Wire, which: int, *, twice: bool = False) -> None:
        frame = wire.flying[which % len(wire.flying)]
        if not twice:
            wire.flying.remove(frame)
        self.order.pushed(frame, wire.question is not None)
        self.ask()

    def answer(self, wire: Wire) -> None:
        question, answer = wire.answers.pop(0)
        wire.question = None
        self.order.answered(question, answer)
        self.ask()

    def wait(self) -> None:
        """Let the time for late frames be over."""
        if self.order.has_hole:
            self.order.must_ask = True
            self.ask()

    def settle(self) -> None:
        """Let everything arrive that is still under way."""
        if not self.wires:
            self.connect()
        for _ in range(1000):
            for wire in self.wires:
                if wire.question and not wire.read:
                    self.read(wire)
                elif wire.answers:
                    self.answer(wire)
                elif wire.flying:
                    self.deliver(wire, 0)
            busy = any(wire.question or wire.flying for wire in self.wires)
            if not busy and self.order.has_hole:
                self.wait()
            elif not busy:
                return
        raise AssertionError("it never came to rest")

    # What must hold

    def check_order(self) -> None:
        """Assert that since each reset, the updates are just those that the history has after its cursor."""
        life, number = "", 0
        seen: set[str] = set()
        assert not self.shown or isinstance(self.shown[0], Reset), "an update came before the first reset"
        for change in self.shown:
            if isinstance(change, Reset):
                life, number = split_cursor(change.cursor) if change.cursor else ("", 0)
            elif change.cursor is None:
                assert change.id not in seen, f"{change} is shown twice"
                seen.add(change.id)
            else:
                number += 1
                assert change.cursor == f"{life}{number}", f"{change} follows {life}{number - 1}"
                assert change.message == self.logs[life[:-1]][number - 1]["message"]

    def check_complete(self) -> None:
        """Assert that the application has every event: in a state that it fetched, or as an update."""
        last = max(number for number, change in enumerate(self.shown) if isinstance(change, Reset))
        known = {frame["id"] for frame in self.events[: self.states[-1]]}
        known |= {change.id for change in self.shown[last:] if not isinstance(change, Reset)}
        stored = {frame["id"] for frame in self.events if "cursor" in frame}
        assert stored <= known, f"missed: {sorted(stored - known)}"
        assert not self.order.must_ask
        if self.stores and self.logs[self.life]:
            assert self.order.cursor in (None, f"{self.life}.{len(self.logs[self.life])}")

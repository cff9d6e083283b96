"""A reference client: the smallest one that keeps the protocol's contract and misses nothing.

The contract is in docs/reference/protocol.md.

It does no I/O. What arrives goes into `ReferenceClient.receive`; what is to be sent lies in `outgoing`; the
shell around it says when a connection is open or lost:

    client = ReferenceClient()
    client.connected()
    client.subscribe("orders/42")
    while client.outgoing:
        send(json.dumps(client.outgoing.popleft()))
    client.receive(json.loads(received))
    print(client.entities["orders/42"].changes)

The rules, per entity; `USER` and `EVERYONE` stand for the two channels that every connection is in from the
start, and are entities here:

- The cursor of the last update seen goes along as `since` with every `subscribe` but the first.
- While an answer is awaited, pushed frames wait too, and nothing else is asked. The answer comes first, then
  what waited.
- `recovered: true`: `updates` are the next ones. `more`: ask again, with the answer's cursor.
- `recovered: false`: the state is to be fetched anew (`Refetch`), and goes on from the answer's cursor.
- A pushed frame with a number seen before is dropped, the next number is applied, and any other number or
  epoch is a reason to ask. The frame itself is dropped then: it was stored before it was pushed, so the
  answer covers it.
- A pattern is subscribed to first, then what it covers and is known from before. What is heard of for the
  first time, through a pattern or as one of the two channels, has its state fetched then (`Heard`).
"""

import itertools
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

Frame = dict[str, Any]

USER, EVERYONE = "#user", "#everyone"  # no entity can have these ids
FROM_THE_START = {USER: "user", EVERYONE: "everyone"}
"""The channels that a connection is in without asking, and how the protocol names them."""

MAX_ENTITY_IDS = 25


class Place(NamedTuple):
    """What a cursor tells its client: the part before the last dot is the epoch, the rest the number."""

    epoch: str
    sequence: int

    @classmethod
    def of(cls, cursor: str) -> "Place":
        epoch, _, number = cursor.rpartition(".")
        return cls(epoch, int(number))


@dataclass(frozen=True)
class Refetch:
    """Fetch the entity's state anew; updates after the cursor (None: all that ever come) follow."""

    cursor: str | None
    latest: Frame | None


@dataclass(frozen=True)
class Heard:
    """The entity is new to the client: fetch its state; updates after this frame follow."""

    frame: Frame


@dataclass(frozen=True)
class Applied:
    """The entity was updated."""

    frame: Frame


Change = Refetch | Heard | Applied


@dataclass
class Entity:
    """What the client knows of one entity, or a pattern that it follows.

    Attributes:
        changes: what a screen is told, in order; of a pattern, nothing.
        wanted: whether to be subscribed.
        question: requestId of the answer that is awaited.
        cursor: of the last update seen; None: there was none yet.
        waiting: frames pushed since the question was asked.
        unnumbered: ids of the frames seen that carry no number, since nothing is stored.
    """

    changes: list[Change] = field(default_factory=list)
    wanted: bool = False
    question: str | None = None
    cursor: str | None = None
    waiting: list[Frame] = field(default_factory=list)
    unnumbered: set[str] = field(default_factory=set)


def is_pattern(name: str) -> bool:
    """Tell whether a name stands for all entities that it covers."""
    return name.endswith("*")


def covers(pattern: str, name: str) -> bool:
    """Tell whether a pattern covers an entity."""
    return is_pattern(pattern) and name not in FROM_THE_START and name.startswith(pattern[:-1])


def name_in(frame: Frame) -> str:
    """Return the entity that an answer or a pushed frame is about."""
    match frame:
        case {"channel": "user"} | {"type": "User Push Notification"}:
            return USER
        case {"channel": "everyone"} | {"type": "Broadcast"}:
            return EVERYONE
    return str(frame["entityId"])


class ReferenceClient:
    """One client and the entities it follows.

    Attributes:
        entities: by their ids, those that it follows or has followed, and patterns.
        outgoing: frames to send, oldest first.
    """

    def __init__(self) -> None:
        self.entities: dict[str, Entity] = {}
        self.outgoing: deque[Frame] = deque()
        self._open = False
        self._numbers = itertools.count(1)

    def connected(self) -> None:
        """Subscribe to everything that is wanted: a connection is open."""
        self._open = True
        self._subscribe(
            name
            for name, entity in self.entities.items()
            if entity.wanted or (entity.changes and name in FROM_THE_START)
        )

    def disconnected(self) -> None:
        """Forget what was under way: the connection is lost, and no answer will come on it."""
        self._open = False
        self.outgoing.clear()
        for entity in self.entities.values():
            entity.question = None
            entity.waiting.clear()

    def subscribe(self, name: str) -> None:
        """Follow an entity, or all that a pattern covers, from now on, whenever there is a connection."""
        self._want(name, True)

    def unsubscribe(self, name: str) -> None:
        """Follow an entity, or a pattern, no more; the place in it is kept."""
        self._want(name, False)

    def follows(self, name: str) -> bool:
        """Tell whether an entity's updates are wanted: by its id, by a pattern, or from the start."""
        entity = self.entities.get(name)
        if name in FROM_THE_START or (entity and entity.wanted):
            return True
        return any(other.wanted and covers(pattern, name) for pattern, other in self.entities.items())

    def repeat(self) -> None:
        """Ask again what is not answered, as after some seconds without an answer."""
        for name, entity in self.entities.items():
            if entity.question:
                self._ask(name, entity.question.partition("-")[0])

    def receive(self, frame: Frame) -> None:
        """Take a frame from the server."""
        match frame:
            case {"type": "answers", "answers": list(answers)}:
                for answer in answers:
                    self.receive({**answer, "requestId": frame.get("requestId")})
            case {"type": "subscribed" | "unsubscribed"}:
                self._answered(name_in(frame), frame)
            case {"type": "Entity Updated" | "User Push Notification" | "Broadcast"}:
                if self.follows(name := name_in(frame)):
                    entity = self.entities.setdefault(name, Entity())
                    if entity.question:
                        entity.waiting.append(frame)
                    else:
                        self._pushed(name, entity, frame)
            case {"type": "error", "code": "internal_error"} | {"message": "Internal server error"}:
                self.repeat()

    def _want(self, name: str, wanted: bool) -> None:
        entity = self.entities.setdefault(name, Entity())
        if entity.wanted == wanted:
            return
        entity.wanted = wanted
        if not self._open or self._is_leaving(entity):
            return  # when that is answered, what is wanted then is asked
        if wanted:  # even if it is asked already: frames that came in between were dropped
            self._ask(name, "subscribe")
        elif not entity.question and not self.follows(name):  # what a pattern covers comes in any case
            self._ask(name, "unsubscribe")

    @staticmethod
    def _is_leaving(entity: Entity) -> bool:
        return entity.question is not None and entity.question.startswith("unsubscribe")

    def _subscribe(self, names: Iterable[str]) -> None:
        """Subscribe to several, with as few frames as possible."""
        entity_ids = []
        for name in names:
            if is_pattern(name) or name in FROM_THE_START:
                self._ask(name, "subscribe")
            else:
                entity_ids.append(name)
        for start in range(0, len(entity_ids), MAX_ENTITY_IDS):
            some = entity_ids[start : start + MAX_ENTITY_IDS]
            question = self._question("subscribe", some)
            cursors = {name: self.entities[name].cursor for name in some}
            since = {name: cursor for name, cursor in cursors.items() if cursor is not None}
            self.outgoing.append(
                {"action": "subscribe", "entityIds": some, "since": since, "requestId": question}
            )

    def _ask(self, name: str, action: str) -> None:
        named = {"channel": FROM_THE_START[name]} if name in FROM_THE_START else {"entityId": name}
        frame = {"action": action, **named, "requestId": self._question(action, [name])}
        cursor = self.entities[name].cursor
        if action == "subscribe" and cursor is not None:
            frame["since"] = cursor
        self.outgoing.append(frame)

    def _question(self, action: str, names: Iterable[str]) -> str:
        question = f"{action}-{next(self._numbers)}"
        for name in names:
            self.entities[name].question = question
        return question

    def _answered(self, name: str, answer: Frame) -> None:
        entity = self.entities[name]
        if entity.question is None or entity.question != answer.get("requestId"):
            return
        entity.question = None
        subscribed, follows = answer["type"] == "subscribed", self.follows(name)
        if not (subscribed and follows):
            entity.waiting.clear()
        if subscribed != follows:  # that has changed since it was asked
            self._ask(name, "subscribe" if follows else "unsubscribe")
        elif subscribed and is_pattern(name):
            self._subscribe(
                other
                for other, known in self.entities.items()
                if covers(name, other) and known.changes and not known.wanted and not self._is_leaving(known)
            )
        elif subscribed:
            self._caught_up(name, entity, answer)

    def _caught_up(self, name: str, entity: Entity, answer: Frame) -> None:
        if answer["recovered"]:
            for update in answer["updates"]:
                self._apply_unless_seen(entity, update)
        else:
            entity.changes.append(Refetch(answer["cursor"], answer["latest"]))
        entity.cursor = answer["cursor"]
        if answer["more"]:
            self._ask(name, "subscribe")
            return
        waiting, entity.waiting = entity.waiting, []
        for number, frame in enumerate(waiting):
            self._pushed(name, entity, frame)
            if entity.question:
                entity.waiting = waiting[number + 1 :]
                return

    def _pushed(self, name: str, entity: Entity, frame: Frame) -> None:
        if "sequence" not in frame:
            if frame["id"] not in entity.unnumbered:
                entity.unnumbered.add(frame["id"])
                entity.changes.append(Applied(frame))
            return
        if not entity.changes:
            entity.cursor = frame["cursor"]
            entity.changes.append(Heard(frame))
            return
        place = Place.of(frame["cursor"])
        # Subscribed before there was any update: the first one has the number 1.
        seen = Place.of(entity.cursor) if entity.cursor else Place(place.epoch, 0)
        if place == (seen.epoch, seen.sequence + 1):
            self._apply_unless_seen(entity, frame)
        elif place.epoch != seen.epoch or place.sequence > seen.sequence:
            self._ask(name, "subscribe")

    @staticmethod
    def _apply_unless_seen(entity: Entity, frame: Frame) -> None:
        place = Place.of(frame["cursor"])
        if entity.cursor:
            seen = Place.of(entity.cursor)
            if place.epoch == seen.epoch and place.sequence <= seen.sequence:
                return
        entity.cursor = frame["cursor"]
        entity.changes.append(Applied(frame))

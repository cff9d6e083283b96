"""A reference client: the smallest client that keeps the protocol's contract and misses no update.

The contract is in docs/reference/protocol.md.

The client does no I/O. A shell around the client passes received frames to `ReferenceClient.receive`, sends
the frames in `outgoing`, and reports when a connection is open or lost:

    client = ReferenceClient()
    client.connected()
    client.subscribe("orders/42")
    while client.outgoing:
        send(json.dumps(client.outgoing.popleft()))
    client.receive(json.loads(received))
    print(client.entities["orders/42"].changes)

The following rules hold per entity. `USER` and `EVERYONE` stand for the two channels that every connection is
in from the start, and are entities here:

- The cursor of the last update seen goes along as `since` with every `subscribe` but the first.
- While an answer is awaited, pushed frames wait too, and the client asks no other question. The answer comes
  first, then the waiting frames.
- `recovered: true`: `updates` are the next ones. `more`: ask again, with the answer's cursor.
- No cursor: there was no history yet, so the first pushed frame with a number is a reason to ask.
- `recovered: false`: the state is to be fetched anew (`Refetch`), and goes on from the answer's cursor.
- A pushed frame with a number seen before is dropped. The next number is applied. Any other number or epoch
  is a reason to ask. The frame itself is dropped then: it was stored before it was pushed, so the answer
  covers it.
- The client subscribes to a pattern first, then to known entities below the pattern. An entity (or one of the
  two channels) that is heard of for the first time has its state fetched then (`Heard`).
"""

import itertools
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

Frame = dict[str, Any]

USER, EVERYONE = "#user", "#everyone"  # no entity can have these ids
FROM_THE_START = {USER: "user", EVERYONE: "everyone"}
"""The channels that a connection is in from the start, with their names in the protocol."""

MAX_ENTITY_IDS = 25


class Place(NamedTuple):
    """A cursor's parts: the epoch before the last dot, and the number behind it."""

    epoch: str
    sequence: int

    @classmethod
    def of(cls, cursor: str) -> "Place":
        epoch, _, number = cursor.rpartition(".")
        return cls(epoch, int(number))


@dataclass(frozen=True)
class Refetch:
    """Fetch the entity's state anew. Updates after the cursor (None: all future updates) follow."""

    cursor: str | None
    latest: Frame | None


@dataclass(frozen=True)
class Heard:
    """Fetch the state of an entity that is new to the client. Updates after this frame follow."""

    frame: Frame


@dataclass(frozen=True)
class Applied:
    """The entity was updated."""

    frame: Frame


Change = Refetch | Heard | Applied


@dataclass
class Entity:
    """The client's state of one entity, or of a pattern that the client follows.

    Attributes:
        changes: the changes that a screen is told, in order; none for a pattern.
        wanted: whether to be subscribed.
        question: the requestId of the awaited answer.
        cursor: the cursor of the last update seen; None before the first.
        waiting: the frames pushed since the question.
        unnumbered: the ids of seen frames without a number, if the deployment stores no updates.
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
    """Return the entity, pattern or channel that an answer or a pushed frame is about."""
    match frame:
        case {"channel": "user"} | {"type": "User Push Notification"}:
            return USER
        case {"channel": "everyone"} | {"type": "Broadcast"}:
            return EVERYONE
    return str(frame["entityId"])


class ReferenceClient:
    """One client and its entities.

    Attributes:
        entities: the entities and patterns that the client follows or has followed, by id.
        outgoing: the frames to send, oldest first.
    """

    def __init__(self) -> None:
        self.entities: dict[str, Entity] = {}
        self.outgoing: deque[Frame] = deque()
        self._open = False
        self._numbers = itertools.count(1)

    def connected(self) -> None:
        """Subscribe to all wanted entities: a connection is open."""
        self._open = True
        self._ask_together(
            "subscribe",
            [
                name
                for name, entity in self.entities.items()
                if entity.wanted or (entity.changes and name in FROM_THE_START)
            ],
        )

    def disconnected(self) -> None:
        """Drop all open questions: the connection is lost, and their answers will not come."""
        self._open = False
        self.outgoing.clear()
        for entity in self.entities.values():
            entity.question = None
            entity.waiting.clear()

    def subscribe(self, *names: str) -> None:
        """Follow entities, or all that patterns cover, from now on, whenever there is a connection."""
        self._ask_together("subscribe", [name for name in names if self._wants_to_ask(name, wanted=True)])

    def unsubscribe(self, *names: str) -> None:
        """Follow entities, or patterns, no more; the place in each is kept."""
        self._ask_together("unsubscribe", [name for name in names if self._wants_to_ask(name, wanted=False)])

    def follows(self, name: str) -> bool:
        """Tell whether an entity's updates are wanted: by its id, by a pattern, or from the start."""
        entity = self.entities.get(name)
        if name in FROM_THE_START or (entity and entity.wanted):
            return True
        return any(other.wanted and covers(pattern, name) for pattern, other in self.entities.items())

    def repeat(self) -> None:
        """Ask all open questions again, as after some seconds without an answer."""
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

    def _wants_to_ask(self, name: str, *, wanted: bool) -> bool:
        """Take down whether a name is wanted; tell whether the server is to be asked for that at once."""
        entity = self.entities.setdefault(name, Entity())
        if entity.wanted == wanted:
            return False
        entity.wanted = wanted
        if not self._open or self._is_leaving(entity):
            return False  # when that is answered, what is wanted then is asked
        if wanted:  # even if it is asked already: frames that came in between were dropped
            return True
        return not entity.question and not self.follows(name)  # what a pattern covers comes in any case

    @staticmethod
    def _is_leaving(entity: Entity) -> bool:
        return entity.question is not None and entity.question.startswith("unsubscribe")

    def _ask_together(self, action: str, names: Iterable[str]) -> None:
        """Ask about several, with as few frames as possible."""
        entity_ids = []
        for name in names:
            if is_pattern(name) or name in FROM_THE_START:
                self._ask(name, action)
            else:
                entity_ids.append(name)
        for start in range(0, len(entity_ids), MAX_ENTITY_IDS):
            some = entity_ids[start : start + MAX_ENTITY_IDS]
            if len(some) == 1:
                self._ask(some[0], action)
                continue
            frame: Frame = {"action": action, "entityIds": some, "requestId": self._question(action, some)}
            if action == "subscribe":
                cursors = {name: self.entities[name].cursor for name in some}
                frame["since"] = {name: cursor for name, cursor in cursors.items() if cursor is not None}
            self.outgoing.append(frame)

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
        if subscribed != follows:  # the wish has changed since the question
            self._ask(name, "subscribe" if follows else "unsubscribe")
        elif subscribed and is_pattern(name):
            self._ask_together(
                "subscribe",
                [
                    other
                    for other, known in self.entities.items()
                    if covers(name, other)
                    and known.changes
                    and not known.wanted
                    and not self._is_leaving(known)
                ],
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
                entity.changes.append(Applied(frame) if entity.changes else Heard(frame))
            return
        if not entity.changes:
            entity.cursor = frame["cursor"]
            entity.changes.append(Heard(frame))
            return
        if entity.cursor is None:  # there was no history, and now there is one
            self._ask(name, "subscribe")
            return
        place, seen = Place.of(frame["cursor"]), Place.of(entity.cursor)
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

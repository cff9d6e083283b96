"""A reference client: the smallest one that keeps the contract of docs/protocol.md, and misses nothing.

It does no I/O. What arrives goes into `ReferenceClient.receive`; what is to be sent lies in `outgoing`; the
shell around it says when a connection is open or lost:

    client = ReferenceClient()
    client.connected()
    client.subscribe("orders/42")
    while client.outgoing:
        send(json.dumps(client.outgoing.popleft()))
    client.receive(json.loads(received))
    print(client.entities["orders/42"].changes)

The rules, per entity:

- The cursor of the last update seen goes along as ``since`` with every ``subscribe`` but the first.
- While an answer is awaited, pushed frames wait too. The answer comes first, then what waited.
- ``recovered: true``: ``updates`` are the next ones. ``more``: ask again, with the answer's cursor.
- ``recovered: false``: the state is to be fetched anew (`Refetch`), and goes on from the answer's cursor.
- A pushed frame with a number seen before is dropped, the next number is applied, and any other number or
  epoch is a reason to ask. The frame itself is dropped then: it was stored before it was pushed, so the
  answer covers it.
"""

import itertools
from collections import deque
from dataclasses import dataclass, field
from typing import Any, NamedTuple

Frame = dict[str, Any]


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
class Applied:
    """The entity was updated."""

    frame: Frame


@dataclass
class Entity:
    """What the client knows of one entity.

    Attributes:
        changes: what a screen is told, in order.
        wanted: whether to be subscribed.
        question: requestId of the answer that is awaited.
        cursor: of the last update seen; None: there was none yet.
        waiting: frames pushed since the question was asked.
        unnumbered: ids of the frames seen that carry no number, since nothing is stored.
    """

    changes: list[Refetch | Applied] = field(default_factory=list)
    wanted: bool = False
    question: str | None = None
    cursor: str | None = None
    waiting: list[Frame] = field(default_factory=list)
    unnumbered: set[str] = field(default_factory=set)


class ReferenceClient:
    """One client and the entities it follows.

    Attributes:
        entities: by their ids.
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
        for entity_id, entity in self.entities.items():
            if entity.wanted:
                self._ask(entity_id, "subscribe")

    def disconnected(self) -> None:
        """Forget what was under way: the connection is lost, and no answer will come on it."""
        self._open = False
        self.outgoing.clear()
        for entity in self.entities.values():
            entity.question = None
            entity.waiting.clear()

    def subscribe(self, entity_id: str) -> None:
        """Follow an entity from now on, whenever there is a connection."""
        self._want(entity_id, True)

    def unsubscribe(self, entity_id: str) -> None:
        """Follow an entity no more; the place in it is kept."""
        self._want(entity_id, False)

    def repeat(self) -> None:
        """Ask again what is not answered, as after some seconds without an answer."""
        for entity_id, entity in self.entities.items():
            if entity.question:
                self._ask(entity_id, "subscribe" if entity.wanted else "unsubscribe")

    def receive(self, frame: Frame) -> None:
        """Take a frame from the server."""
        match frame:
            case {"type": "subscribed" | "unsubscribed", "entityId": str(entity_id)}:
                entity = self.entities[entity_id]
                if entity.question is not None and entity.question == frame.get("requestId"):
                    entity.question = None
                    if frame["type"] == "subscribed" and entity.wanted:
                        self._caught_up(entity_id, entity, frame)
            case {"type": "Entity Updated", "entityId": str(entity_id)}:
                entity = self.entities[entity_id]
                if not entity.wanted:
                    return
                if entity.question:
                    entity.waiting.append(frame)
                else:
                    self._pushed(entity_id, entity, frame)
            case {"type": "error", "code": "internal_error"} | {"message": "Internal server error"}:
                self.repeat()

    def _want(self, entity_id: str, wanted: bool) -> None:
        entity = self.entities.setdefault(entity_id, Entity())
        if entity.wanted == wanted:
            return
        entity.wanted = wanted
        entity.waiting.clear()
        if self._open:
            self._ask(entity_id, "subscribe" if wanted else "unsubscribe")

    def _ask(self, entity_id: str, action: str) -> None:
        entity = self.entities[entity_id]
        entity.question = f"{action}-{next(self._numbers)}"
        frame = {"action": action, "entityId": entity_id, "requestId": entity.question}
        if action == "subscribe" and entity.cursor is not None:
            frame["since"] = entity.cursor
        self.outgoing.append(frame)

    def _caught_up(self, entity_id: str, entity: Entity, answer: Frame) -> None:
        if answer["recovered"]:
            for update in answer["updates"]:
                self._apply_unless_seen(entity, update)
        else:
            entity.changes.append(Refetch(answer["cursor"], answer["latest"]))
        entity.cursor = answer["cursor"]
        if answer["more"]:
            self._ask(entity_id, "subscribe")
            return
        waiting, entity.waiting = entity.waiting, []
        for number, frame in enumerate(waiting):
            self._pushed(entity_id, entity, frame)
            if entity.question:
                entity.waiting = waiting[number + 1 :]
                return

    def _pushed(self, entity_id: str, entity: Entity, frame: Frame) -> None:
        if "sequence" not in frame:
            if frame["id"] not in entity.unnumbered:
                entity.unnumbered.add(frame["id"])
                entity.changes.append(Applied(frame))
            return
        place = Place.of(frame["cursor"])
        # Subscribed before there was any update: the first one has the number 1.
        seen = Place.of(entity.cursor) if entity.cursor else Place(place.epoch, 0)
        if place == (seen.epoch, seen.sequence + 1):
            self._apply_unless_seen(entity, frame)
        elif place.epoch != seen.epoch or place.sequence > seen.sequence:
            self._ask(entity_id, "subscribe")

    @staticmethod
    def _apply_unless_seen(entity: Entity, frame: Frame) -> None:
        place = Place.of(frame["cursor"])
        if entity.cursor:
            seen = Place.of(entity.cursor)
            if place.epoch == seen.epoch and place.sequence <= seen.sequence:
                return
        entity.cursor = frame["cursor"]
        entity.changes.append(Applied(frame))

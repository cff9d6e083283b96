"""What arrives on the queue: EventBridge events, read into updates of channels."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from entity_push.protocol import frames, strict_json
from entity_push.protocol.channels import EVERYONE, entity_channel, user_channel
from entity_push.protocol.cursors import Cursor
from entity_push.protocol.dead_letter_reasons import Reason, UnusableMessageError
from entity_push.protocol.frames import Frame, Pushed
from entity_push.protocol.ids import (
    InvalidEntityIdError,
    InvalidOwnIdError,
    InvalidUserIdError,
    checked_entity_id,
    checked_own_id,
    checked_user_id,
)

ENTITY_UPDATED = "Entity Updated"
USER_NOTIFICATION = "Send User Push Notification"
BROADCAST = "Broadcast"

CLIENT_SOURCE = "entity-push.client"
"""Source of the events that clients publish. Only they say which client it was: by the user in `from`, or by
the `connection` of a client without a user."""

DEPLOYMENT = "entityPushDeployment"
"""Member of the detail of what clients publish: the deployment that has let them. No other one may take it:
who is who, and who may publish, is that deployment's word."""

MAX_TEXT_LENGTH = 256

MAX_VERSION = 2**53 - 1
"""The highest version: the highest whole number that JavaScript tells from the next."""

VERSION_RULE = f"A version is a whole number from 0 to {MAX_VERSION}."

Identity = tuple[str, str]
"""What tells an update from others of its channel: the event's id, and the rule that read it."""

OwnId = tuple[str, str, str]
"""A sender, the rule that read the id, and the id that the sender gave an update."""

MAX_ENTITIES = 100
"""Entities that one event may name."""


class InvalidVersionError(ValueError):
    """The value is not a version; the message says what one is."""


@dataclass(frozen=True, slots=True)
class Update:
    """One update of one channel, ready to be pushed.

    Attributes:
        channel: the channel that it is about.
        event_id: id of the EventBridge event.
        frame: what is pushed, as bytes on the wire.
        sent_at: when EventBridge put it on the queue, in milliseconds since 1970.
        sequence: its number in the channel; 0 if updates are not numbered.
        oversize: whether the frame goes without its message because it would be too large.
        rule: name of the rule that made it of an own event; empty for the documented events.
    """

    channel: str
    event_id: str
    frame: bytes
    sent_at: int
    sequence: int = 0
    oversize: bool = False
    rule: str = ""

    @property
    def identity(self) -> Identity:
        """What tells the update from others of its channel: two rules make two updates of one event."""
        return self.event_id, self.rule


@dataclass(frozen=True, slots=True)
class Event:
    """An event about a channel, before it has its number.

    Attributes:
        channel: the channel that it is about.
        event_id: id of the EventBridge event.
        frame: what is pushed, without sequence and cursor.
        sent_at: when EventBridge put it on the queue, in milliseconds since 1970.
        rule: name of the rule that reads it as an update; empty for the documented events.
        sender: who gave it an id of its own (`sender_of`); empty if nobody did.
    """

    channel: str
    event_id: str
    frame: Frame
    sent_at: int
    rule: str = ""
    sender: str = ""

    @property
    def identity(self) -> Identity:
        """What tells the event's update from others of its channel."""
        return self.event_id, self.rule

    @property
    def version(self) -> int | None:
        """The version of the entity's state that it tells of, if it says so."""
        return self.frame.get("version")

    @property
    def own_id(self) -> OwnId | None:
        """The id that its sender gave it. Nobody's id means anybody else's, nor that of another rule."""
        return (self.sender, self.rule, self.frame["ownId"]) if self.sender else None

    @property
    def time(self) -> float:
        """When it was put, in seconds since 1970, as EventBridge or the producer says."""
        return seconds_of(self.frame["time"])

    def at(self, cursor: Cursor | None) -> Update:
        """Return the event as the update with this number; without one, if updates are not numbered."""
        frame = frames.numbered(self.frame, cursor) if cursor else self.frame
        wire = frames.encode(frame)
        oversize = len(wire) > frames.MAX_FRAME_BYTES
        if oversize:
            wire = frames.encode(frames.without_message(frame))
        sequence = cursor.sequence if cursor else 0
        return Update(self.channel, self.event_id, wire, self.sent_at, sequence, oversize, self.rule)


@dataclass(frozen=True, slots=True)
class EventOfSeveral:
    """An event about several entities. As a message for each of them, each has a fate of its own.

    Attributes:
        event: the event; it names `entityIds`, or its rule does.
        entity_ids: the entities, each once.
        rule: name of the rule that reads it; empty for the documented events.
    """

    event: Mapping[str, Any]
    entity_ids: tuple[str, ...]
    rule: str = ""

    def messages(self) -> list[str]:
        """Return the bodies of the queue messages, one per entity; they share the event's id."""
        if self.rule:
            return [
                strict_json.for_queue({"rule": self.rule, "event": self.event, "entityId": entity_id})
                for entity_id in self.entity_ids
            ]
        rest = {name: value for name, value in self.event["detail"].items() if name != "entityIds"}
        return [
            strict_json.for_queue({**self.event, "detail": {**rest, "entityId": entity_id}})
            for entity_id in self.entity_ids
        ]


def seconds_of(time: str) -> float:
    """Return a time as EventBridge writes it (RFC 3339) in seconds since 1970; 0 if it can't be read."""
    try:
        return datetime.fromisoformat(time).timestamp()
    except (ValueError, OverflowError):
        return 0.0


def parse_event(event: Mapping[str, Any], *, sent_at: int) -> Event | EventOfSeveral:
    """Read an EventBridge event, as its rule's target gets it.

    Source for the shape: Amazon EventBridge User Guide, "Structure of EventBridge events".

    Args:
        event: the event.
        sent_at: when it was put on the queue, in milliseconds since 1970.

    Raises:
        UnusableMessageError: not an event, of another kind, without a usable id of its audience, or with an
            unusable version or id.
    """
    kind, event_id, time, detail = envelope(event)
    if kind not in _KINDS:
        text = f"the detail-type is none of {', '.join(map(repr, _KINDS))}"
        raise UnusableMessageError(Reason.UNKNOWN_DETAIL_TYPE, text)
    publisher, version, own_id = _publisher(event), _version(detail), _own_id(detail)
    sender = "" if own_id is None else sender_of(event)
    if kind == ENTITY_UPDATED and "entityIds" in detail:
        return EventOfSeveral(event, _entity_ids(detail))
    pushed = Pushed(
        event_id=event_id, time=time, detail=detail, sender=publisher, version=version, own_id=own_id
    )
    channel, frame = _KINDS[kind](pushed)
    return Event(channel, event_id, frame, sent_at, sender=sender)


def envelope(event: Mapping[str, Any]) -> tuple[str, str, str, Mapping[str, Any]]:
    """Return detail-type, id, time and detail of an EventBridge event.

    Raises:
        UnusableMessageError: it is none.
    """
    match event:
        case {"detail-type": str(kind), "id": str(event_id), "time": str(time), "detail": dict(detail)} if (
            is_short(event_id) and is_short(time)
        ):
            return kind, event_id, time, detail
    raise UnusableMessageError(
        Reason.NOT_AN_EVENT,
        "the message is not an EventBridge event (detail-type, id, time and an object as detail)",
    )


def sender_of(event: Mapping[str, Any]) -> str:
    """Return whose ids of their own an event's is one of: a user's, a connection's, or a source's.

    What comes before the slash keeps the three apart: a user may have the name of a source.

    Raises:
        UnusableMessageError: nobody can have sent it.
    """
    if (user_id := _publisher(event)) is not None:
        return f"user/{user_id}"
    match event.get("source"), event["detail"].get("connection"):
        case str(source), str(connection_id) if source == CLIENT_SOURCE and is_short(connection_id):
            return f"connection/{connection_id}"
        case str(source), _ if 1 <= len(source) <= MAX_TEXT_LENGTH:
            return f"source/{source}"
    text = f"the event has an id of its own, but no source of 1 to {MAX_TEXT_LENGTH} characters"
    raise UnusableMessageError(Reason.NOT_AN_EVENT, text)


def checked_version(value: object) -> int:
    """Return a version as it is.

    Args:
        value: what an event has as the version; anything at all.

    Raises:
        InvalidVersionError: it is not a whole number in the documented range.
    """
    if type(value) is int and 0 <= value <= MAX_VERSION:  # a bool is an int, too
        return value
    raise InvalidVersionError(f"This one is {value!r:.50}. {VERSION_RULE}")


def _version(detail: Mapping[str, Any]) -> int | None:
    if "version" not in detail:
        return None
    try:
        return checked_version(detail["version"])
    except InvalidVersionError as error:
        raise UnusableMessageError(Reason.INVALID_VERSION, f"detail.version: {error}") from error


def _own_id(detail: Mapping[str, Any]) -> str | None:
    if "id" not in detail:
        return None
    try:
        return checked_own_id(detail["id"])
    except InvalidOwnIdError as error:
        raise UnusableMessageError(Reason.INVALID_ID, f"detail.id: {error}") from error


def is_short(text: str) -> bool:
    """Tell whether a text can be part of a key: EventBridge's ids and times are far shorter."""
    return 1 <= len(text) <= MAX_TEXT_LENGTH and text.isascii() and text.isprintable()


def _entity_ids(detail: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the entities that an event names, each once.

    Raises:
        UnusableMessageError: one of them is no entity id: then none gets the update, rather than some.
    """
    match detail:
        case {"entityId": _}:
            raise UnusableMessageError(Reason.INVALID_ENTITY_IDS, "detail has both entityId and entityIds")
        case {"entityIds": list(entity_ids)} if 1 <= len(entity_ids) <= MAX_ENTITIES:
            for entity_id in entity_ids:
                _entity_id(entity_id, "detail.entityIds")
            return tuple(dict.fromkeys(entity_ids))
    text = f"detail.entityIds: it is a list of 1 to {MAX_ENTITIES} entity ids"
    raise UnusableMessageError(Reason.INVALID_ENTITY_IDS, text)


def _entity_id(value: object, where: str) -> str:
    try:
        return checked_entity_id(value)
    except InvalidEntityIdError as error:
        raise UnusableMessageError(Reason.INVALID_ENTITY_ID, f"{where}: {error}") from error


def _of_entity(pushed: Pushed) -> tuple[str, Frame]:
    entity_id = _entity_id(pushed["detail"].get("entityId"), "detail.entityId")
    return entity_channel(entity_id), frames.entity_updated(entity_id, **pushed)


def _publisher(event: Mapping[str, Any]) -> str | None:
    """Return the user whose client published an event; None if a service put it."""
    if event.get("source") != CLIENT_SOURCE or "from" not in event["detail"]:
        return None
    return _user_id(event["detail"]["from"], "detail.from")


def _user_id(value: object, where: str) -> str:
    try:
        return checked_user_id(value)
    except InvalidUserIdError as error:
        raise UnusableMessageError(Reason.INVALID_USER_ID, f"{where}: {error}") from error


def _of_user(pushed: Pushed) -> tuple[str, Frame]:
    user_id = _user_id(pushed["detail"].get("userId"), "detail.userId")
    return user_channel(user_id), frames.user_push_notification(**pushed)


def _of_everyone(pushed: Pushed) -> tuple[str, Frame]:
    return EVERYONE, frames.broadcast(**pushed)


_KINDS: Mapping[str, Callable[[Pushed], tuple[str, Frame]]] = {
    ENTITY_UPDATED: _of_entity,
    USER_NOTIFICATION: _of_user,
    BROADCAST: _of_everyone,
}

DETAIL_TYPES = tuple(_KINDS)
"""The detail-types of events that are pushed."""

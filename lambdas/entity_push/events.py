"""What arrives on the queue: EventBridge events, read into updates."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from entity_push import frames
from entity_push.channels import InvalidEntityIdError, entity_channel
from entity_push.cursors import Cursor

ENTITY_UPDATED = "Entity Updated"


class UnusableEventError(ValueError):
    """The event can't become an update, however often it is tried; the message says why."""


@dataclass(frozen=True, slots=True)
class Update:
    """One update of one channel, ready to be pushed.

    Attributes:
        channel: whom it is for.
        event_id: id of the EventBridge event.
        frame: what is pushed, as bytes on the wire.
        sent_at: when EventBridge put it on the queue, in milliseconds since 1970.
        sequence: its number in the channel; 0 if updates are not numbered.
        oversize: whether the frame goes without its message because it would be too large.
    """

    channel: str
    event_id: str
    frame: bytes
    sent_at: int
    sequence: int = 0
    oversize: bool = False


@dataclass(frozen=True, slots=True)
class Event:
    """An event about a channel, before it has its number.

    Attributes:
        channel: whom it is for.
        event_id: id of the EventBridge event.
        frame: what is pushed, without sequence and cursor.
        sent_at: when EventBridge put it on the queue, in milliseconds since 1970.
    """

    channel: str
    event_id: str
    frame: frames.Frame
    sent_at: int

    def at(self, cursor: Cursor | None) -> Update:
        """Return the event as the update with this number; without one, if updates are not numbered."""
        frame = frames.numbered(self.frame, cursor) if cursor else self.frame
        wire = frames.encode(frame)
        oversize = len(wire) > frames.MAX_FRAME_BYTES
        if oversize:
            wire = frames.encode(frames.without_message(frame))
        sequence = cursor.sequence if cursor else 0
        return Update(self.channel, self.event_id, wire, self.sent_at, sequence, oversize)


def parse_event(event: Mapping[str, Any], *, sent_at: int) -> Event:
    """Read an EventBridge event, as its rule's target gets it.

    Source for the shape: Amazon EventBridge User Guide, "Structure of EventBridge events".

    Args:
        event: the event.
        sent_at: when it was put on the queue, in milliseconds since 1970.

    Raises:
        UnusableEventError: not an event, of another kind, or without a usable entityId.
    """
    match event:
        case {"detail-type": str(kind), "id": str(event_id), "time": str(time), "detail": dict(detail)}:
            pass
        case _:
            raise UnusableEventError(
                "the message is not an EventBridge event (detail-type, id, time and an object as detail)"
            )
    if kind != ENTITY_UPDATED:
        raise UnusableEventError(f"the detail-type is not {ENTITY_UPDATED!r}")
    entity_id = detail.get("entityId")
    try:
        channel = entity_channel(entity_id)
    except InvalidEntityIdError as error:
        raise UnusableEventError(f"detail.entityId: {error}") from error
    frame = frames.entity_updated(str(entity_id), event_id=event_id, time=time, detail=detail)
    return Event(channel, event_id, frame, sent_at)

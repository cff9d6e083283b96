"""What arrives on the queue: EventBridge events, read into updates."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from entity_push import frames
from entity_push.channels import InvalidEntityIdError, entity_channel

ENTITY_UPDATED = "Entity Updated"


class UnusableEventError(ValueError):
    """The event can't become an update, however often it is tried; the message says why."""


@dataclass(frozen=True, slots=True)
class Update:
    """One update of one channel.

    Attributes:
        channel: whom it is for.
        event_id: id of the EventBridge event.
        frame: what is pushed, as bytes on the wire.
        sent_at: when EventBridge put it on the queue, in milliseconds since 1970.
        oversize: whether the frame goes without its message because it would be too large.
    """

    channel: str
    event_id: str
    frame: bytes
    sent_at: int
    oversize: bool = False


def parse_update(event: Mapping[str, Any], *, sent_at: int) -> Update:
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
    wire = frames.encode(frame)
    if len(wire) <= frames.MAX_FRAME_BYTES:
        return Update(channel, event_id, wire, sent_at)
    return Update(channel, event_id, frames.encode(frames.without_message(frame)), sent_at, oversize=True)

"""What arrives on the queue: EventBridge events, read into updates."""

from dataclasses import dataclass

from entity_push import frames, strict_json
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
    """

    channel: str
    event_id: str
    frame: bytes


def parse_update(body: str) -> Update:
    """Read the body of a queue message, an EventBridge event as its rule's target gets it.

    Source for the shape: Amazon EventBridge User Guide, "Structure of EventBridge events".

    Raises:
        UnusableEventError: not JSON, not an event, of another kind, or without a usable entityId.
    """
    try:
        event = strict_json.loads(body)
    except strict_json.NotJSONError as error:
        raise UnusableEventError("the message is not JSON") from error
    match event:
        case {
            "detail-type": str(kind),
            "id": str(event_id),
            "time": str(time),
            "detail": dict(detail),
        }:
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
    return Update(channel, event_id, frames.encode(frame))

"""The entities, patterns and channels that the model's clients can listen to."""

import json
from datetime import UTC, datetime

from entity_push.protocol import channels
from entity_push_client import Channel
from entity_push_client.names import Name

USER_ID = "alice"
"""The user of all clients."""

ENTITIES = ("a/1", "a/2")
PATTERNS = ("a/*", "*")

NAMES: tuple[Name, ...] = (*ENTITIES, *Channel)
"""Everything with updates, by the client's names."""

CHANNELS: dict[Name, str] = {
    Channel.USER: channels.user_channel(USER_ID),
    Channel.EVERYONE: channels.EVERYONE,
    **{entity_id: channels.entity_channel(entity_id) for entity_id in ENTITIES},
}


def event(number: int, seconds: float, *names: Name) -> str:
    """Return the body of the queue message with an event for a channel, or for several entities.

    Args:
        number: the event's number.
        seconds: when it is put, in seconds since 1970.
        names: what it is about.
    """
    detail: dict[str, object] = {"message": number}
    match names:
        case [Channel.USER]:
            kind, detail["userId"] = "Send User Push Notification", USER_ID
        case [Channel.EVERYONE]:
            kind = "Broadcast"
        case [entity_id]:
            kind, detail["entityId"] = "Entity Updated", entity_id
        case _:
            kind, detail["entityIds"] = "Entity Updated", list(names)
    time = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return json.dumps({"id": event_id(number), "detail-type": kind, "time": time, "detail": detail})


def event_id(number: int) -> str:
    """Return the id of an event."""
    return f"event-{number}"

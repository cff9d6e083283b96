"""Names of channels: a client subscribes to a channel, and an update goes to a channel's subscribers.

Subscribing, numbering, storing, replaying and fanning out are written once, for channels:

- `entity/<entityId>`: the updates of an entity, numbered;
- `entity/<pattern>`: its subscribers hear of all entities below it; it has no updates of its own;
- `user/<userId>`: notifications for a user, numbered;
- `everyone`: broadcasts, numbered. Its subscribers are kept in several lists, `everyone/0` and so on.

The ids in them are checked ones (`ids`).
"""

import zlib

from entity_push.protocol.ids import BELOW, EVERY, MAX_PATTERN_LEVELS

EVERYONE = "everyone"

EVERYONE_LISTS = 4
"""A partition of DynamoDB takes 1,000 writes/s, and API Gateway 500 connects/s; they also disconnect."""

_ENTITY = "entity/"
_USER = "user/"


def entity_channel(entity_id: str) -> str:
    """Return the channel of an entity, or of all entities that a pattern covers."""
    return f"{_ENTITY}{entity_id}"


def user_channel(user_id: str) -> str:
    """Return the channel of all connections of a user."""
    return f"{_USER}{user_id}"


def everyone_list(connection_id: str) -> str:
    """Return the list of everyone's that a connection is in."""
    return f"{EVERYONE}/{zlib.crc32(connection_id.encode()) % EVERYONE_LISTS}"


def is_entity(channel: str) -> bool:
    """Tell whether a channel is an entity's or a pattern's."""
    return channel.startswith(_ENTITY)


def subscriber_lists(channel: str) -> list[str]:
    """Return the channels whose subscribers get a channel's updates: those of an entity's patterns too."""
    if channel == EVERYONE:
        return [f"{EVERYONE}/{number}" for number in range(EVERYONE_LISTS)]
    if not is_entity(channel):
        return [channel]
    segments = channel.removeprefix(_ENTITY).split("/")
    above = ["/".join(segments[:level]) for level in range(1, min(len(segments), MAX_PATTERN_LEVELS + 1))]
    patterns = [EVERY, *(f"{prefix}{BELOW}" for prefix in above)]
    return [channel, *map(entity_channel, patterns)]

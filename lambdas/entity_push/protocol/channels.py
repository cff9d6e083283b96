"""Names of what a client can listen to.

Everything a client can subscribe to is a channel. Subscribing, numbering, storing, replaying and fanning out
are written once, for channels:

- `entity/<entityId>`: the updates of an entity, numbered;
- `entity/<pattern>`: subscribed to by who wants to hear of all below it; it has no updates of its own;
- `user/<userId>`: notifications for a user, numbered;
- `everyone`: broadcasts, numbered. Its subscribers are kept in several lists, `everyone/0` and so on.
"""

import re
import zlib

MAX_ENTITY_ID_LENGTH = 256

EVERY = "*"
BELOW = "/*"

MAX_PATTERN_LEVELS = 5
"""Segments of a pattern before its `/*`: each level is a list that a push to an entity below reads."""

EVERYONE = "everyone"

EVERYONE_LISTS = 4
"""A partition of DynamoDB takes 1,000 writes/s, and API Gateway 500 connects/s; they also disconnect."""

_ENTITY = "entity/"
_USER = "user/"

# Letters, digits and . _ ~ : @ + = , - in segments joined by single slashes. Not in it: `#`, which
# separates the parts of a table key, `*`, which is kept for patterns, white space and control characters.
_ENTITY_ID = re.compile(r"[A-Za-z0-9._~:@+=,\-]+(?:/[A-Za-z0-9._~:@+=,\-]+)*")

ENTITY_ID_RULE = (
    "An entityId is a string of 1 to 256 characters: segments of letters, digits and . _ ~ : @ + = , - "
    "joined by single slashes."
)

PATTERN_RULE = f'A pattern is "*", or an entityId of at most {MAX_PATTERN_LEVELS} segments followed by "/*".'


class InvalidEntityIdError(ValueError):
    """The value is not an entity id; the message says what one is."""


def entity_channel(entity_id: object) -> str:
    """Return the channel of an entity.

    Args:
        entity_id: what a client or an event gave as the entity's id; anything at all.

    Raises:
        InvalidEntityIdError: it is not a string of the documented form.
    """
    if (
        not isinstance(entity_id, str)
        or len(entity_id) > MAX_ENTITY_ID_LENGTH
        or not _ENTITY_ID.fullmatch(entity_id)
    ):
        raise InvalidEntityIdError(ENTITY_ID_RULE)
    return f"{_ENTITY}{entity_id}"


def is_pattern(wanted: object) -> bool:
    """Tell whether a value would be a pattern rather than an entity id."""
    return isinstance(wanted, str) and (wanted == EVERY or wanted.endswith(BELOW))


def pattern_channel(pattern: str) -> str:
    """Return the channel of those who want to hear of all entities that a pattern covers.

    Raises:
        InvalidEntityIdError: it is not of the documented form.
    """
    if pattern != EVERY:
        above = pattern.removesuffix(BELOW)
        try:
            entity_channel(above)
        except InvalidEntityIdError as error:
            raise InvalidEntityIdError(f"{PATTERN_RULE} {ENTITY_ID_RULE}") from error
        if above.count("/") >= MAX_PATTERN_LEVELS:
            raise InvalidEntityIdError(PATTERN_RULE)
    return f"{_ENTITY}{pattern}"


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
    return [channel, f"{_ENTITY}{EVERY}", *(f"{_ENTITY}{prefix}{BELOW}" for prefix in above)]

"""Names of what a client can listen to.

Everything a client can subscribe to is a channel; an entity's channel is ``entity/<entityId>``.
Subscribing and fanning out are written once, for channels.
"""

import re

MAX_ENTITY_ID_LENGTH = 256

# Letters, digits and . _ ~ : @ + = , - in segments joined by single slashes. Not in it: `#`, which
# separates the parts of a table key, `*`, which is kept for patterns, white space and control characters.
_ENTITY_ID = re.compile(r"[A-Za-z0-9._~:@+=,\-]+(?:/[A-Za-z0-9._~:@+=,\-]+)*")

ENTITY_ID_RULE = (
    "An entityId is a string of 1 to 256 characters: segments of letters, digits and . _ ~ : @ + = , - "
    "joined by single slashes."
)


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
    return f"entity/{entity_id}"

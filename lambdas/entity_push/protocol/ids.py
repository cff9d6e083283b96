"""The rules for ids: what an entity's id, a pattern and a user's id may look like.

A check takes anything at all and returns the id as a string, so whatever has passed one is typed.
"""

import re

MAX_ENTITY_ID_LENGTH = 256
MAX_USER_ID_LENGTH = 256

EVERY = "*"
BELOW = "/*"

MAX_PATTERN_LEVELS = 5
"""Segments of a pattern before its `/*`: each level is a list that a push to an entity below reads."""

# Letters, digits and . _ ~ : @ + = , - in segments joined by single slashes. Not in it: `#`, which
# separates the parts of a table key, `*`, which is kept for patterns, white space and control characters.
_ENTITY_ID = re.compile(r"[A-Za-z0-9._~:@+=,\-]+(?:/[A-Za-z0-9._~:@+=,\-]+)*")

# Control characters would break log lines; lone surrogates can't be written as UTF-8.
_NOT_IN_A_USER_ID = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")

ENTITY_ID_RULE = (
    "An entityId is a string of 1 to 256 characters: segments of letters, digits and . _ ~ : @ + = , - "
    "joined by single slashes."
)

PATTERN_RULE = f'A pattern is "*", or an entityId of at most {MAX_PATTERN_LEVELS} segments followed by "/*".'

USER_ID_RULE = f"A user id is a string of 1 to {MAX_USER_ID_LENGTH} characters without control characters."


class InvalidEntityIdError(ValueError):
    """The value is neither an entity id nor a pattern; the message says what one is."""


class InvalidUserIdError(ValueError):
    """The value is not a user id; the message says what one is."""


def checked_entity_id(value: object) -> str:
    """Return an entity id as it is.

    Args:
        value: what a client or an event gave as the entity's id; anything at all.

    Raises:
        InvalidEntityIdError: it is not a string of the documented form.
    """
    if not isinstance(value, str) or len(value) > MAX_ENTITY_ID_LENGTH or not _ENTITY_ID.fullmatch(value):
        raise InvalidEntityIdError(ENTITY_ID_RULE)
    return value


def is_pattern(value: object) -> bool:
    """Tell whether a value would be a pattern rather than an entity id."""
    return isinstance(value, str) and (value == EVERY or value.endswith(BELOW))


def checked_pattern(value: object) -> str:
    """Return a pattern that a client may subscribe to as it is.

    Raises:
        InvalidEntityIdError: it is not a string of the documented form.
    """
    if value == EVERY:
        return EVERY
    if not isinstance(value, str) or not value.endswith(BELOW):
        raise InvalidEntityIdError(PATTERN_RULE)
    try:
        above = checked_entity_id(value.removesuffix(BELOW))
    except InvalidEntityIdError as error:
        raise InvalidEntityIdError(f"{PATTERN_RULE} {ENTITY_ID_RULE}") from error
    if above.count("/") >= MAX_PATTERN_LEVELS:
        raise InvalidEntityIdError(PATTERN_RULE)
    return value


def checked_user_id(value: object) -> str:
    """Return a user id as it is.

    Args:
        value: what a token or an event has as the user's id; anything at all.

    Raises:
        InvalidUserIdError: it is not a string of the documented form.
    """
    if (
        not isinstance(value, str)
        or not 1 <= len(value) <= MAX_USER_ID_LENGTH
        or _NOT_IN_A_USER_ID.search(value)
    ):
        raise InvalidUserIdError(USER_ID_RULE)
    return value

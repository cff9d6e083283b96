"""The rules for ids: what an entity's id, a pattern, a user's id and an update's own id may look like.

A check takes anything at all and returns the id as a string, so whatever has passed one is typed.
"""

import re

from entity_push.protocol import faults

MAX_ENTITY_ID_LENGTH = 256
"""Characters of an entity's id."""

MAX_ENTITY_ID_BYTES = 512
"""Bytes of UTF-8 of an entity's id: it is part of keys, and of every item that names it."""

MAX_USER_ID_LENGTH = 256

MAX_OWN_ID_LENGTH = 128
"""Characters of the id that a sender gives an update."""

EVERY = "*"
BELOW = "/*"

EVERYONE_GRANT = "#everyone"
"""The grant to publish to everyone, so no entity's id."""

MAX_PATTERN_LEVELS = 5
"""Segments of a pattern before its `/*`: each level is a list that a push to an entity below reads."""

# Control characters break lines of logs. Lone surrogates have no UTF-8. SQS refuses noncharacters
# (Amazon SQS API Reference, SendMessage; The Unicode Standard, 23.7).
_CONTROL = "\x00-\x1f\x7f-\x9f"
_SURROGATES = "\ud800-\udfff"
_NONCHARACTERS = "\ufdd0-\ufdef" + "".join(
    chr(plane << 16 | last) for plane in range(17) for last in (0xFFFE, 0xFFFF)
)
# As texts: `re` compiles them at their first use and remembers that. Most functions never check an id.
_NOT_IN_AN_ENTITY_ID = f"[{_CONTROL}{_SURROGATES}{_NONCHARACTERS}]"
_NOT_IN_A_USER_ID = f"[{_CONTROL}{_SURROGATES}]"

ENTITY_ID_RULE = (
    f"An entityId is a string of 1 to {MAX_ENTITY_ID_LENGTH} characters and {MAX_ENTITY_ID_BYTES} bytes "
    f'in UTF-8, without control characters. It is not "*" or "{EVERYONE_GRANT}", and does not end in "/*".'
)

PATTERN_RULE = f'A pattern is "*", or at most {MAX_PATTERN_LEVELS} segments of an entityId followed by "/*".'

USER_ID_RULE = f"A user id is a string of 1 to {MAX_USER_ID_LENGTH} characters without control characters."

OWN_ID_RULE = (
    f"An id of one's own is a string of 1 to {MAX_OWN_ID_LENGTH} printable characters: "
    "letters, digits, marks, punctuation, symbols and the space U+0020."
)


class InvalidIdError(ValueError):
    """A value is not an id.

    Attributes:
        fault: what is wrong with it; see `faults`.
    """

    def __init__(self, fault: str, rule: str):
        super().__init__(f"This one {fault}. {rule}")
        self.fault = fault


class InvalidEntityIdError(InvalidIdError):
    """The value is neither an entity id nor a pattern; the message says what one is."""


class InvalidUserIdError(ValueError):
    """The value is not a user id; the message says what one is."""


class InvalidOwnIdError(InvalidIdError):
    """The value is not an id that an update can have of its sender; the message says what one is."""


def checked_entity_id(value: object) -> str:
    """Return an entity id as it is.

    Any id that a system already has is one. Ids are compared as they are, without normalization. Slashes make
    levels, empty ones included.

    Args:
        value: what a client or an event gave as the entity's id; anything at all.

    Raises:
        InvalidEntityIdError: it is not a string of the documented form; the message says which fault it has.
    """
    if not isinstance(value, str):
        raise InvalidEntityIdError(faults.no_string(value), ENTITY_ID_RULE)
    if fault := _fault(value):
        raise InvalidEntityIdError(fault, ENTITY_ID_RULE)
    return value


def _fault(entity_id: str) -> str | None:
    """Return what is wrong with a text that should be an entity's id, if anything is."""
    if not entity_id:
        return "is empty"
    if fault := _harm(entity_id):
        return fault
    if is_pattern(entity_id):
        return f'is a pattern, since it {"is" if entity_id == EVERY else "ends in"} "{entity_id[-2:]}"'
    return f'is the grant "{EVERYONE_GRANT}"' if entity_id == EVERYONE_GRANT else None


def _harm(text: str) -> str | None:
    """Return why a text can be in no key, log or answer: it is too long, or has such characters."""
    if len(text) > MAX_ENTITY_ID_LENGTH:
        return faults.too_many(len(text), MAX_ENTITY_ID_LENGTH, "characters")
    if found := re.search(_NOT_IN_AN_ENTITY_ID, text):
        return faults.character(found[0], found.start())
    if (size := len(text.encode())) > MAX_ENTITY_ID_BYTES:
        return faults.too_many(size, MAX_ENTITY_ID_BYTES, "bytes in UTF-8")
    return None


def is_repeatable(value: object) -> bool:
    """Tell whether an error may repeat a value that was given as an id: it is short, and harms no reader."""
    return isinstance(value, str) and not _harm(value)


def is_pattern(value: object) -> bool:
    """Tell whether a value would be a pattern rather than an entity id."""
    return isinstance(value, str) and (value == EVERY or value.endswith(BELOW))


def checked_pattern(value: object, *, most_levels: int = MAX_PATTERN_LEVELS) -> str:
    """Return a pattern as it is.

    Args:
        value: what a client or a token gave; anything at all.
        most_levels: how many segments may stand before its `/*`.

    Raises:
        InvalidEntityIdError: it is not a string of the documented form.
    """
    if value == EVERY:
        return EVERY
    if not isinstance(value, str):
        raise InvalidEntityIdError(faults.no_string(value), PATTERN_RULE)
    if not value.endswith(BELOW):
        raise InvalidEntityIdError(f'does not end in "{BELOW}"', PATTERN_RULE)
    above = value.removesuffix(BELOW)
    if (levels := above.count("/") + 1) > most_levels:
        fault = faults.too_many(levels, most_levels, f'segments before its "{BELOW}"')
        raise InvalidEntityIdError(fault, PATTERN_RULE)
    # What is above may be empty, as in the ids of paths, or anything that an id may begin with.
    if fault_above := _fault(above + "/"):
        raise InvalidEntityIdError(fault_above, f"{PATTERN_RULE} {ENTITY_ID_RULE}")
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
        or re.search(_NOT_IN_A_USER_ID, value)
    ):
        raise InvalidUserIdError(USER_ID_RULE)
    return value


def checked_own_id(value: object) -> str:
    """Return the id that a sender gives an update, as it is.

    Args:
        value: what a client or an event has as the id; anything at all.

    Raises:
        InvalidOwnIdError: it is not a string of the documented form; the message says which fault it has.
    """
    if not isinstance(value, str):
        raise InvalidOwnIdError(faults.no_string(value), OWN_ID_RULE)
    if not value:
        raise InvalidOwnIdError("is empty", OWN_ID_RULE)
    if len(value) > MAX_OWN_ID_LENGTH:
        raise InvalidOwnIdError(faults.too_many(len(value), MAX_OWN_ID_LENGTH, "characters"), OWN_ID_RULE)
    if not value.isprintable():
        place = next(place for place, char in enumerate(value) if not char.isprintable())
        raise InvalidOwnIdError(faults.character(value[place], place), OWN_ID_RULE)
    return value

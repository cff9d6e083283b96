"""What is wrong with a value of a frame or an event, in words for people.

A fault is what stands behind the value's name: "The entityId" + " is a number, not a string" + ".".
"""

from collections.abc import Iterable


def kind(value: object) -> str:
    """Return what kind of JSON value it is, with an article."""
    match value:
        case None:
            return "null"
        case bool():
            return "a boolean"
        case int() | float():
            return "a number"
        case str():
            return "a string"
        case list():
            return "a list"
    return "an object"


def no_string(value: object) -> str:
    """Return the fault of a value that is no string."""
    return f"is {kind(value)}, not a string"


def too_many(count: int, most: int, what: str) -> str:
    """Return the fault of having more than the most: characters, bytes and so on."""
    return f"has {count:,} {what}, which is more than {most:,}"


def character(found: str, place: int) -> str:
    """Return the fault of having a character that may not be there.

    Args:
        found: the character.
        place: its index.
    """
    return f"has the character U+{ord(found):04X} ({_what(ord(found))}) in place {place + 1}"


def _what(code: int) -> str:
    if code < 0x20 or 0x7F <= code < 0xA0:
        return "a control character"
    if 0xD800 <= code < 0xE000:
        return "a lone surrogate"
    if code & 0xFFFE == 0xFFFE or 0xFDD0 <= code < 0xFDF0:
        return "a noncharacter"
    return "not printable"


def misspelt(given: Iterable[str], wanted: Iterable[str]) -> tuple[str, str] | None:
    """Return the first name that is a wanted one but for case, hyphens and underscores; and that one."""
    folded = {_folded(name): name for name in wanted}
    longest = 2 * max(map(len, folded))  # what is repeated in an answer stays short
    for name in given:
        meant = folded.get(_folded(name)) if len(name) <= longest else None
        if meant is not None and meant != name:
            return name, meant
    return None


def missing(fields: Iterable[str], name: str, *others: str) -> str:
    """Return the sentence that a frame lacks a field.

    Args:
        fields: the names of the fields that it has.
        name: the field.
        others: fields that may stand in its place.
    """
    sentence = f'The frame has no "{name}".'
    if found := misspelt(fields, (name, *others)):
        sentence += f' It has "{found[0]}": did you mean "{found[1]}"?'
    return sentence


def _folded(name: str) -> str:
    return name.replace("_", "").replace("-", "").lower()

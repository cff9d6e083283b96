"""Paths to a value in an event, and templates with such paths in braces.

A path is `$`, then names after dots and indices in brackets: `$.resources[0]`, `$.detail['order.id']`. A
template is text with paths in braces: `orders/{$.detail.id}`. A value is only ever data: it becomes a text,
and nothing in it is read again.
"""

import re
from dataclasses import dataclass
from typing import Any, Self

_STEP = re.compile(r"""\.([^.\[\]{}'"\s]+)|\[([0-9]{1,6})\]|\['([^']+)'\]|\["([^"]+)"\]""")
_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")

PATH_RULE = "A path is like $.detail.order.id, $.resources[0] or $.detail['a name with spaces']."


class InvalidPathError(ValueError):
    """A text is no path, or no template; the message says why."""


class UnfitValueError(ValueError):
    """An event has no value that fits at a path; the message names the path and says why."""


@dataclass(frozen=True, slots=True)
class JsonPath:
    """Where in an event a value is.

    Attributes:
        text: the path as it was written.
        steps: names of objects' members, and indices of arrays.
    """

    text: str
    steps: tuple[str | int, ...]

    @classmethod
    def parse(cls, text: object) -> Self:
        """Read a path.

        Raises:
            InvalidPathError: it is none.
        """
        if not isinstance(text, str) or not text.startswith("$"):
            raise InvalidPathError(f"{text!r} is no path. {PATH_RULE}")
        steps: list[str | int] = []
        at = 1
        while at < len(text):
            found = _STEP.match(text, at)
            if found is None:
                raise InvalidPathError(f"{text!r} is no path from its character {at + 1} on. {PATH_RULE}")
            name, index, single, double = found.groups()
            steps.append(int(index) if index else name or single or double)
            at = found.end()
        return cls(text, tuple(steps))

    def find(self, event: Any) -> Any:
        """Return the value at the path.

        Raises:
            UnfitValueError: there is none.
        """
        value = event
        for step in self.steps:
            match value, step:
                case dict(), str() if step in value:
                    value = value[step]
                case list(), int() if step < len(value):
                    value = value[step]
                case _:
                    raise UnfitValueError(f"{self.text} is missing")
        return value

    def find_text(self, event: Any) -> str:
        """Return the text or the whole number at the path, as a text.

        Raises:
            UnfitValueError: there is none, or it is empty, or of another type.
        """
        return text_of(self.find(event), self.text)


def text_of(value: object, where: str) -> str:
    """Return a text as it is, and a whole number in digits.

    Args:
        value: any JSON value.
        where: what the message of an error calls it.

    Raises:
        UnfitValueError: it is anything else, or empty.
    """
    if isinstance(value, str) and value:
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    what = "an empty text" if value == "" else _KINDS.get(type(value), "null")
    raise UnfitValueError(f"{where} is {what}; an id is made of texts and whole numbers")


_KINDS = {bool: "a boolean", float: "a number with a fraction", dict: "an object", list: "a list"}


@dataclass(frozen=True, slots=True)
class Template:
    """A text with paths in braces.

    Attributes:
        parts: texts, and paths with whether their values may have slashes.
    """

    parts: tuple[str | tuple[JsonPath, bool], ...]

    @classmethod
    def parse(cls, text: object) -> Self:
        """Read a template: `{path}` takes a value without slashes, `{+path}` one with them.

        Raises:
            InvalidPathError: it is none.
        """
        if not isinstance(text, str):
            raise InvalidPathError(f"{text!r} is no text with paths in braces. {PATH_RULE}")
        parts: list[str | tuple[JsonPath, bool]] = []
        for number, piece in enumerate(_PLACEHOLDER.split(text)):
            if number % 2:
                parts.append((JsonPath.parse(piece.removeprefix("+")), piece.startswith("+")))
            elif "{" in piece or "}" in piece:
                raise InvalidPathError(f"{text!r} has a brace without its partner")
            elif piece:
                parts.append(piece)
        return cls(tuple(parts))

    def fill(self, event: Any) -> str:
        """Return the text with an event's values.

        Raises:
            UnfitValueError: a value is missing, no text or whole number, or has a slash that it may not have.
        """
        return "".join(part if isinstance(part, str) else _filled(*part, event) for part in self.parts)


def _filled(path: JsonPath, slashes: bool, event: Any) -> str:
    text = path.find_text(event)
    if "/" in text and not slashes:
        raise UnfitValueError(
            f"{path.text} has a slash, and slashes make levels; write {{+{path.text}}} to let it through"
        )
    return text

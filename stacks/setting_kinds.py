"""Kinds of values that settings have: what is allowed, in words, and how it is read and written."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of value: what is allowed, in words, how it is read (ValueError: not allowed) and written."""

    allowed: str
    read: Callable[[Any], Any]
    write: Callable[[Any], str] = str


def choice(*values: str) -> Kind:
    """Return the kind of some words."""

    def read(value: Any) -> str:
        if value not in values:
            raise ValueError
        return str(value)

    return Kind("one of " + ", ".join(values), read)


def choice_or(*values: str, pattern: str, allowed: str) -> Kind:
    """Return the kind of some words, or of strings that match a pattern; `allowed` says that in words."""
    strings = matching(rf"{'|'.join(values)}|{pattern}", allowed)
    return Kind(f"one of {', '.join(values)}, or {allowed}", strings.read)


def matching(pattern: str, allowed: str) -> Kind:
    """Return the kind of strings that match a pattern; `allowed` says it in words."""

    def read(value: Any) -> str:
        if not isinstance(value, str) or not re.fullmatch(pattern, value):
            raise ValueError
        return value

    return Kind(allowed, read)


def whole(low: int, high: int) -> Kind:
    """Return the kind of whole numbers within bounds."""

    def read(value: Any) -> int:
        number = int(value) if isinstance(value, str) else value
        if not isinstance(number, int) or isinstance(number, bool) or not low <= number <= high:
            raise ValueError
        return number

    return Kind(f"a whole number from {low} to {high}", read)


def one_of_numbers(*numbers: int) -> Kind:
    """Return the kind of some whole numbers."""

    def read(value: Any) -> int:
        if int(value) not in numbers:
            raise ValueError
        return int(value)

    return Kind("one of " + ", ".join(map(str, numbers)), read)


def flag() -> Kind:
    """Return the kind of yes or no."""

    def read(value: Any) -> bool:
        text = str(value).lower()
        if text not in ("true", "false"):
            raise ValueError
        return text == "true"

    return Kind("true or false", read, lambda value: str(value).lower())


def list_of(pattern: str, allowed: str) -> Kind:
    """Return the kind of lists of strings that match a pattern, by commas or as in cdk.json."""

    def read(value: Any) -> tuple[str, ...]:
        items = value.split(",") if isinstance(value, str) else value
        if not isinstance(items, list | tuple) or not all(isinstance(item, str) for item in items):
            raise ValueError
        trimmed = tuple(item.strip() for item in items)
        if trimmed == ("",):  # the empty list, as the command line gives it
            return ()
        if not all(re.fullmatch(pattern, item) for item in trimmed):
            raise ValueError
        return trimmed

    return Kind(f"{allowed}, separated by commas, or nothing", read, ",".join)


def tags() -> Kind:
    """Return the kind of tags: `key=value` by commas, an object as in cdk.json, or pairs.

    Source of what is allowed: AWS General Reference, "Tagging your AWS resources".
    """
    texts = list_of(r"(?!aws:)[\w .:/+@-]{1,128}=[\w .:/=+@-]{0,256}", "tags such as team=web")
    return Kind(texts.allowed, lambda value: _pairs(texts, value, "=".join), _by_commas)


def rates(low: int, high: int) -> Kind:
    """Return the kind of routes with rates: `route=rate` by commas, an object as in cdk.json, or pairs."""
    texts = list_of(r"[$A-Za-z0-9_-]{1,128}=[0-9]{1,9}", "routes with their rates, such as subscribe=500")

    def read(value: Any) -> tuple[tuple[str, int], ...]:
        found = tuple((route, int(rate)) for route, rate in _pairs(texts, value, _with_number))
        if not all(low <= rate <= high for _, rate in found):
            raise ValueError
        return found

    allowed = f"{texts.allowed}; a rate is a whole number from {low} to {high}, and no route comes twice"
    return Kind(allowed, read, _by_commas)


def _pairs(texts: Kind, value: Any, join: Callable[[Any], str]) -> tuple[tuple[str, str], ...]:
    """Return names with what stands after their `=`; no name may come twice (ValueError).

    Args:
        texts: the kind of `name=value` by commas.
        value: such a text, an object, or a list of texts or pairs.
        join: returns a pair as a text.
    """
    if isinstance(value, Mapping):
        value = list(value.items())
    if not isinstance(value, str):
        value = [item if isinstance(item, str) else join(item) for item in value]
    split = (text.partition("=") for text in texts.read(value))
    found = tuple((name, rest) for name, _, rest in split)
    if len(dict(found)) < len(found):
        raise ValueError
    return found


def _with_number(pair: Iterable[Any]) -> str:
    return "=".join(map(str, pair))


def _by_commas(pairs: Iterable[tuple[str, Any]]) -> str:
    return ",".join(f"{name}={rest}" for name, rest in pairs)

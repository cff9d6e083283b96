"""Strict reading of YAML: whatever is not foreseen is a mistake, told with its file and line.

A reader takes a YAML node and returns a value, or raises `ScenarioError`. Readers of parts make readers of
wholes:

    read = mapping({"advance": duration}, optional={"on": text})
"""

import functools
import itertools
import re
import textwrap
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import yaml  # type: ignore[import-untyped]

T = TypeVar("T")
Node = Any
"""A node of PyYAML, which has no types."""
Reader = Callable[[Node], T]

SECONDS = {"ms": 0.001, "s": 1, "min": 60, "h": 3600}
DURATION = re.compile(r"(-?\d+(?:\.\d+)?) (ms|s|min|h)")


class ScenarioError(Exception):
    """A scenario file that can't be read. The text begins with the file and the line."""


class _Loader(yaml.SafeLoader):  # type: ignore[misc]
    """YAML with JSON's scalars: `on`, `yes` and `2026-11-22` are texts."""

    yaml_implicit_resolvers: ClassVar[dict[str, list[tuple[str, re.Pattern[str]]]]] = {}


for _tag, _pattern, _first in (
    ("bool", r"^(?:true|false)$", "tf"),
    ("null", r"^null$", "n"),
    ("int", r"^-?(?:0|[1-9]\d*)$", "-0123456789"),
    ("float", r"^-?(?:0|[1-9]\d*)\.\d+$", "-0123456789"),
):
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(_pattern), list(_first))


def documents(path: Path) -> list[Node]:
    """Return the documents of a YAML file.

    Raises:
        ScenarioError: it is not YAML.
    """
    try:
        with path.open(encoding="utf-8") as stream:
            return [node for node in yaml.compose_all(stream, Loader=_Loader) if node is not None]
    except yaml.YAMLError as error:
        raise ScenarioError(str(error)) from None


@functools.cache
def _lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").splitlines()


def source(node: Node) -> str:
    """Return the text of a node that stands in a list, as it is in the file."""
    first, column = node.start_mark.line, node.start_mark.column
    lines = _lines(Path(node.start_mark.name))
    rest = itertools.takewhile(lambda one: one[:column].isspace(), lines[first + 1 :])
    return textwrap.dedent("\n".join([" " * column + lines[first][column:], *rest]))


def line(node: Node) -> int:
    """Return the line on which a node begins, from 1."""
    return int(node.start_mark.line) + 1


def wrong(node: Node, what: str) -> ScenarioError:
    """Return a mistake at a node, to be raised."""
    return ScenarioError(f"{node.start_mark.name}:{line(node)}: {what}")


def anything(node: Node) -> Any:
    """Read any JSON value."""
    if isinstance(node, yaml.MappingNode):
        return {name: anything(value) for name, value in _entries(node)}
    if isinstance(node, yaml.SequenceNode):
        return [anything(item) for item in node.value]
    return yaml.constructor.SafeConstructor().construct_object(node)


def text(node: Node) -> str:
    """Read a text."""
    value = anything(node)
    if not isinstance(value, str):
        raise wrong(node, f"a text is expected, not {value!r}")
    return value


def number(node: Node) -> float:
    """Read a number."""
    value = anything(node)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise wrong(node, f"a number is expected, not {value!r}")
    return value


def whole(node: Node) -> int:
    """Read a whole number."""
    value = number(node)
    if not isinstance(value, int):
        raise wrong(node, f"a whole number is expected, not {value!r}")
    return value


def boolean(node: Node) -> bool:
    """Read `true` or `false`."""
    value = anything(node)
    if not isinstance(value, bool):
        raise wrong(node, f"true or false is expected, not {value!r}")
    return value


def duration(node: Node) -> float:
    """Read a duration such as `0.2 s`, `8 min` or `-1 h`; return seconds."""
    told = text(node)
    if not (parts := DURATION.fullmatch(told)):
        raise wrong(node, f"a duration is expected, such as '0.2 s' or '8 min', not {told!r}")
    return float(parts[1]) * SECONDS[parts[2]]


def word(*words: str) -> Reader[str]:
    """Read one of these words."""

    def read(node: Node) -> str:
        told = text(node)
        if told not in words:
            raise wrong(node, f"one of {', '.join(words)} is expected, not {told!r}")
        return told

    return read


def each(item: Reader[T]) -> Reader[list[T]]:
    """Read a list."""

    def read(node: Node) -> list[T]:
        if not isinstance(node, yaml.SequenceNode):
            raise wrong(node, "a list is expected")
        return [item(one) for one in node.value]

    return read


def named(value: Reader[T]) -> Reader[dict[str, T]]:
    """Read a mapping from any names to values of one kind."""

    def read(node: Node) -> dict[str, T]:
        return {name: value(one) for name, one in _entries(node)}

    return read


def mapping(
    required: Mapping[str, Reader[Any]], optional: Mapping[str, Reader[Any]] | None = None
) -> Reader[dict[str, Any]]:
    """Read a mapping with exactly these names."""
    known = {**required, **(optional or {})}

    def read(node: Node) -> dict[str, Any]:
        found = {}
        for name, value in _entries(node):
            if name not in known:
                raise wrong(node, f"unknown: {name!r}; known here: {', '.join(known)}")
            found[name] = known[name](value)
        if missing := [name for name in required if name not in found]:
            raise wrong(node, f"missing: {', '.join(missing)}")
        return found

    return read


def either(
    *, scalar: Reader[Any] | None = None, fields: Reader[Any] | None = None, items: Reader[Any] | None = None
) -> Reader[Any]:
    """Read in one of several ways: a scalar, a mapping or a list."""
    ways = {yaml.ScalarNode: scalar, yaml.MappingNode: fields, yaml.SequenceNode: items}

    def read(node: Node) -> Any:
        way = ways[type(node)]
        if way is None:
            expected = [kind.__name__.removesuffix("Node").lower() for kind, one in ways.items() if one]
            raise wrong(node, f"a {' or a '.join(expected)} is expected")
        return way(node)

    return read


def entries(node: Node) -> list[tuple[str, Node, Node]]:
    """Return a mapping's names and values, with the nodes of the names."""
    if not isinstance(node, yaml.MappingNode):
        raise wrong(node, "a mapping is expected")
    found = [(str(name.value), name, value) for name, value in node.value]
    names = [name for name, _, _ in found]
    for name, key, _ in found:
        if names.count(name) > 1:
            raise wrong(key, f"{name!r} stands here twice")
    return found


def _entries(node: Node) -> list[tuple[str, Node]]:
    return [(name, value) for name, _, value in entries(node)]

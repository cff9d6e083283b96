"""The document asyncapi.yaml, and its schemas as JSON Schemas that stand alone."""

import functools
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped]

ROOT = Path(__file__).resolve().parents[1]
DOCUMENT = ROOT / "asyncapi.yaml"

DIALECT = "http://json-schema.org/draft-07/schema#"
"""AsyncAPI's own schemas are a superset of it (AsyncAPI Specification 3.0.0, "Schema Object")."""

_HERE = "#/components/schemas/"
_THERE = "#/definitions/"

Schema = Mapping[str, Any]


@functools.cache
def document() -> Mapping[str, Any]:
    """Return the document as it is read from its file."""
    read: dict[str, Any] = yaml.safe_load(DOCUMENT.read_text(encoding="utf-8"))
    return read


def schemas() -> Mapping[str, Schema]:
    """Return the schemas by their names, in the document's order."""
    found: Mapping[str, Schema] = document()["components"]["schemas"]
    return found


def referred(schema: Any) -> Iterator[str]:
    """Yield the names of the schemas that a schema refers to itself."""
    match schema:
        case {"$ref": str(reference)}:
            yield reference.removeprefix(_HERE)
        case dict():
            for value in schema.values():
                yield from referred(value)
        case list():
            for value in schema:
                yield from referred(value)


def needed(*names: str) -> list[str]:
    """Return the names of some schemas and of all that they need, in the document's order."""
    found: set[str] = set()
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += referred(schemas()[name])
    return [name for name in schemas() if name in found]


def json_schema(name: str) -> dict[str, Any]:
    """Return a schema as one that stands alone: what it refers to is among its `definitions`.

    Raises:
        KeyError: the document has no such schema, or refers to one that it does not have.
    """
    others = {other: _moved(schemas()[other]) for other in needed(name) if other != name}
    return {"$schema": DIALECT, "title": name, **_moved(schemas()[name]), "definitions": others}


def _moved(schema: Any) -> Any:
    """Return a schema whose references lead into `definitions`."""
    match schema:
        case {"$ref": str(reference)}:
            return {"$ref": reference.replace(_HERE, _THERE)}
        case dict():
            return {key: _moved(value) for key, value in schema.items()}
        case list():
            return [_moved(value) for value in schema]
    return schema

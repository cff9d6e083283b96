"""TypeScript types out of the document's schemas.

A keyword that only a validator can use (a length, a pattern, which fields go together) has no type.
Any other keyword that is not known here is a mistake, and not left out in silence.
"""

import json
import textwrap
from collections.abc import Iterable

from specification.document import Schema, schemas

_FOR_VALIDATORS = {
    *("minLength", "maxLength", "pattern", "format"),
    *("minimum", "exclusiveMinimum", "exclusiveMaximum", "maximum"),
    *("minItems", "maxItems", "dependencies", "not", "additionalProperties"),
}
_FOR_TYPES = {
    *("description", "type", "const", "enum", "items", "properties", "required"),
    *("oneOf", "anyOf", "allOf", "$ref"),
}
_SIMPLE = {"string": "string", "integer": "number", "boolean": "boolean", "null": "null"}
_UNKNOWN = "unknown"
_WIDTH = 110


class UnknownKeywordError(ValueError):
    """A schema has a keyword that no type can be made from."""


def declarations(names: Iterable[str]) -> str:
    """Return the declarations of some schemas, each with its description.

    Raises:
        UnknownKeywordError: a schema has an unknown keyword.
    """
    return "\n".join(_declaration(name, schemas()[name]) for name in names)


def _declaration(name: str, schema: Schema) -> str:
    comment, made = _comment(schema), type_of(schema)
    if "properties" in schema:
        return f"{comment}export interface {name} {made}\n"
    line = f"{comment}export type {name} = {made}\n"
    if len(made) > _WIDTH and "{" not in made:
        return line.replace(f"= {made}", "=\n  | " + made.replace(" | ", "\n  | "))
    return line


def type_of(schema: Schema) -> str:
    """Return the type of a schema.

    Raises:
        UnknownKeywordError: it has an unknown keyword.
    """
    if unknown := schema.keys() - _FOR_VALIDATORS - _FOR_TYPES:
        raise UnknownKeywordError(", ".join(sorted(unknown)))
    match schema:
        case {"$ref": str(reference)}:
            made = _name_in(reference)
        case {"const": value}:
            made = _literal(value)
        case {"enum": list(values)}:
            made = " | ".join(map(_literal, values))
        case {"properties": _}:
            made = _fields(schema)
        case {"oneOf": list(choices)} | {"anyOf": list(choices)}:
            made = " | ".join(map(type_of, choices))
        case {"allOf": list(parts)}:
            made = " & ".join(map(type_of, parts))
        case _:
            made = _of_kind(schema)
    return made


def _of_kind(schema: Schema) -> str:
    """Return the type of a schema that names at most a kind of JSON."""
    match schema:
        case {"type": "array", "items": item}:
            inner = type_of(item)
            return f"({inner})[]" if " " in inner else f"{inner}[]"
        case {"type": "object"}:
            return f"Record<string, {type_of(schema.get('additionalProperties', {}))}>"
        case {"type": str(kind)}:
            return _SIMPLE[kind]
    return _UNKNOWN


def _fields(schema: Schema) -> str:
    """Return the type of an object with these properties."""
    lines = []
    for name, field in schema["properties"].items():
        mark = "" if name in schema.get("required", ()) else "?"
        lines.append(f"{_comment(_described(field))}{name}{mark}: {type_of(field)}\n")
    return "{\n" + textwrap.indent("".join(lines), "  ") + "}"


def _described(field: Schema) -> Schema:
    """Return what describes a field: the schema itself, or the one that it refers to."""
    return schemas()[_name_in(field["$ref"])] if "$ref" in field else field


def _name_in(reference: str) -> str:
    return reference.rpartition("/")[2]


def _literal(value: str | bool) -> str:
    return f"'{value}'" if isinstance(value, str) else json.dumps(value)


def _comment(schema: Schema) -> str:
    """Return a schema's description as a comment; empty without one."""
    if "description" not in schema:
        return ""
    lines = textwrap.wrap(" ".join(schema["description"].replace("*/", "*\\/").split()), _WIDTH)
    if len(lines) == 1:
        return f"/** {lines[0]} */\n"
    return "/**\n" + "".join(f" * {line}\n" for line in lines) + " */\n"

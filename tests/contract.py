"""What is said on the wire, held to asyncapi.yaml."""

import functools
from collections.abc import Mapping
from typing import Any

from jsonschema import Draft7Validator, FormatChecker  # type: ignore[import-untyped]

from specification.document import json_schema, schemas


@functools.cache
def _validator(name: str) -> Draft7Validator:
    return Draft7Validator(json_schema(name), format_checker=FormatChecker())


def faults(name: str, value: object) -> list[str]:
    """Return what keeps a value from being of a schema of the document; nothing if it is."""
    found = sorted(_validator(name).iter_errors(value), key=lambda error: list(error.absolute_path))
    return [f"{'.'.join(map(str, error.absolute_path)) or name}: {error.message:.300}" for error in found]


@functools.cache
def by_type() -> Mapping[str, str]:
    """Return the names of the server's frames by their `type`."""
    return {
        schema["properties"]["type"]["const"]: name
        for name, schema in schemas().items()
        if "const" in schema.get("properties", {}).get("type", {})
    }


def check_server_frame(frame: Any) -> None:
    """Check that a frame is one that the document says clients get.

    Raises:
        AssertionError: it is not; the message has each fault.
    """
    name = by_type().get(frame.get("type"), "GatewayError")
    found = faults(name, frame) or faults("ServerFrame", frame)
    assert not found, f"asyncapi.yaml says otherwise of {name}: {found}, in {frame}"


def check_client_frame(frame: Mapping[str, Any]) -> None:
    """Check that a frame is one that the document says clients may send.

    Raises:
        AssertionError: it is not.
    """
    assert not faults("ClientFrame", frame), f"asyncapi.yaml has no such frame of clients: {frame}"

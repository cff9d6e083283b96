"""JSON as RFC 8259 has it: Python's reader also takes NaN and Infinity, and fails on deep nesting."""

import json
from typing import Any


class NotJSONError(ValueError):
    """The text is not JSON, or nested too deep to be meant."""


def _refuse_constant(name: str) -> None:
    raise NotJSONError(f"{name} is not JSON")


def loads(text: str) -> Any:
    """Return the value of a JSON text.

    Raises:
        NotJSONError: for every text that has no value, including a number of over 4,300 digits.
    """
    try:
        return json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise NotJSONError(str(error)) from error

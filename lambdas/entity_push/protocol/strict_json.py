"""JSON as RFC 8259 has it: Python's reader also takes NaN and Infinity, and fails on deep nesting."""

import json
import math
import re
from typing import Any

MOST_LEVELS = 200
"""Far below what Python's reader and writer take (about 1,000), since values are put into others."""

_OPENING = re.compile(r"[\[{]")

# What can only be written as an escape: lone surrogates have no UTF-8 form ...
# Compiled at their first use: wide ranges take milliseconds, and most workers never meet such characters.
_NOT_UTF8 = "[\ud800-\udfff]"

# ... and these SQS refuses in a message (SQS API Reference, SendMessage).
_NOT_FOR_SQS = "[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]"


class NotJSONError(ValueError):
    """The text is not JSON, or nested too deep to be meant; the message says why, in a few words."""


def _refuse_constant(name: str) -> None:
    raise NotJSONError(f"{name} is not JSON")


def _finite(digits: str) -> float:
    value = float(digits)
    if math.isinf(value):  # it would be written as Infinity
        raise NotJSONError("a number is larger than any that a double can be")
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):  # readers differ in which one they take (RFC 8259, section 4)
        raise NotJSONError("a name is repeated in an object")
    return found


def loads(text: str, *, levels: int = MOST_LEVELS) -> Any:
    """Return the value of a JSON text.

    Args:
        text: the text.
        levels: how deep arrays and objects may be nested.

    Raises:
        NotJSONError: for every text that has no value, including a number of over 4,300 digits or beyond the
            range of a double, a name twice in one object, and nesting that is too deep.
    """
    try:
        value = json.loads(
            text, parse_constant=_refuse_constant, parse_float=_finite, object_pairs_hook=_unique
        )
    except NotJSONError:
        raise
    except json.JSONDecodeError as error:
        what = error.msg.rstrip(": ").removesuffix(" at").removesuffix(" starting")
        raise NotJSONError(f"{what} (line {error.lineno}, column {error.colno})") from error
    except RecursionError as error:
        raise NotJSONError(f"it is nested deeper than {levels} levels") from error
    except ValueError as error:  # Python reads no longer ones
        raise NotJSONError("a number has over 4,300 digits") from error
    if len(_OPENING.findall(text)) > levels and _is_deeper(value, levels):
        raise NotJSONError(f"it is nested deeper than {levels} levels")
    return value


def _is_deeper(value: Any, levels: int) -> bool:
    level = [value]
    for _ in range(levels):
        level = [inner for outer in level for inner in _inside(outer)]
        if not level:
            return False
    return any(isinstance(inner, list | dict) for inner in level)


def _inside(value: Any) -> Any:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


def for_queue(value: Any) -> str:
    """Return a value as compact JSON in characters that SQS takes, as short as they allow."""
    return _escaped(_dumps(value), _NOT_FOR_SQS)


def for_wire(value: Any) -> bytes:
    """Return a value as compact JSON in UTF-8."""
    text = _dumps(value)
    try:
        return text.encode()
    except UnicodeEncodeError:
        return _escaped(text, _NOT_UTF8).encode()


def _dumps(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def _escaped(text: str, characters: str) -> str:
    return re.sub(characters, lambda found: f"\\u{ord(found[0]):04x}", text)

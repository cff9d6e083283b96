"""Event patterns, checked at synth: EventBridge would refuse a wrong one in the middle of a deployment.

Sources: Amazon EventBridge User Guide, "Amazon EventBridge event patterns" and "Comparison operators"; for an
event's fields, Amazon EventBridge Events Reference, "AWS service event metadata".
"""

from collections.abc import Mapping
from typing import Any

EVENT_FIELDS = (
    "account",
    "detail",
    "detail-type",
    "id",
    "region",
    "replay-name",
    "resources",
    "source",
    "time",
    "version",
)
"""What an event may have. Only one that is replayed from an archive has a `replay-name`."""

_OPERATORS = (
    "anything-but",
    "cidr",
    "equals-ignore-case",
    "exists",
    "numeric",
    "prefix",
    "suffix",
    "wildcard",
)


def checked_pattern(pattern: Any) -> Mapping[str, Any]:
    """Return an event pattern as it is.

    Raises:
        ValueError: EventBridge would refuse it, or no event could ever match it; the message says why.
    """
    if not isinstance(pattern, dict) or not pattern:
        raise ValueError('it has a "pattern", an object that is not empty')
    if "account" in pattern:
        raise ValueError('its pattern names an "account"; the setting eventAccounts says whose events count')
    for name, value in pattern.items():
        if name == "$or":
            _check_alternatives(value, name)
        elif name not in EVENT_FIELDS:
            raise ValueError(f"its pattern names {name!r}; an event has {', '.join(EVENT_FIELDS)}")
        elif name == "detail":
            _check_members(value, name)
        else:
            _check_values(value, name)
    return pattern


def _check_members(value: Any, where: str) -> None:
    if not isinstance(value, dict) or not value:
        raise ValueError(f"its pattern's {where} is {value!r:.50}; it is an object that is not empty")
    for name, inner in value.items():
        path = f"{where}.{name}"
        if name == "$or":
            _check_alternatives(inner, path)
        elif isinstance(inner, dict):
            _check_members(inner, path)
        else:
            _check_values(inner, path)


def _check_alternatives(value: Any, where: str) -> None:
    if not isinstance(value, list) or len(value) < 2 or not all(isinstance(each, dict) for each in value):
        raise ValueError(f"its pattern's {where} is a list of two or more patterns")
    for each in value:
        _check_members(each, where)


def _check_values(value: Any, where: str) -> None:
    if not isinstance(value, list) or not value:
        example = value if isinstance(value, str) else "value"
        raise ValueError(f"its pattern's {where} is {value!r:.50}; values stand in a list: {[example]!r:.50}")
    for each in value:
        if isinstance(each, dict) and (len(each) != 1 or next(iter(each)) not in _OPERATORS):
            raise ValueError(f"its pattern's {where} has {each!r:.50}; operators are {', '.join(_OPERATORS)}")
        if isinstance(each, list):
            raise ValueError(f"its pattern's {where} has a list in its list")

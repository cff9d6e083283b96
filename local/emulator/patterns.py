"""Event patterns as MiniStack reads them, without a running emulator."""

import json
from collections.abc import Mapping
from typing import Any

from local.emulator.seams import eventbridge


def matches(pattern: Mapping[str, Any], event: Mapping[str, Any]) -> bool:
    """Tell whether a pattern matches an event.

    Args:
        pattern: an event pattern.
        event: an event as a rule's target gets it.

    Raises:
        ValueError: EventBridge would refuse the pattern; the message says why.
    """
    text = json.dumps(pattern)
    if problem := eventbridge._event_pattern_error(text):
        raise ValueError(f"EventBridge would refuse its pattern: {problem}")
    return bool(eventbridge._matches_pattern(text, eventbridge._event_from_test_payload(dict(event))))

"""The time that the invocation under way has left: several calls to AWS must not take longer together."""

import math
import time
from typing import Any

RESERVE_SECONDS = 0.5
"""What a function keeps for saying that AWS did not answer. Cut off by Lambda, it could say nothing."""

_ends = [math.inf]


def begin(context: Any) -> None:
    """Note that an invocation begins.

    Args:
        context: Lambda's; None for one without an end, as in tests.
    """
    left = math.inf if context is None else context.get_remaining_time_in_millis() / 1000
    _ends[0] = time.monotonic() + left - RESERVE_SECONDS


def seconds_left() -> float:
    """Return how many seconds calls to AWS may take; at most 0 if none. Without `begin`, there is no end."""
    return _ends[0] - time.monotonic()

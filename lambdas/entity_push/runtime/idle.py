"""How long a kept-alive HTTP connection may be idle and still be used."""

IDLE_SECONDS = 60.0
"""Kept-alive connections that were idle for longer are closed: they may have vanished without a word."""


def too_long_idle(used_at: float, now: float) -> bool:
    """Tell whether a connection was idle for too long to be used again.

    Both times are the wall clock's, in seconds since 1970. Whether the monotonic clock goes on while a Lambda
    function is frozen is not documented. A wall clock may be set back; then nothing is known.
    """
    return not 0 <= now - used_at <= IDLE_SECONDS

"""The time by which tokens expire; the test moves it."""

import time


class Clock:
    """A clock in the place of the module `time`, for code that looks at a token's end.

    Attributes:
        ahead: the seconds by which the clock is ahead of the real one.
    """

    def __init__(self) -> None:
        self.ahead = 0.0

    def time(self) -> float:
        """Return seconds since 1970."""
        return time.time() + self.ahead

    @staticmethod
    def monotonic() -> float:
        """Return the real clock's monotonic seconds, which bound an invocation."""
        return time.monotonic()

"""The time by which tokens expire; the test moves it."""

import time


class Clock:
    """A clock that takes the place of the module `time` where a token's end is looked at.

    Attributes:
        ahead: by how many seconds it is ahead of the real one.
    """

    def __init__(self) -> None:
        self.ahead = 0.0

    def time(self) -> float:
        """Return seconds since 1970."""
        return time.time() + self.ahead

    @staticmethod
    def monotonic() -> float:
        """Return the real one's seconds, which bound an invocation."""
        return time.monotonic()

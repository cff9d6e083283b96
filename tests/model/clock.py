"""The clocks of the world; the test moves them."""

import time


class Clock:
    """The clock by which tokens end, in the place of `time`. It moves only when the test moves it.

    Attributes:
        ahead: the seconds by which the test has moved it.
    """

    def __init__(self) -> None:
        self._begun = time.time() // 60 * 60  # a full minute, so that the same choices give the same run
        self.ahead = 0.0

    def time(self) -> float:
        """Return seconds since 1970."""
        return self._begun + self.ahead

    @staticmethod
    def monotonic() -> float:
        """Return the real clock's monotonic seconds, which bound an invocation."""
        return time.monotonic()


class LogClock:
    """The clock of the logs, in the place of the module `time`. It stands still until the test moves it.

    Args:
        now: the true time, in seconds since 1970.

    Attributes:
        now: the true time.
        skew: how many seconds the clock of the running task is ahead of it.
    """

    def __init__(self, now: float) -> None:
        self.now, self.skew = now, 0.0

    def time(self) -> float:
        """Return seconds since 1970, as the running task's clock has it."""
        return self.now + self.skew

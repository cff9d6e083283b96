"""The clocks of the world; the test moves them."""

import time


class Clock:
    """A clock in the place of the module `time`.

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

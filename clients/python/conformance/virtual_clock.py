"""A clock that moves when it is told to: by the conformance suite's runner, and by the unit tests."""

import asyncio
import itertools
import math


class VirtualClock:
    """Time in seconds since the beginning, with timers.

    Attributes:
        now: the time.
    """

    def __init__(self) -> None:
        self.now = 0.0
        self._waiting: list[tuple[float, int, asyncio.Future[None]]] = []
        self._numbers = itertools.count()

    def time(self) -> float:
        """Return the time, in seconds."""
        return self.now

    async def sleep(self, seconds: float) -> None:
        """Wait until the clock has been moved."""
        future = asyncio.get_running_loop().create_future()
        entry = (self.now + seconds, next(self._numbers), future)
        self._waiting.append(entry)
        try:
            await future
        finally:
            self._waiting.remove(entry)

    @property
    def next_timer(self) -> float:
        """When the next timer is due; infinity without one."""
        return min((due for due, _, future in self._waiting if not future.done()), default=math.inf)

    def advance(self, until: float) -> None:
        """Move to the next timer that is due until then, or to then."""
        self.now = max(self.now, min(self.next_timer, until))
        self._ring()

    def leap(self, seconds: float) -> None:
        """Move at once; what was due on the way comes late."""
        self.now += seconds
        self._ring()

    def _ring(self) -> None:
        for due, _, future in sorted(self._waiting):
            if due <= self.now and not future.done():
                future.set_result(None)

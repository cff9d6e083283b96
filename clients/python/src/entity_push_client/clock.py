"""The clock that a client reads and waits by. Tests put another one in its place."""

import asyncio
import time
from collections.abc import Awaitable
from typing import Protocol, TypeVar

T = TypeVar("T")

# Time that a machine sleeps must count. `time.monotonic` leaves it out on Linux and macOS.
# Linux counts it in CLOCK_BOOTTIME, macOS in CLOCK_MONOTONIC; Windows has neither, and counts it anyway.
_COUNTS_SLEEP: int | None = getattr(time, "CLOCK_BOOTTIME", getattr(time, "CLOCK_MONOTONIC", None))


class Clock(Protocol):
    """Time in seconds, from any beginning. It never goes back."""

    def time(self) -> float:
        """Return the time, in seconds."""

    async def sleep(self, seconds: float) -> None:
        """Wait."""


class SystemClock:
    """The machine's clock. It goes on while the machine sleeps; setting the time of day does not move it."""

    def time(self) -> float:
        """Return the time, in seconds since the machine started."""
        return time.monotonic() if _COUNTS_SLEEP is None else time.clock_gettime(_COUNTS_SLEEP)

    async def sleep(self, seconds: float) -> None:
        """Wait. Time that the machine sleeps does not count here."""
        await asyncio.sleep(seconds)


async def within(clock: Clock, seconds: float, work: Awaitable[T]) -> T:
    """Await something, at most so long by a clock.

    Raises:
        TimeoutError: it took longer. It is cancelled, and not waited for: it may hang.
    """
    working = asyncio.ensure_future(work)
    sleeping = asyncio.ensure_future(clock.sleep(seconds))
    try:
        await asyncio.wait((working, sleeping), return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            return working.result()
        raise TimeoutError
    finally:
        sleeping.cancel()
        if not working.done():
            working.cancel()
            working.add_done_callback(_look_at)


def _look_at(ended: "asyncio.Future[T]") -> None:
    """Look at a late end, so that asyncio does not complain about an exception that nobody saw."""
    if not ended.cancelled():
        ended.exception()

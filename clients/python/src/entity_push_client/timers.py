"""Calls at a later time, by the client's clock."""

import asyncio
from collections.abc import Callable

from entity_push_client.clock import Clock


class Timers:
    """The timers of one client, or of one connection. Ending them ends all.

    Args:
        clock: the clock.
    """

    def __init__(self, clock: Clock):
        self._clock = clock
        self._tasks: set[asyncio.Task[None]] = set()

    def after(self, seconds: float, call: Callable[[], None]) -> "asyncio.Task[None]":
        """Call something later. Cancelling the returned task cancels the call."""
        task = asyncio.create_task(self._wait(seconds, call))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _wait(self, seconds: float, call: Callable[[], None]) -> None:
        await self._clock.sleep(seconds)
        call()

    def end(self) -> None:
        """Cancel all timers."""
        for task in self._tasks:
            task.cancel()

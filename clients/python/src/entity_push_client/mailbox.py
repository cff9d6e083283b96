"""The changes that one consumer has still to take; a slow one gets a new beginning instead."""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any

from entity_push_client.changes import Change, Reset

Item = Change[None, Any]


class Mailbox:
    """A bounded queue between the connection, which never waits, and one consumer.

    Args:
        most: how many changes it holds. When there are more, all are left out, and a reset takes their place.
        beginning: returns the reset to go on from now; None if one will come by itself.
    """

    def __init__(self, most: int, beginning: Callable[[], Reset[None, Any] | None]):
        self._most, self._beginning = most, beginning
        self.queue: deque[Item] = deque()
        self._lags = False
        self._waiter: asyncio.Future[None] | None = None

    def put(self, change: Item) -> None:
        """Add a change."""
        if self._lags:
            if not isinstance(change, Reset):
                return
            self._lags = False
        elif len(self.queue) >= self._most:
            self.queue.clear()
            self._lags = not isinstance(change, Reset)
        if not self._lags:
            self.queue.append(change)
        if self._waiter is not None:
            self.wake()

    def wake(self) -> None:
        """Let the consumer look again."""
        waiter, self._waiter = self._waiter, None
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    def take(self) -> Item | None:
        """Return the next change; None if there is none now."""
        if self._lags:
            self._lags = False
            return self._beginning()
        return self.queue.popleft() if self.queue else None

    def skip_to_reset(self) -> bool:
        """Leave out what a newer reset makes void; return whether there was one."""
        resets = [number for number, change in enumerate(self.queue) if isinstance(change, Reset)]
        for _ in range(resets[-1] if resets else 0):
            self.queue.popleft()
        return bool(resets)

    async def wait(self) -> None:
        """Wait until there may be something."""
        self._waiter = asyncio.get_running_loop().create_future()
        await self._waiter

    def clear(self) -> None:
        """Leave out what was not taken."""
        self.queue.clear()
        self._lags = False

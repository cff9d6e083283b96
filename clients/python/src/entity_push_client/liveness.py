"""Whether a connection is alive: a ping after a long silence, and at once after the machine has slept."""

import asyncio
import contextlib
from collections.abc import Callable

from entity_push_client.changes import Frame
from entity_push_client.clock import within
from entity_push_client.errors import ConnectionLostError, EntityPushError
from entity_push_client.options import Options

GLANCE_SECONDS = 10.0
"""How often the clock is looked at. It costs no frame."""

SLEPT_SECONDS = 5.0
"""A wait that takes so much longer than asked for: the machine, or the process, has slept."""


class Liveness:
    """The life signs of one connection.

    Args:
        options: the client's settings.
        send: sends a frame.
        end: ends the connection, for a reason.

    Attributes:
        is_fresh: whether a frame has come since the clock was last looked at. Looking at it for each frame
            would cost CPU.
    """

    def __init__(
        self, options: Options, send: Callable[[Frame], None], end: Callable[[EntityPushError], None]
    ):
        self._options, self._send, self._end = options, send, end
        self._now = options.clock.time
        self._last = self._now()
        self.is_fresh = False
        self._sign: asyncio.Event | None = None
        self._doubted = asyncio.Event()

    def doubt(self) -> None:
        """Ping at once: something that should have come did not."""
        self._doubted.set()

    def heard(self) -> None:
        """Take note of a frame from the server. It need not be told again while `is_fresh`."""
        self._last = self._now()
        self.is_fresh = True
        if self._sign is not None:
            self._sign.set()

    def sent(self) -> None:
        """Take note of a frame to the server: API Gateway counts the silence from it, too."""
        self._last = self._now()

    async def watch(self) -> None:
        """Ping where it is due, until the connection is taken for dead."""
        while True:
            began = self._now()
            seconds = min(GLANCE_SECONDS, self._last + self._options.ping_after - began)
            await self._sleep(max(0.0, seconds))
            now = self._now()
            self.is_fresh = False
            slept = now - began - seconds > SLEPT_SECONDS
            due = slept or self._doubted.is_set() or now >= self._last + self._options.ping_after
            self._doubted.clear()
            if due and not await self._is_alive():
                self._end(ConnectionLostError("The server did not answer a ping."))
                return

    async def _sleep(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            await within(self._options.clock, seconds, self._doubted.wait())

    async def _is_alive(self) -> bool:
        self._sign = asyncio.Event()
        self.is_fresh = False
        self._send({"action": "ping"})
        try:
            await within(self._options.clock, self._options.pong_timeout, self._sign.wait())
        except TimeoutError:
            return False
        finally:
            self._sign = None
        return True

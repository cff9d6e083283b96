"""One connection: reading and writing frames, until it ends. What frames mean is decided elsewhere."""

import asyncio
import json
import logging
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

from entity_push_client.changes import Frame
from entity_push_client.errors import ConnectionLostError, EntityPushError
from entity_push_client.sockets import DirectSocket, Socket

MOST_CHARACTERS = 8_000
"""API Gateway closes the connection at a WebSocket frame of more than 32 KB: at most 4 bytes each."""

_decode = json.JSONDecoder().raw_decode

logger = logging.getLogger("entity_push_client")


class Connection:
    """An open WebSocket.

    Args:
        socket: the WebSocket.
        take: takes each frame. If it raises an exception, the frame was garbled.
        ended: is called once, with the reason, when nothing more can come.
    """

    def __init__(
        self, socket: Socket, take: Callable[[Frame], None], ended: Callable[[EntityPushError], None]
    ):
        self._socket, self._take, self._ended = socket, take, ended
        self._outgoing: deque[str] = deque()
        self._more = asyncio.Event()
        self._reason: EntityPushError | None = None
        self._tasks = [asyncio.create_task(self._read()), asyncio.create_task(self._write())]
        if isinstance(socket, DirectSocket):
            socket.receive = self._received
        self._closing: asyncio.Task[None] | None = None

    def send(self, frame: Frame) -> None:
        """Send a frame, soon."""
        self._outgoing.append(encode(frame))
        self._more.set()

    def end(self, reason: EntityPushError) -> None:
        """Give the connection up at once: what it still brings is not read."""
        if self._reason is None:
            self._tell(reason)
            self._tasks[0].cancel()
        self._close_soon()

    async def close(self) -> None:
        """Close the connection. What is under way is still read."""
        self._close_soon()
        await asyncio.wait([*self._tasks, *filter(None, [self._closing])])

    def _close_soon(self) -> None:
        self._tasks[1].cancel()
        if self._closing is None:
            self._closing = asyncio.create_task(self._close())

    async def _close(self) -> None:
        try:
            await self._socket.close()
        except Exception:
            logger.debug("closing failed", exc_info=True)  # it is gone in any case

    def _tell(self, reason: EntityPushError) -> None:
        if self._reason is None:
            self._reason = reason
            self._ended(reason)

    async def _read(self) -> None:
        try:
            while True:
                self._received(await self._socket.recv())
        except Exception as error:
            self._tell(ConnectionLostError(f"The connection has ended: {error}"))
        self._close_soon()

    def _received(self, message: str | bytes) -> None:
        if self._reason is not None:
            return
        try:
            frame = decode(message if isinstance(message, str) else message.decode())
            if isinstance(frame, dict):
                self._take(frame)
        except Exception as error:  # an update may have been in it: the next connection brings it
            logger.warning("a frame can't be understood, so the connection is given up", exc_info=True)
            sentence = f"The server sent a frame that can't be understood: {error!r}"
            self.end(ConnectionLostError(sentence, "invalid_frame"))

    async def _write(self) -> None:
        try:
            while True:
                await self._more.wait()
                self._more.clear()
                while self._outgoing:
                    text = self._outgoing.popleft()
                    await self._socket.send(text if len(text) <= MOST_CHARACTERS else _pieces(text))
        except Exception as error:
            logger.debug("sending failed: %s", error)  # reading fails too, and tells why


def decode(text: str) -> Any:
    """Return a frame's JSON value. `json.loads` costs more CPU: it looks for white space with expressions.

    Raises:
        ValueError: it is not JSON.
    """
    value, end = _decode(text := text.strip())
    if end != len(text):
        raise ValueError(f"There is more after the JSON value: {text[end : end + 20]!r}")
    return value


def encode(frame: Frame) -> str:
    """Return a frame as text."""
    return json.dumps(frame, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def _pieces(text: str) -> Iterator[str]:
    for start in range(0, len(text), MOST_CHARACTERS):
        yield text[start : start + MOST_CHARACTERS]

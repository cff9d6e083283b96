"""A TCP proxy that behaves as networks do on a bad day.

    async with FaultyProxy("127.0.0.1", 4600, fates=BadDay(random.Random(7))) as proxy:
        await connect(f"ws://127.0.0.1:{proxy.port}/prod")

Each connection has a fate: one fault, some seconds after it was opened.
"""

import asyncio
import contextlib
import enum
import random
import socket
import struct
from collections import Counter
from collections.abc import Callable
from types import TracebackType
from typing import NamedTuple, Self

CHUNK_BYTES = 64 * 1024
NO_LINGER = struct.pack("ii", 1, 0)
"""Closing a socket with this option sends RST instead of FIN."""

TOO_MANY = b"HTTP/1.1 429 Too Many Requests\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


class Fault(enum.Enum):
    """What happens to a connection."""

    NONE = "nothing"
    RESET = "both ends get RST"
    CUT = "both ends get FIN"
    HALF_CLOSE = "the client gets FIN; what it sends still arrives"
    STALL = "nothing passes any more, and nobody is told"
    SWALLOW = "what the client sends is lost, and what the server sends arrives"
    DEAFEN = "what the server sends is lost, and what the client sends arrives"
    DELAY = "from then on everything from the server is late by up to half a second"
    GARBLE = "the server's next bytes are 0xFF, which no WebSocket frame has in a text"


class Fate(NamedTuple):
    """A connection's fault, and how many seconds after the opening it comes."""

    fault: Fault
    seconds: float


class BadDay:
    """Draws fates: each fault once, in an order by chance, then all of them again.

    Args:
        chance: the source of chance.
        longest: the most seconds until a fault.

    Attributes:
        quiet: whether connections have no faults from now on.
    """

    def __init__(self, chance: random.Random, longest: float = 10.0):
        self._chance, self._longest = chance, longest
        self._left: list[Fault] = []
        self.quiet = False

    def __call__(self) -> Fate:
        """Return the fate of a new connection."""
        if self.quiet:
            return Fate(Fault.NONE, 0.0)
        self._left = self._left or self._chance.sample(list(Fault), len(Fault))
        return Fate(self._left.pop(), self._chance.uniform(0.1, self._longest))


def _admit() -> bool:
    return True


class FaultyProxy:
    """Passes connections on to one address, each with a fate of its own.

    Args:
        host: the address.
        port: the address's port.
        fates: returns the fate of a new connection.
        admits: tells whether a new connection may pass. One that may not is answered with 429, as API Gateway
            answers above its quota of new connections.

    Attributes:
        port: the port on 127.0.0.1 that it listens on.
        happened: how often each fault has happened.
    """

    def __init__(
        self, host: str, port: int, *, fates: Callable[[], Fate], admits: Callable[[], bool] = _admit
    ):
        self.port, self.happened = 0, Counter[Fault]()
        self._target, self._fates, self._admits = (host, port), fates, admits
        self._passing: set[_Passing] = set()
        self._empty = asyncio.Event()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._server.close()
        if self.reset_all():
            self._empty.clear()
            await self._empty.wait()

    def reset_all(self) -> int:
        """Reset all connections at once; return how many there were."""
        return self.meet_all(Fault.RESET)

    def meet_all(self, fault: Fault) -> int:
        """Let a fault happen to all connections at once; return how many there were."""
        passing = list(self._passing)
        for one in passing:
            one.meet(fault)
        return len(passing)

    async def _accept(self, client: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
        if not self._admits():
            with contextlib.suppress(OSError, asyncio.IncompleteReadError):
                await client.readuntil(b"\r\n\r\n")
                to_client.write(TOO_MANY)
                await to_client.drain()
            to_client.close()
            return
        try:
            server, to_server = await asyncio.open_connection(*self._target)
        except OSError:
            to_client.transport.abort()
            return
        passing = _Passing(to_client, to_server)
        self._passing.add(passing)
        fate = asyncio.create_task(self._meet(passing, self._fates()))
        await asyncio.gather(
            passing.pump_to_server(client), passing.pump_to_client(server), return_exceptions=True
        )
        fate.cancel()
        passing.close()
        self._passing.discard(passing)
        if not self._passing:
            self._empty.set()

    async def _meet(self, passing: "_Passing", fate: Fate) -> None:
        await asyncio.sleep(fate.seconds)
        self.happened[fate.fault] += 1
        passing.meet(fate.fault)


class _Passing:
    """One connection through the proxy, and what happens to its bytes."""

    def __init__(self, to_client: asyncio.StreamWriter, to_server: asyncio.StreamWriter):
        self._to_client, self._to_server = to_client, to_server
        self._fault = Fault.NONE

    def meet(self, fault: Fault) -> None:
        """Let a fault happen, now or to the next bytes."""
        self._fault = fault
        if fault is Fault.RESET:
            self.reset()
        elif fault is Fault.CUT:
            self.close()
        elif fault is Fault.HALF_CLOSE:
            with contextlib.suppress(OSError, RuntimeError):
                self._to_client.write_eof()

    def reset(self) -> None:
        for end in (self._to_client, self._to_server):
            raw = end.get_extra_info("socket")
            with contextlib.suppress(OSError):
                raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, NO_LINGER)
            end.transport.abort()

    def close(self) -> None:
        for end in (self._to_client, self._to_server):
            end.close()

    async def pump_to_server(self, client: asyncio.StreamReader) -> None:
        while chunk := await client.read(CHUNK_BYTES):
            if self._fault not in (Fault.STALL, Fault.SWALLOW):
                self._to_server.write(chunk)
                await self._to_server.drain()
        if self._fault is Fault.STALL:
            return  # the server is not told that the client has gone
        self._to_server.close()

    async def pump_to_client(self, server: asyncio.StreamReader) -> None:
        while chunk := await server.read(CHUNK_BYTES):
            if self._fault in (Fault.STALL, Fault.DEAFEN, Fault.HALF_CLOSE):
                continue
            if self._fault is Fault.DELAY:
                await asyncio.sleep(random.uniform(0, 0.5))
            elif self._fault is Fault.GARBLE:
                chunk, self._fault = b"\xff" * len(chunk), Fault.NONE
            self._to_client.write(chunk)
            await self._to_client.drain()
        if self._fault is not Fault.STALL:
            self._to_client.close()

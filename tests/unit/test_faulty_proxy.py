"""The faulty proxy does to a connection what its fate says: else a soak through it tries nothing."""

import asyncio
import random
from dataclasses import dataclass, field

import pytest

from testbed.faulty_proxy import BadDay, Fate, Fault, FaultyProxy


@dataclass
class Seen:
    """What both ends have seen after a fault; the client's `b""` is the end, None is silence."""

    by_client: bytes | str | None = None
    by_server: bytes = b""
    server_ended: asyncio.Event = field(default_factory=asyncio.Event)


async def meet(fault: Fault) -> Seen:
    seen = Seen()

    async def server(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while chunk := await reader.read(100):
                if chunk != b"before":
                    seen.by_server += chunk
                writer.write(chunk.upper())
        except ConnectionResetError:
            pass
        seen.server_ended.set()
        writer.close()

    async with await asyncio.start_server(server, "127.0.0.1", 0) as echo:
        port = echo.sockets[0].getsockname()[1]
        async with FaultyProxy("127.0.0.1", port, fates=lambda: Fate(fault, 0.05)) as proxy:
            reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
            writer.write(b"before")
            assert await reader.read(100) == b"BEFORE"
            while not proxy.happened:
                await asyncio.sleep(0.01)
            if fault is not Fault.CUT:  # what is sent after a FIN from both ends may be answered with RST
                writer.write(b"after")
            try:
                seen.by_client = await asyncio.wait_for(reader.read(100), 0.8)
            except TimeoutError:
                seen.by_client = None
            except ConnectionResetError:
                seen.by_client = "reset"
            await asyncio.sleep(0.05)
            writer.transport.abort()
    return seen


@pytest.mark.parametrize(
    ("fault", "by_client", "by_server"),
    [
        (Fault.NONE, b"AFTER", b"after"),
        (Fault.RESET, "reset", b""),
        (Fault.CUT, b"", b""),
        (Fault.HALF_CLOSE, b"", b"after"),
        (Fault.STALL, None, b""),
        (Fault.SWALLOW, None, b""),
        (Fault.DEAFEN, None, b"after"),
        (Fault.DELAY, b"AFTER", b"after"),
        (Fault.GARBLE, b"\xff" * 5, b"after"),
    ],
)
def test_each_fault_is_what_it_says(fault: Fault, by_client: bytes | str | None, by_server: bytes) -> None:
    seen = asyncio.run(meet(fault))
    assert (seen.by_client, seen.by_server) == (by_client, by_server)


def test_all_connections_are_reset_at_once() -> None:
    async def reset() -> tuple[int, bool]:
        async with await asyncio.start_server(lambda _reader, _writer: None, "127.0.0.1", 0) as deaf:
            port = deaf.sockets[0].getsockname()[1]
            async with FaultyProxy("127.0.0.1", port, fates=lambda: Fate(Fault.NONE, 60)) as proxy:
                both = [await asyncio.open_connection("127.0.0.1", proxy.port) for _ in range(2)]
                await asyncio.sleep(0.05)
                count = proxy.reset_all()
                ends = await asyncio.gather(*(reader.read() for reader, _ in both), return_exceptions=True)
                for _, writer in both:
                    writer.transport.abort()
                return count, all(isinstance(end, ConnectionResetError) for end in ends)

    assert asyncio.run(reset()) == (2, True)


def test_a_bad_day_has_each_fault_before_any_comes_again() -> None:
    network = BadDay(random.Random(1), longest=5)
    fates = [network() for _ in range(2 * len(Fault))]
    assert (
        {fate.fault for fate in fates[: len(Fault)]}
        == {fate.fault for fate in fates[len(Fault) :]}
        == set(Fault)
    )
    assert all(0 < fate.seconds <= 5 for fate in fates)
    network.quiet = True
    assert network().fault is Fault.NONE


def test_what_is_not_admitted_is_answered_as_above_a_quota() -> None:
    async def run() -> bytes:
        fates = iter(())  # nothing has a fate that does not pass
        async with FaultyProxy("127.0.0.1", 9, fates=lambda: next(fates), admits=lambda: False) as proxy:
            reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
            writer.write(b"GET / HTTP/1.1\r\n\r\n")
            answer = await asyncio.wait_for(reader.read(), 5)
            writer.close()
            return answer

    assert asyncio.run(run()).startswith(b"HTTP/1.1 429 ")

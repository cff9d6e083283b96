"""What the Python client costs: CPU per message, against bare `websockets` that parses the same frames.

    python -m benchmarks.client_cpu

The server is a child process, whose CPU is not counted. It pushes updates of one entity, as API Gateway does,
in bursts or one by one. Rounds of both clients are interleaved, so that noise meets both. The figure is the
median of the rounds' ratios; the least of each column is printed, too, since noise only adds.

- bare: `websockets` with its defaults, and `json.loads`; the consumer is the loop that receives.
- client: the whole client, with the ordering contract, and a consumer that iterates over the changes.
"""

import asyncio
import json
import multiprocessing
import statistics
import time
from collections.abc import Callable, Coroutine
from multiprocessing.connection import Connection
from typing import Any

from entity_push_client import EntityPush, Update
from websockets.asyncio.client import connect
from websockets.asyncio.server import ServerConnection, serve

from benchmarks import report

MESSAGES = 4_000
ROUNDS = 25
BURSTS = {"in bursts of 50": 50, "one by one": 1}
MOST = 1.1  # the target

SUBSCRIBE = {"action": "subscribe", "entityId": "orders/42", "requestId": "1"}


def frames() -> list[str]:
    """Return the pushed frames, of 300 bytes each."""
    return [
        json.dumps(
            {
                "type": "Entity Updated",
                "entityId": "orders/42",
                "message": {"status": "paid", "lines": [number, 2, 3], "note": "n" * 90},
                "id": f"0b3a8f6e-4a51-4d1c-9c1e-{number:012}",
                "time": "2026-11-22T18:43:48Z",
                "sequence": number,
                "cursor": f"5f0c1d2e3a4b.{number}",
            },
            separators=(",", ":"),
        )
        for number in range(1, MESSAGES + 1)
    ]


def _serve(ports: Connection) -> None:
    """Serve in a child process: the path of the URL says how many frames come at once."""
    wires = frames()

    async def push(socket: ServerConnection) -> None:
        assert socket.request is not None
        question = json.loads(await socket.recv())
        answer = {
            "cursor": "5f0c1d2e3a4b.0",
            "recovered": False,
            "updates": [],
            "more": False,
            "latest": None,
        }
        named = {"type": "subscribed", "entityId": "orders/42", "requestId": question["requestId"]}
        await socket.send(json.dumps(named | answer))
        burst = int(socket.request.path.strip("/"))
        for start in range(0, MESSAGES, burst):
            for wire in wires[start : start + burst]:
                await socket.send(wire)
            await asyncio.sleep(0)
        await socket.wait_closed()

    async def run() -> None:
        async with serve(push, "127.0.0.1", 0, compression=None) as server:
            ports.send(next(iter(server.sockets)).getsockname()[1])
            await asyncio.Future()

    asyncio.run(run())


async def bare(url: str) -> float:
    """Return the CPU of a message, in µs, for `websockets` alone."""
    async with connect(url, proxy=None) as socket:
        await socket.send(json.dumps(SUBSCRIBE))
        await socket.recv()
        began, count = time.process_time(), 0
        async for text in socket:
            count += json.loads(text)["type"] == "Entity Updated"
            if count == MESSAGES:
                break
        return (time.process_time() - began) / MESSAGES * 1e6


async def client(url: str) -> float:
    """Return the CPU of a message, in µs, for the client."""
    async with EntityPush(url) as push:
        updates = push.subscribe("orders/42")
        await anext(updates)
        began, count = time.process_time(), 0
        async for update in updates:
            count += isinstance(update, Update)
            if count == MESSAGES:
                break
        assert update.cursor == f"5f0c1d2e3a4b.{MESSAGES}"
        return (time.process_time() - began) / MESSAGES * 1e6


def measure(port: int, name: str) -> list[report.Entry]:
    """Measure both in turn; print, and return the entries."""
    url = f"ws://127.0.0.1:{port}/{BURSTS[name]}"
    ways: tuple[Callable[[str], Coroutine[Any, Any, float]], ...] = (bare, client)
    rounds = []
    for number in range(ROUNDS):
        order = ways if number % 2 else ways[::-1]
        found: dict[object, float] = {way: asyncio.run(way(url)) for way in order}
        rounds.append((found[bare], found[client]))
    ratio = statistics.median(ours / alone for alone, ours in rounds)
    least_bare, least_client = (min(column) for column in zip(*rounds, strict=True))
    alone, ours = (statistics.median(column) for column in zip(*rounds, strict=True))
    print(
        f"{name:>15}: {ours:5.1f} µs CPU per message, bare {alone:5.1f}; median of ratios {ratio:.2f};"
        f" least {least_client:.1f} and {least_bare:.1f}, {least_client / least_bare:.2f}"
    )
    told = f"client_cpu: {{}}, {name}"
    return [
        report.entry(
            told.format("CPU per message over bare websockets, median of ratios"), ratio, "ratio", MOST
        ),
        report.entry(told.format("CPU per message, least of the rounds"), least_client, "µs", least_bare),
    ]


def main() -> None:
    """Measure, print, and add to build/bench.json."""
    print(f"target: at most {MOST} x bare websockets")
    ours, ports = multiprocessing.Pipe()
    server = multiprocessing.Process(target=_serve, args=(ports,), daemon=True)
    server.start()
    port = ours.recv()
    report.write([entry for name in BURSTS for entry in measure(port, name)])
    server.terminate()


if __name__ == "__main__":
    main()

"""A chat on the local AWS: 200 clients, and every line reaches each of them exactly once.

    python -m benchmarks.chat [--clients 200] [--lines 100] [--rate 2]

The clients behave like people with `wscat -s websocket -s <token>`. Each client is a user of its own. The
clients send lines with `onMessage`, together at a steady rate. Everyone's channel brings each line to all.
The time is from sending a line to each of its frames, over all pairs of a line and a client. The emulator and
the 200 clients share this machine, so the times show the app's queueing rather than the speed of AWS.
"""

import argparse
import asyncio
import json
import random
import statistics
import sys
import time
from collections import Counter
from contextlib import AsyncExitStack
from dataclasses import dataclass, field

from websockets.asyncio.client import ClientConnection, connect

from benchmarks import report
from local.aws import LocalAws
from local.deployment import Outputs, deploy
from operations.minting import TokenSigner

AT_ONCE = 20
"""Connections that are opened at the same time."""

QUIET_SECONDS = 60.0
"""The longest wait for frames after the last line."""

LINGER_SECONDS = 3.0
"""The time of listening for frames that come twice, after all lines are there."""


@dataclass
class Chat:
    """A chat's lines and their frames.

    Attributes:
        sent: the time of sending each line, in seconds of `time.perf_counter`, by line.
        seconds: the seconds from sending a line to each of its frames.
        received: the number of frames of a line for a client, by client and line.
        refused: frames that are neither a `Broadcast` nor `published`.
    """

    sent: dict[int, float] = field(default_factory=dict)
    seconds: list[float] = field(default_factory=list)
    received: Counter[tuple[int, int]] = field(default_factory=Counter)
    refused: list[str] = field(default_factory=list)

    async def listen(self, client: int, socket: ClientConnection) -> None:
        """Note the lines that a client gets."""
        async for text in socket:
            frame = json.loads(text)
            if frame.get("type") == "Broadcast":
                self.seconds.append(time.perf_counter() - self.sent[frame["message"]])
                self.received[client, frame["message"]] += 1
            elif frame.get("type") != "published":
                self.refused.append(str(text))


async def _chat(urls_and_tokens: list[tuple[str, str]], lines: int, rate: float) -> Chat:
    chat, doors = Chat(), asyncio.Semaphore(AT_ONCE)
    async with AsyncExitStack() as stack:

        async def join(url: str, token: str) -> ClientConnection:
            async with doors:
                bearer = {"Authorization": f"Bearer {token}"}
                connecting = connect(
                    url, additional_headers=bearer, proxy=None, open_timeout=60, ping_interval=None
                )
                return await stack.enter_async_context(connecting)

        sockets = await asyncio.gather(*(join(*each) for each in urls_and_tokens))
        print(f"  {len(sockets)} clients are connected", flush=True)
        listening = [
            asyncio.create_task(chat.listen(number, socket)) for number, socket in enumerate(sockets)
        ]
        await _talk(chat, sockets, lines, rate)
        give_up = time.monotonic() + QUIET_SECONDS
        while len(chat.received) < lines * len(sockets) and time.monotonic() < give_up:
            await asyncio.sleep(0.2)
        await asyncio.sleep(LINGER_SECONDS)
        for task in listening:
            task.cancel()
    return chat


async def _talk(chat: Chat, sockets: list[ClientConnection], lines: int, rate: float) -> None:
    """Send lines, each from a client at random, evenly over the time."""
    began = time.monotonic()
    for line in range(lines):
        await asyncio.sleep(max(0.0, began + line / rate - time.monotonic()))
        chat.sent[line] = time.perf_counter()
        await random.choice(sockets).send(json.dumps({"action": "onMessage", "message": line}))
        if line % max(1, lines // 10) == 0:
            print(f"  {time.monotonic() - began:5.0f} s  {line} lines sent", flush=True)


def _users(aws: LocalAws, outputs: Outputs, clients: int) -> list[tuple[str, str]]:
    """Return a URL and a token for each client. Each client is a user of its own."""
    signer = TokenSigner.of(outputs.stack, aws.client("secretsmanager"))
    names = [f"user-{number}" for number in range(clients)]
    return [(outputs.web_socket_url, signer.token(name, publish=["#everyone"])) for name in names]


def _print(chat: Chat, pairs: int) -> bool:
    """Print the figures; tell whether every line reached every client once."""
    missing = pairs - len(chat.received)
    twice = sum(count - 1 for count in chat.received.values())
    print(f"lines x clients: {pairs:,}; missing: {missing}; more than once: {twice}")
    if chat.refused:
        print(f"{len(chat.refused)} answers are errors, such as {chat.refused[0]}")
    if chat.seconds:
        p50, p99 = _percentile(chat.seconds, 50), _percentile(chat.seconds, 99)
        print(f"from sending a line to a frame of it: p50 {p50:.0f} ms, p99 {p99:.0f} ms")
    return not (missing or twice or chat.refused)


def _percentile(seconds: list[float], percent: int) -> float:
    return statistics.quantiles(seconds, n=100, method="inclusive")[percent - 1] * 1000


def main() -> int:
    """Chat, print, and add to build/bench.json; return 0 if every line reached every client once."""
    parser = argparse.ArgumentParser(description="A chat on the local AWS.")
    parser.add_argument("--clients", type=int, default=200, help="how many (default: %(default)s)")
    parser.add_argument("--lines", type=int, default=100, help="how many in all (default: %(default)s)")
    parser.add_argument("--rate", type=float, default=2.0, help="lines per second (default: %(default)s)")
    options = parser.parse_args()
    with LocalAws(port=0) as aws:
        outputs = deploy(aws)
        users = _users(aws, outputs, options.clients)
        chat = asyncio.run(_chat(users, options.lines, options.rate))
    good = _print(chat, options.clients * options.lines)
    if good:
        name = f"chat: {options.clients} clients, {options.rate:g} lines/s, line to frame"
        report.write(
            [
                report.entry(f"{name}, p{percent}", _percentile(chat.seconds, percent), "ms")
                for percent in (50, 99)
            ]
        )
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())

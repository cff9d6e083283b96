"""A chat on the local AWS: 200 clients, and every line reaches each of them exactly once.

    python -m benchmarks.chat [--clients 200] [--lines 100] [--rate 2]

Each client is the published Python client, and a user of its own. The clients publish lines to everyone,
together at a steady rate, and each follows everyone's channel. The time is from publishing a line to each
client's `async for`, over all pairs of a line and a client: what an application sees. The emulator and the
clients share this machine, so the times show the app's queueing rather than the speed of AWS.
"""

import argparse
import asyncio
import random
import statistics
import sys
import time
from collections import Counter
from contextlib import AsyncExitStack
from dataclasses import dataclass, field

from entity_push_client import Channel, EntityPush, EntityPushError, Subscription, Update

from benchmarks import report
from local.aws import LocalAws
from local.deployment import Outputs, deploy
from operations.minting import TokenSigner

AT_ONCE = 20
"""Connections that are opened at the same time."""

QUIET_SECONDS = 60.0
"""The longest wait for updates after the last line."""

LINGER_SECONDS = 3.0
"""The time of listening for updates that come twice, after all lines are there."""


@dataclass
class Chat:
    """A chat's lines, and who was shown them.

    Attributes:
        sent: the time of publishing each line, in seconds of `time.perf_counter`, by line.
        seconds: the seconds from publishing a line until each client showed it.
        received: how often a line was shown to a client, by client and line.
        refused: what went wrong: lines that were refused, and errors that a client was told of.
    """

    sent: dict[int, float] = field(default_factory=dict)
    seconds: list[float] = field(default_factory=list)
    received: Counter[tuple[int, int]] = field(default_factory=Counter)
    refused: list[str] = field(default_factory=list)

    async def listen(self, client: int, everyone: Subscription[None, int]) -> None:
        """Note the lines that a client shows."""
        async for change in everyone:
            if isinstance(change, Update):
                self.seconds.append(time.perf_counter() - self.sent[change.message])
                self.received[client, change.message] += 1

    def told(self, error: EntityPushError) -> None:
        """Note an error."""
        self.refused.append(f"{error.code}: {error}")

    async def say(self, client: EntityPush, line: int) -> None:
        """Publish a line."""
        self.sent[line] = time.perf_counter()
        try:
            await client.publish(Channel.EVERYONE, line)
        except EntityPushError as error:
            self.told(error)


async def _chat(urls_and_tokens: list[tuple[str, str]], lines: int, rate: float) -> Chat:
    chat, doors = Chat(), asyncio.Semaphore(AT_ONCE)
    async with AsyncExitStack() as stack:

        async def join(number: int, url: str, token: str) -> EntityPush:
            async with doors:

                async def fetch_token(_failure: object) -> str:
                    return token

                client = EntityPush(url, token=fetch_token, on_error=chat.told)
                await stack.enter_async_context(client)
                everyone = client.subscribe(Channel.EVERYONE)
                stack.callback(asyncio.create_task(chat.listen(number, everyone)).cancel)
                await everyone.ready()
                return client

        joining = (join(number, *each) for number, each in enumerate(urls_and_tokens))
        clients = await asyncio.gather(*joining)
        print(f"  {len(clients)} clients are connected", flush=True)
        await _talk(chat, clients, lines, rate)
        give_up = time.monotonic() + QUIET_SECONDS
        while len(chat.received) < lines * len(clients) and time.monotonic() < give_up:
            await asyncio.sleep(0.2)
        await asyncio.sleep(LINGER_SECONDS)
    return chat


async def _talk(chat: Chat, clients: list[EntityPush], lines: int, rate: float) -> None:
    """Publish lines, each by a client at random, evenly over the time."""
    began = time.monotonic()
    async with asyncio.TaskGroup() as saying:
        for line in range(lines):
            await asyncio.sleep(max(0.0, began + line / rate - time.monotonic()))
            saying.create_task(chat.say(random.choice(clients), line))
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
        print(f"{len(chat.refused)} errors, such as {chat.refused[0]}")
    if chat.seconds:
        p50, p99 = _percentile(chat.seconds, 50), _percentile(chat.seconds, 99)
        print(f"from publishing a line to its update: p50 {p50:.0f} ms, p99 {p99:.0f} ms")
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

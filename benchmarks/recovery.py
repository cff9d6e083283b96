"""A recovery storm: all clients are cut at once while updates go on. When is everybody whole again?

    python -m benchmarks.recovery [--clients 1000] [--entities 20] [--updates-per-second 20]

Without `--clients`, there is only the simulation. With it, clients of the Python library follow one entity
each on the local AWS, through a proxy that resets all connections at once. A client is whole when it is
subscribed again and has shown the newest update, as an observer that was not cut knows it. The baseline is
connecting alone: as many bare WebSockets, opened by the same rule for pauses, with nothing to subscribe to.

The simulation has 100,000 clients with the library's own pauses, and API Gateway's quota of 500 new
connections per second (https://docs.aws.amazon.com/apigateway/latest/developerguide/limits.html). Its
baseline is what the quota allows: clients / 500.
"""

import argparse
import asyncio
import contextlib
import heapq
import json
import random
import time
from urllib.parse import urlsplit, urlunsplit

from entity_push_client import Backoff, EntityPush, Reset, Update
from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException

from benchmarks import report
from local.aws import LocalAws
from local.deployment import Outputs, deploy
from operations.minting import TokenSigner
from testbed.faulty_proxy import Fate, Fault, FaultyProxy

CONNECTS_PER_SECOND = 500.0
HANDSHAKE_SECONDS = 0.2
ANSWER_SECONDS = 0.2
AT_ONCE = 25
"""Clients that are started at once at first: the storm comes later."""

GIVE_UP_SECONDS = 300.0


class Follower:
    """A client that follows one entity.

    Attributes:
        number: the last update shown; 0 before the first.
        faults: updates that left a hole, came twice, or needed a reset after the first.
    """

    def __init__(self, url: str, token: str, entity_id: str):
        self.entity_id, self.number, self.faults = entity_id, 0, 0
        self._push = EntityPush(url, token=lambda _failure: _answer(token))
        self._subscription = self._push.subscribe(entity_id)

    @property
    def is_subscribed(self) -> bool:
        """Whether the server has answered on the present connection."""
        return self._subscription.state.name == "subscribed"

    async def ready(self) -> None:
        """Wait for the first answer."""
        await self._subscription.ready()

    async def follow(self) -> None:
        """Take what is shown, for ever."""
        resets = 0
        async for change in self._subscription:
            match change:
                case Reset(latest=latest):
                    resets += 1
                    self.faults += resets > 1
                    self.number = (latest and latest.sequence) or 0
                case Update():
                    self.faults += change.sequence != self.number + 1
                    self.number = change.sequence or 0

    async def close(self) -> None:
        """Close the client."""
        await self._push.close()


async def _answer(token: str) -> str:
    return token


class Storm:
    """The clients of one run.

    Args:
        aws: the local AWS.
        outputs: the deployment's.
        clients: how many.
        entities: how many different ones they follow.
    """

    def __init__(self, aws: LocalAws, outputs: Outputs, clients: int, entities: int):
        self._aws, self._outputs, self._count = aws, outputs, clients
        self._entities = [f"storm/{number}" for number in range(entities)]
        signer = TokenSigner.of(outputs.stack, aws.client("secretsmanager"))
        self._heads: dict[str, int] = {}
        self._token = signer.token("storm", subscribe=["storm/*"], seconds=3600)

    async def measure(self, per_second: float) -> tuple[float, float, int]:
        """Return the seconds until all are whole, those of connecting alone, and the faults."""
        parts = urlsplit(self._outputs.web_socket_url)
        assert parts.hostname is not None
        assert parts.port is not None
        async with FaultyProxy(parts.hostname, parts.port, fates=lambda: Fate(Fault.NONE, 3600)) as proxy:
            url = urlunsplit(parts._replace(netloc=f"127.0.0.1:{proxy.port}"))
            alone = await self._connect_alone(url, proxy)
            whole, faults = await self._recover(url, proxy, per_second)
        return whole, alone, faults

    async def _connect_alone(self, url: str, proxy: FaultyProxy) -> float:
        backoff, began = Backoff(), time.monotonic()

        async def open_one() -> None:
            for attempt in range(1, 1000):
                await asyncio.sleep(backoff.pause(attempt, random.random))
                with contextlib.suppress(OSError, TimeoutError, WebSocketException):
                    bearer = {"Authorization": f"Bearer {self._token}"}
                    await connect(url, additional_headers=bearer, proxy=None, open_timeout=60)
                    return

        await asyncio.gather(*(open_one() for _ in range(self._count)))
        took = time.monotonic() - began
        proxy.reset_all()
        return took

    async def _recover(self, url: str, proxy: FaultyProxy, per_second: float) -> tuple[float, int]:
        names = self._entities
        observers = [Follower(self._outputs.web_socket_url, self._token, name) for name in names]
        clients = [Follower(url, self._token, names[number % len(names)]) for number in range(self._count)]
        everybody = [*observers, *clients]
        following = [asyncio.create_task(one.follow()) for one in everybody]
        for start in range(0, len(everybody), AT_ONCE):
            await asyncio.gather(*(one.ready() for one in everybody[start : start + AT_ONCE]))
        print(f"  {len(clients):,} clients are connected", flush=True)
        putting = asyncio.create_task(self._put(per_second))
        await asyncio.sleep(5)
        cut = time.monotonic()
        print(f"  {proxy.reset_all():,} connections are cut", flush=True)
        await asyncio.sleep(0.5)
        while not self._are_whole(clients):
            if time.monotonic() > cut + GIVE_UP_SECONDS:
                missing = sum(not one.is_subscribed for one in clients)
                raise TimeoutError(f"{missing} clients are not subscribed after {GIVE_UP_SECONDS:.0f} s")
            heads = {one.entity_id: one.number for one in observers}
            await asyncio.sleep(1)
            self._heads = heads
        whole = time.monotonic() - cut
        for task in (putting, *following):
            task.cancel()
        await asyncio.gather(putting, *following, *(one.close() for one in everybody), return_exceptions=True)
        return whole, sum(one.faults for one in everybody)

    def _are_whole(self, clients: list[Follower]) -> bool:
        """Tell whether all have what the observers had a second ago."""
        return bool(self._heads) and all(
            one.is_subscribed and one.number >= self._heads[one.entity_id] for one in clients
        )

    async def _put(self, per_second: float) -> None:
        events = self._aws.client("events")
        began = time.monotonic()
        for number in range(1_000_000):
            await asyncio.sleep(max(0.0, began + number / per_second - time.monotonic()))
            detail = json.dumps({"entityId": random.choice(self._entities), "message": number})
            entry = {"Source": "storm", "DetailType": "Entity Updated", "Detail": detail}
            await asyncio.to_thread(events.put_events, Entries=[entry])


def simulate(clients: int, *, seed: int = 1) -> float:
    """Return the seconds until all are whole, of which API Gateway takes 500 new ones per second."""
    chance, backoff = random.Random(seed), Backoff()
    coming = [(backoff.pause(1, chance.random), 1) for _ in range(clients)]
    heapq.heapify(coming)
    tokens, before, last = CONNECTS_PER_SECOND, 0.0, 0.0
    while coming:
        now, attempt = heapq.heappop(coming)
        tokens = min(CONNECTS_PER_SECOND, tokens + (now - before) * CONNECTS_PER_SECOND)
        before = now
        if tokens >= 1:
            tokens -= 1
            last = max(last, now + HANDSHAKE_SECONDS + ANSWER_SECONDS)
        else:
            again = now + HANDSHAKE_SECONDS + backoff.pause(attempt + 1, chance.random)
            heapq.heappush(coming, (again, attempt + 1))
    return last


def main() -> None:
    """Measure, print, and add to build/bench.json."""
    parser = argparse.ArgumentParser(description="All clients are cut at once, on the local AWS.")
    add = parser.add_argument
    add("--clients", type=int, default=0, help="cut so many on the local AWS, too; it takes minutes")
    add("--entities", type=int, default=20, help="(default: %(default)s)")
    add("--updates-per-second", type=float, default=20, help="(default: %(default)s)")
    options = parser.parse_args()
    entries = []
    for clients in (10_000, 100_000):
        allowed = clients / CONNECTS_PER_SECOND
        took = simulate(clients)
        print(f"simulated, {clients:,} clients: whole after {took:.0f} s; the quota allows {allowed:.0f} s")
        entries.append(report.entry(f"recovery: {clients} clients, simulated", took, "s", allowed))
    if not options.clients:
        report.write(entries)
        return
    with LocalAws(port=0) as aws:
        storm = Storm(aws, deploy(aws), options.clients, options.entities)
        whole, alone, faults = asyncio.run(storm.measure(options.updates_per_second))
    print(f"{options.clients:,} clients: whole after {whole:.1f} s; connecting alone {alone:.1f} s")
    print(f"lost, twice, or reset: {faults}")
    entries.append(report.entry(f"recovery: {options.clients} clients on the local AWS", whole, "s", alone))
    entries.append(report.entry("recovery: updates lost or shown twice", faults, "updates"))
    report.write(entries)


if __name__ == "__main__":
    main()

"""A recovery storm: all clients are cut at once while updates go on. When is everybody whole again?

    python -m benchmarks.recovery [--clients 500] [--entities 50] [--updates-per-second 2]

With `--clients 0`, there is only the simulation. Else clients of the Python library follow one entity each on
the local AWS, through a proxy that resets all connections at once. A client is whole when it is
subscribed again and has shown the newest update, as an observer that was not cut knows it. The baseline is
connecting alone: as many bare WebSockets are cut at once, too. They come back by the same rule for pauses,
and have nothing to catch up with. They are raw sockets, since the library is what is measured.

The proxy refuses connections above a quota with 429, as API Gateway does; 10 per second is what the local AWS
can do on two cores. Without it, handshakes would queue up there, which they do on no AWS.

Each client is a user of its own: the deployment refuses a user's 51st connection (`connectionsPerUser`).

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
from collections.abc import Callable
from urllib.parse import urlsplit, urlunsplit

from entity_push_client import Backoff, EntityPush, Reset, SubscriptionState, Update
from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException

from benchmarks import report
from local.aws import LocalAws
from local.deployment import Outputs, deploy
from operations.minting import TokenSigner
from testbed.faulty_proxy import Fate, Fault, FaultyProxy

CONNECTS_PER_SECOND = 500.0
SIMULATED_HANDSHAKE_SECONDS = 0.2
ANSWER_SECONDS = 0.2
AT_ONCE = 25
"""Clients that are started at once at first: the storm comes later."""

HANDSHAKE_SECONDS = 30.0
"""How long a handshake may take, here and in the library."""

QUIET_SECONDS = 5.0
LOOK_SECONDS = 0.25

GIVE_UP_SECONDS = 600.0
PROGRESS_SECONDS = 5.0


class Follower:
    """A client that follows one entity.

    Attributes:
        number: the last update shown; 0 before the first.
        faults: updates that left a hole, came twice, or needed a reset after the first.
        taken: how many updates were shown.
        subscribed: on how many connections the server has answered.
    """

    def __init__(self, url: str, token: str, entity_id: str):
        self.entity_id, self.number = entity_id, 0
        self.faults = self.taken = self.subscribed = 0
        self._push = EntityPush(url, token=lambda _failure: _answer(token))
        self._subscription = self._push.subscribe(entity_id, on_state=self._turned)

    def _turned(self, state: SubscriptionState) -> None:
        self.subscribed += state.name == "subscribed"

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
                    self.taken += 1

    async def close(self) -> None:
        """Close the client."""
        await self._push.close()


async def _answer(token: str) -> str:
    return token


class Quota:
    """Admits so many new connections per second, in bursts of a second, as API Gateway does.

    Args:
        per_second: the quota.
        now: tells the time, in seconds.
    """

    def __init__(self, per_second: float, now: Callable[[], float]):
        self._per_second, self._now = per_second, now
        self._free, self._before = per_second, now()

    def admits(self) -> bool:
        """Tell whether a connection may be opened now, and count it if so."""
        now = self._now()
        self._free = min(self._per_second, self._free + (now - self._before) * self._per_second)
        self._before = now
        if self._free < 1:
            return False
        self._free -= 1
        return True


class Bare:
    """A WebSocket without a library, which connects by the library's rule for pauses.

    Attributes:
        opened: how often it was connected.
    """

    def __init__(self, url: str, token: str):
        self._url, self._headers = url, {"Authorization": f"Bearer {token}"}
        self.opened = 0

    async def keep(self) -> None:
        """Keep a connection, for ever."""
        backoff, attempt = Backoff(), 0
        while True:
            await asyncio.sleep(backoff.pause(attempt, random.random) if attempt else 0)
            attempt += 1
            with contextlib.suppress(OSError, TimeoutError, WebSocketException):
                async with connect(
                    self._url,
                    additional_headers=self._headers,
                    proxy=None,
                    open_timeout=HANDSHAKE_SECONDS,
                    ping_interval=None,
                ) as socket:
                    self.opened, attempt = self.opened + 1, 1
                    await socket.wait_closed()


class Storm:
    """The clients of one run.

    Args:
        aws: the local AWS.
        outputs: the deployment's.
        clients: how many.
        entities: how many different ones they follow.
        quota: admits new connections after a cut.
    """

    def __init__(self, aws: LocalAws, outputs: Outputs, clients: int, entities: int, quota: Quota):
        self._quota, self._has_quota = quota, False
        self._aws, self._outputs, self._count = aws, outputs, clients
        self._entities = [f"storm/{number}" for number in range(entities)]
        self._signer = TokenSigner.of(outputs.stack, aws.client("secretsmanager"))

    def _token(self, name: str) -> str:
        """Return a token of a user of its own."""
        return self._signer.token(name, subscribe=["storm/*"], seconds=3600)

    async def measure(self, per_second: float) -> tuple[float, float, int]:
        """Return the seconds until all are whole, those of connecting alone, and the faults."""
        parts = urlsplit(self._outputs.web_socket_url)
        assert parts.hostname is not None
        assert parts.port is not None
        async with FaultyProxy(
            parts.hostname,
            parts.port,
            fates=lambda: Fate(Fault.NONE, 3600),
            admits=lambda: not self._has_quota or self._quota.admits(),
        ) as proxy:
            url = urlunsplit(parts._replace(netloc=f"127.0.0.1:{proxy.port}"))
            alone = await self._connect_alone(url, proxy)
            whole, faults = await self._recover(url, proxy, per_second)
        return whole, alone, faults

    def _cut(self, proxy: FaultyProxy) -> float:
        """Cut all connections; return the time of it."""
        self._has_quota = True
        print(f"  {proxy.reset_all():,} connections are cut", flush=True)
        return time.monotonic()

    async def _connect_alone(self, url: str, proxy: FaultyProxy) -> float:
        bare = [Bare(url, self._token(f"bare-{number}")) for number in range(self._count)]
        keeping = []
        for start in range(0, len(bare), AT_ONCE):
            some = bare[start : start + AT_ONCE]
            keeping += [asyncio.create_task(one.keep()) for one in some]
            await _until(lambda: sum(one.opened for one in bare), len(keeping), "are connected")
        print(f"  {len(bare):,} bare WebSockets are connected", flush=True)
        await asyncio.sleep(QUIET_SECONDS)
        began = self._cut(proxy)
        await _until(lambda: sum(one.opened > 1 for one in bare), len(bare), "are connected again")
        took = time.monotonic() - began
        self._has_quota = False
        for task in keeping:
            task.cancel()
        proxy.reset_all()
        await asyncio.gather(*keeping, return_exceptions=True)
        await asyncio.sleep(QUIET_SECONDS)
        return took

    async def _recover(self, url: str, proxy: FaultyProxy, per_second: float) -> tuple[float, int]:
        names = self._entities
        observers = [Follower(self._outputs.web_socket_url, self._token(name), name) for name in names]
        clients = [
            Follower(url, self._token(f"client-{number}"), names[number % len(names)])
            for number in range(self._count)
        ]
        everybody = [*observers, *clients]
        following = []
        for start in range(0, len(everybody), AT_ONCE):
            some = everybody[start : start + AT_ONCE]
            following += [asyncio.create_task(one.follow()) for one in some]
            await _until(lambda: sum(one.subscribed for one in everybody), len(following), "are subscribed")
        print(f"  {len(clients):,} clients are subscribed", flush=True)
        putting = asyncio.create_task(self._put(per_second))
        await asyncio.sleep(QUIET_SECONDS)
        cut = self._cut(proxy)
        heads: dict[str, int] = {}

        def whole() -> int:
            """Return how many have what the observers had at the last look."""
            count = sum(one.subscribed > 1 and one.number >= heads.get(one.entity_id, 0) for one in clients)
            heads.update({one.entity_id: one.number for one in observers})
            return count

        whole()
        await asyncio.sleep(LOOK_SECONDS)
        await _until(whole, len(clients), "are whole")
        took = time.monotonic() - cut
        putting.cancel()
        print(f"  {sum(one.taken for one in clients):,} updates were shown", flush=True)
        for task in following:
            task.cancel()
        await asyncio.gather(putting, *following, *(one.close() for one in everybody), return_exceptions=True)
        return took, sum(one.faults for one in everybody)

    async def _put(self, per_second: float) -> None:
        events = self._aws.client("events")
        began = time.monotonic()
        for number in range(1_000_000):
            await asyncio.sleep(max(0.0, began + number / per_second - time.monotonic()))
            detail = json.dumps({"entityId": random.choice(self._entities), "message": number})
            entry = {"Source": "storm", "DetailType": "Entity Updated", "Detail": detail}
            await asyncio.to_thread(events.put_events, Entries=[entry])


async def _until(count: Callable[[], int], wanted: int, words: str) -> None:
    """Wait until a count is reached; print it now and then.

    Raises:
        TimeoutError: it took too long.
    """
    began = told = time.monotonic()
    while (found := count()) < wanted:
        now = time.monotonic()
        if now > began + GIVE_UP_SECONDS:
            raise TimeoutError(f"only {found} of {wanted} {words} after {GIVE_UP_SECONDS:.0f} s")
        if now > told + PROGRESS_SECONDS:
            told = now
            print(f"  {now - began:5.0f} s  {found:,} of {wanted:,} {words}", flush=True)
        await asyncio.sleep(LOOK_SECONDS)


def simulate(clients: int, *, seed: int = 1) -> float:
    """Return the seconds until all are whole, of which API Gateway takes 500 new ones per second."""
    chance, backoff = random.Random(seed), Backoff()
    coming = [(backoff.pause(1, chance.random), 1) for _ in range(clients)]
    heapq.heapify(coming)
    now, last = 0.0, 0.0
    quota = Quota(CONNECTS_PER_SECOND, lambda: now)
    while coming:
        now, attempt = heapq.heappop(coming)
        if quota.admits():
            last = max(last, now + SIMULATED_HANDSHAKE_SECONDS + ANSWER_SECONDS)
        else:
            again = now + SIMULATED_HANDSHAKE_SECONDS + backoff.pause(attempt + 1, chance.random)
            heapq.heappush(coming, (again, attempt + 1))
    return last


def main() -> None:
    """Measure, print, and add to build/bench.json."""
    parser = argparse.ArgumentParser(description="All clients are cut at once, on the local AWS.")
    add = parser.add_argument
    add("--clients", type=int, default=500, help="cut on the local AWS; 0: none (default: %(default)s)")
    add("--entities", type=int, default=50, help="(default: %(default)s)")
    add("--updates-per-second", type=float, default=2, help="(default: %(default)s)")
    add("--connects-per-second", type=float, default=10, help="the quota here (default: %(default)s)")
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
    quota = Quota(options.connects_per_second, time.monotonic)
    with LocalAws(port=0) as aws:
        storm = Storm(aws, deploy(aws), options.clients, options.entities, quota)
        whole, alone, faults = asyncio.run(storm.measure(options.updates_per_second))
    print(f"{options.clients:,} clients: whole after {whole:.1f} s; connecting alone {alone:.1f} s")
    print(
        f"ratio {whole / alone:.2f}; the quota allows {options.clients / options.connects_per_second:.0f} s"
    )
    print(f"lost, twice, or reset: {faults}")
    entries.append(report.entry(f"recovery: {options.clients} clients on the local AWS", whole, "s", alone))
    entries.append(report.entry("recovery: updates lost or shown twice", faults, "updates"))
    report.write(entries)


if __name__ == "__main__":
    main()

"""Driving one client through virtual time, until it and the network are at rest.

After each step the driver waits until they are. So what has not happened by then does not happen, and a
scenario can say that something must not happen, without real time.
"""

import asyncio
import time
from collections.abc import Callable

from clients.conformance.adapter import Adapter, Report
from clients.conformance.calls import Calls
from clients.conformance.expecting import NOTHING, Seen
from clients.conformance.frames import Json
from clients.conformance.server import Server

PATIENCE = 5.0
"""How long a client may take to come to rest after a step, in seconds of real time."""

CLOSE_ENOUGH = 1e-6
MANY_TIMERS = 1000
"""So many timers that are due at one time are a loop."""


class ConformanceError(Exception):
    """The client did not do what the scenario expects."""


class Driver:
    """Drives one client.

    Attributes:
        server: the scripted server.
        adapter: the client's adapter; it must be started.
        now: the client's clock.
        seen: what the client has done.
        calls: the client's calls of the application's functions.
    """

    def __init__(self, server: Server, log: Callable[[str], None] = lambda _line: None) -> None:
        self.server = server
        self.adapter: Adapter
        self.now = 0.0
        self._log = log
        self._reports = 0
        self._begin_anew()

    def _begin_anew(self) -> None:
        self.now = 0.0
        self.seen = Seen()
        self.calls = Calls()
        self._make_client: Json = {}

    def report(self, report: Report) -> None:
        """Take a report of the adapter."""
        self._reports += 1
        name = report.get("as", "client")
        match report["report"]:
            case "call":
                self.calls.take(report)
            case "reset" | "update":
                self.seen.shown[name].append(report)
            case "state":
                self.seen.states[name] = report
            case "error":
                self.seen.errors.append(report)
            case "published" | "rejected":
                self.seen.outcomes[name] = report
            case "ready":
                self.seen.ready[name] = report

    async def begin(self, *, pongs: bool = True, options: Json | None = None, tokens: bool = True) -> None:
        """Begin a scenario: a new client, a clock at 0."""
        self.adapter.order("begin")
        self.server.begin(pongs=pongs)
        await self.adapter.sync()
        self._begin_anew()
        without = NOTHING if tokens else {"token": False}
        self._make_client = {"url": self.server.url, "options": options or {}, **without}
        self.adapter.order("client", **self._make_client)
        await self.settle()

    async def settle(self) -> None:
        """Wait until the client and the network are at rest.

        Raises:
            ConformanceError: they don't come to rest, or the client has broken a rule that always holds.
        """
        deadline = time.monotonic() + PATIENCE
        while True:
            before = self._reports + self.server.activity
            await self._pinged()
            synced = await self.adapter.sync()
            self.now = synced.now
            for answer in self.calls.answers():
                self.adapter.order_exactly(answer)
                before = -1
            await self._pinged()
            if self.server.breaches:
                raise ConformanceError("the client broke the protocol: " + "; ".join(self.server.breaches))
            agreed = self.server.agrees(synced.opened, synced.closed)
            if agreed and self._reports + self.server.activity == before:
                return
            if time.monotonic() > deadline:
                ended = sum(one.ended for one in self.server.connections)
                raise ConformanceError(
                    "the client does not come to rest: it has opened"
                    f" {synced.opened} connections and knows that {synced.closed} are closed;"
                    f" the server has seen {len(self.server.connections)} and {ended}"
                )
            if not agreed:
                await asyncio.sleep(0.001)

    async def _pinged(self) -> None:
        try:
            await asyncio.wait_for(self.server.ping_all(), PATIENCE)
        except TimeoutError:
            raise ConformanceError("the client does not read: a WebSocket ping has no pong") from None

    async def advance(self, seconds: float, unless: Callable[[], bool] = lambda: False) -> None:
        """Let time pass, from one of the client's timers to the next.

        Args:
            seconds: how much.
            unless: ends it early, once it is true.
        """
        until = self.now + seconds
        still = 0
        while (left := until - self.now) > CLOSE_ENOUGH and not unless():
            before = self.now
            self.adapter.order("advance", seconds=round(left, 6))
            await self.settle()
            still = still + 1 if self.now == before else 0
            if still > MANY_TIMERS:
                raise ConformanceError(f"the client's timers stop the clock at {self.now} s")

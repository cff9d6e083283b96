"""Clients under load: they connect, publish, and note what each of them shows, and when."""

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field

from entity_push_client import EntityPush, EntityPushError, HandshakeError, OutcomeUnknownError, Reset, Update

from operations.load_plan import Plan

PROGRESS_SECONDS = 5.0

CONNECT_SECONDS = 60.0
"""How long clients may take to be subscribed, after the last has begun."""

QUIET_SECONDS = 30.0
"""How long nothing may come before the updates that are missing count as lost."""

LINGER_SECONDS = 2.0
"""How long is listened for updates that come twice, after all have come."""

LOOK_SECONDS = 0.2

Tokens = Callable[[int], str | None]
"""Returns the token of a client, by its number; None for a deployment that takes none."""


@dataclass
class Tally:
    """What has happened so far.

    Attributes:
        sent: when each update was published, in seconds of `time.perf_counter`, by its number.
        shown: how often each client has shown each update, by the numbers of both.
        seconds: from publishing an update to each client's showing it.
        ready: how many clients were subscribed.
        resets: how often a client had to fetch its state anew.
        refused: updates that the deployment did not take.
        doubtful: updates without an answer. Whether they were taken is known when somebody shows them.
        errors: what else clients were told, most of which they make up for.
        last: when an update was last shown, in seconds of `time.perf_counter`; 0 before the first.
    """

    sent: dict[int, float] = field(default_factory=dict)
    shown: Counter[tuple[int, int]] = field(default_factory=Counter)
    seconds: list[float] = field(default_factory=list)
    ready: int = 0
    resets: int = 0
    refused: set[int] = field(default_factory=set)
    doubtful: set[int] = field(default_factory=set)
    errors: Counter[str] = field(default_factory=Counter)
    last: float = 0.0

    def note_error(self, error: EntityPushError) -> None:
        """Count what a client was told."""
        self.errors[f"{error.code}: {error}"] += 1

    @property
    def unknown(self) -> set[int]:
        """Updates that may have been taken: there was no answer, and no client has shown them."""
        return self.doubtful - {update for _, update in self.shown}

    def is_complete(self, plan: Plan) -> bool:
        """Tell whether nothing more can come."""
        return not self.lost(plan) and not self.unknown

    def lost(self, plan: Plan) -> int:
        """Return how many updates were not shown, over all clients. What was not taken is not lost."""
        taken = self.sent.keys() - self.refused - self.unknown
        wanted = sum(len(plan.followers(update % plan.entities)) for update in taken)
        return wanted - sum(update in taken for _, update in self.shown)

    @property
    def twice(self) -> int:
        """How many updates were shown once too often."""
        return sum(count - 1 for count in self.shown.values())


class LoadRun:
    """The clients of one load.

    Args:
        url: the deployment's `WebSocketUrl`.
        tokens: returns their tokens.
        plan: the load.
        entity_prefix: what the ids of the entities begin with.
    """

    def __init__(self, url: str, tokens: Tokens, plan: Plan, entity_prefix: str):
        self._plan, self._prefix, self.tally = plan, entity_prefix, Tally()
        self._clients = [
            EntityPush(url, token=_always(tokens(number)), on_error=self.tally.note_error)
            for number in range(plan.connections)
        ]

    async def run(self) -> None:
        """Connect, publish, and wait until all is shown or nothing more comes."""
        following: list[asyncio.Task[None]] = []
        telling = asyncio.create_task(self._tell())
        try:
            await self._connect(following)
            if self.tally.ready == self._plan.connections:
                await self._publish()
                await self._settle()
        finally:
            for task in (telling, *following):
                task.cancel()
            await asyncio.gather(telling, *following, return_exceptions=True)
            await asyncio.gather(*(client.close() for client in self._clients))

    async def _connect(self, following: list[asyncio.Task[None]]) -> None:
        """Let clients connect evenly over the time, and wait until all are subscribed."""
        began = time.monotonic()
        for number in range(self._plan.connections):
            await _until(began + number / self._plan.connects_per_second)
            following.append(asyncio.create_task(self._follow(number)))
        give_up = time.monotonic() + CONNECT_SECONDS
        while self.tally.ready < self._plan.connections and time.monotonic() < give_up:
            await asyncio.sleep(LOOK_SECONDS)

    async def _follow(self, number: int) -> None:
        subscription = self._clients[number].subscribe(self._entity(number))
        waiting = asyncio.create_task(self._note_ready(subscription.ready()))
        resets = 0
        try:
            async for change in subscription:
                match change:
                    case Reset():
                        self.tally.resets += resets > 0
                        resets += 1
                    case Update():
                        self._note(number, change)
        finally:
            waiting.cancel()

    async def _note_ready(self, ready: Coroutine[None, None, None]) -> None:
        await ready
        self.tally.ready += 1

    def _note(self, number: int, update: Update[dict[str, int]]) -> None:
        tally, now = self.tally, time.perf_counter()
        sent = update.message["number"]
        tally.shown[number, sent] += 1
        tally.seconds.append(now - tally.sent[sent])
        tally.last = now

    def _entity(self, number: int) -> str:
        return f"{self._prefix}{number % self._plan.entities}"

    async def _publish(self) -> None:
        """Publish updates evenly over the time, each by another client."""
        began = time.monotonic()
        async with asyncio.TaskGroup() as publishing:
            for number in range(self._plan.updates):
                await _until(began + number / self._plan.rate)
                publishing.create_task(self._publish_one(number))

    async def _publish_one(self, number: int) -> None:
        message = {"number": number, "filling": "x" * self._plan.message_bytes}
        client = self._clients[number % self._plan.connections]
        self.tally.sent[number] = time.perf_counter()
        try:
            await client.publish(self._entity(number), message)
        except OutcomeUnknownError as error:
            self.tally.doubtful.add(number)
            self.tally.note_error(error)
        except EntityPushError as error:
            self.tally.refused.add(number)
            self.tally.note_error(error)

    async def _settle(self) -> None:
        """Wait until all is shown, or nothing has come for a while."""
        since = time.perf_counter()
        while not self.tally.is_complete(self._plan):
            if time.perf_counter() - max(since, self.tally.last) > QUIET_SECONDS:
                return
            await asyncio.sleep(LOOK_SECONDS)
        await asyncio.sleep(LINGER_SECONDS)

    async def _tell(self) -> None:
        """Print how far it has got, every few seconds."""
        began = time.monotonic()
        while True:
            await asyncio.sleep(PROGRESS_SECONDS)
            tally, plan = self.tally, self._plan
            counts = {
                "subscribed": (tally.ready, plan.connections),
                "published": (len(tally.sent), plan.updates),
                "shown": (len(tally.shown), plan.shown),
            }
            told = ", ".join(f"{count:,} of {all_:,} {what}" for what, (count, all_) in counts.items())
            print(f"  {time.monotonic() - began:5.0f} s  {told}", flush=True)


def _always(token: str | None) -> Callable[[HandshakeError | None], Awaitable[str]] | None:
    """Return a function that returns a token; None without one."""
    if token is None:
        return None

    async def fetch_token(_failure: HandshakeError | None) -> str:
        return token

    return fetch_token


async def _until(when: float) -> None:
    """Sleep until a `time.monotonic()`."""
    await asyncio.sleep(max(0.0, when - time.monotonic()))

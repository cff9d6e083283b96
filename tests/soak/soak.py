"""The published clients on bad networks, while updates are put and workers die; then everything is counted.

Each client is a process of its own, in JavaScript or Python. It connects through a proxy that resets,
half-closes, stalls, delays, swallows and garbles. Its tokens end after seconds, and it changes connections
every few seconds by itself. It follows entities, a pattern, a room, its user's channel and everyone's, and
publishes in the room. At the end the network is good, all clients are quiet, and what each subscription has
shown is held against the table.
"""

import asyncio
import contextlib
import json
import random
import time
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from entity_push.protocol.channels import EVERYONE, entity_channel, user_channel
from entity_push.push.retries import VISIBILITY_SECONDS

from clients.conformance.adapter import AdapterError
from clients.conformance.suite import clients as published_clients
from local.aws import LocalAws
from local.deployment import Outputs
from operations.minting import TokenSigner
from testbed.faulty_proxy import BadDay, Fault, FaultyProxy
from tests.soak.killer import kill
from tests.soak.person import ROOM, Person
from tests.soak.stored import Stored

FOLLOWS = 3
BEGIN_SECONDS = 120
QUIET_SECONDS = 120
PROGRESS_SECONDS = 10
TOKEN_SECONDS = (30, 120)
RESUBSCRIBE_EVERY = 5.0
SAY_EVERY = 1.0

KILLED = (
    "SubscribeFunction",
    "ConnectFunction",
    "AuthorizeFunction",
    "PublishFunction",
)
"""Functions whose workers are killed in every soak. What a client asked them for fails at once."""

DISCONNECT = "DisconnectFunction"
"""What a killed worker of it had taken leaves its connection in the table, until the token ends."""

PUSH = "PushFunction"
"""What a killed worker of it had taken from the queue comes back after `VISIBILITY_SECONDS` only."""

Frame = Mapping[str, Any]


@dataclass(frozen=True)
class Plan:
    """A soak's length, numbers and roughness.

    Attributes:
        seconds: how long updates are put.
        clients: how many of each language.
        updates: how many in all.
        entities: how many different ones.
        languages: which clients; None for all there are.
        longest_until_fault: the most seconds until a connection meets its fault.
        kill_every: seconds between two workers that are killed; None for no killing.
        kills: the functions whose workers are killed.
        seed: of the proxy's faults.
    """

    seconds: float = 300
    clients: int = 10
    updates: int = 3000
    entities: int = 10
    languages: tuple[str, ...] | None = None
    longest_until_fault: float = 30
    kill_every: float | None = 10
    kills: tuple[str, ...] = (*KILLED, DISCONNECT)
    seed: int = 1


@dataclass
class Figures:
    """A soak's counts."""

    updates: int = 0
    killed: list[int] = field(default_factory=list)
    faults: Counter[Fault] = field(default_factory=Counter)
    by_language: dict[str, Counter[str]] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)

    def lines(self) -> list[str]:
        """Return the figures for people."""
        faults = ", ".join(
            f"{count} {fault.name.lower()}" for fault, count in sorted(self.faults.items(), key=str)
        )
        lines = [
            f"updates put: {self.updates:,}; workers killed: {len(self.killed):,}",
            f"what the connections met: {faults}",
        ]
        for language, counts in self.by_language.items():
            told = ", ".join(f"{counts[word]:,} {word}" for word in counts)
            lines.append(f"{language}: {told}")
        lines.append(f"lost, twice, out of order, or held for complete by mistake: {len(self.problems):,}")
        return [*lines, *self.problems[:20]]


class Soak:
    """One run of a plan.

    Args:
        aws: the local AWS.
        outputs: the deployment's.
        plan: the plan.
    """

    def __init__(self, aws: LocalAws, outputs: Outputs, plan: Plan):
        self._aws, self._outputs, self._plan = aws, outputs, plan
        self._stored = Stored(aws, outputs)
        self._signer = TokenSigner.of(outputs.stack, aws.client("secretsmanager"))
        self._entities = [f"soak/{number}" for number in range(plan.entities)]
        self._network = BadDay(random.Random(plan.seed), plan.longest_until_fault)
        self._put: set[str] = set()
        self._before = 0
        self.figures = Figures()
        self.people: dict[str, list[Person]] = {}

    @classmethod
    async def run(cls, aws: LocalAws, outputs: Outputs, plan: Plan) -> Figures:
        """Run a plan against a deployment; return the figures, which name the problems."""
        soak = cls(aws, outputs, plan)
        parts = urlsplit(outputs.web_socket_url)
        assert parts.hostname
        assert parts.port
        async with FaultyProxy(parts.hostname, parts.port, fates=soak._network) as proxy:
            url = urlunsplit(parts._replace(netloc=f"127.0.0.1:{proxy.port}"))
            async with soak._crowd(url):
                await soak._wait_for_first_answers()
                soak._before = _count(soak._heads())
                async with soak._troubles():
                    await soak._put_updates()
                soak._network.quiet = True
                await soak._wait_until_quiet()
            soak.figures.faults = proxy.happened
        soak._compare()
        return soak.figures

    @property
    def _everybody(self) -> list[Person]:
        return [person for people in self.people.values() for person in people]

    @contextlib.asynccontextmanager
    async def _crowd(self, url: str) -> AsyncIterator[None]:
        commands = published_clients()
        for language in self._plan.languages or commands:
            self.people[language] = [
                self._person(f"{language} {number}", commands[language])
                for number in range(self._plan.clients)
            ]
        await asyncio.gather(*(person.begin(url) for person in self._everybody))
        yield
        ends = await asyncio.gather(*(person.end() for person in self._everybody), return_exceptions=True)
        for person, end in zip(self._everybody, ends, strict=True):
            if isinstance(end, AdapterError):
                self.figures.problems.append(f"{person.user}: {end}")

    def _person(self, user: str, command: list[str]) -> Person:
        names = [*random.sample(self._entities, FOLLOWS), "soak/*", ROOM, "(user)", "(everyone)"]

        def token() -> str:
            seconds = random.uniform(*TOKEN_SECONDS)
            return self._signer.token(user, subscribe=["soak/*", ROOM], publish=[ROOM], seconds=seconds)

        return Person(user, command, names=names, stored=self._stored, token=token)

    async def _wait_for_first_answers(self) -> None:
        """Wait for the cold starts of the first clients: updates before their answers would try nothing."""
        give_up = time.monotonic() + BEGIN_SECONDS
        while time.monotonic() < give_up:
            if all(shown.resets for person in self._everybody for shown in person.subscriptions.values()):
                return
            await asyncio.sleep(0.2)
        self.figures.problems.append(f"some clients had no answer in the first {BEGIN_SECONDS} s")

    @contextlib.asynccontextmanager
    async def _troubles(self) -> AsyncIterator[None]:
        """Kill workers, resubscribe and publish meanwhile."""
        tasks = [asyncio.create_task(self._resubscribe()), asyncio.create_task(self._say())]
        if self._plan.kill_every is not None:
            killing = kill(
                self._aws,
                self._plan.kills,
                every=self._plan.kill_every,
                killed=self.figures.killed,
            )
            tasks.append(asyncio.create_task(killing))
        yield
        for task in tasks:
            task.cancel()
        for end in await asyncio.gather(*tasks, return_exceptions=True):
            if not isinstance(end, asyncio.CancelledError):
                self.figures.problems.append(f"the soak itself: {end!r}")

    async def _resubscribe(self) -> None:
        while True:
            await asyncio.sleep(random.uniform(0, 2 * RESUBSCRIBE_EVERY))
            person = random.choice(self._everybody)
            person.subscribe(random.choice(person.names))

    async def _say(self) -> None:
        number = 0
        while True:
            await asyncio.sleep(random.uniform(0, 2 * SAY_EVERY))
            number += 1
            random.choice(self._everybody).say(number)

    async def _put_updates(self) -> None:
        """Put the updates, one at a time, evenly over the plan's time."""
        events, began = self._aws.client("events"), time.monotonic()
        for number in range(self._plan.updates):
            due = began + self._plan.seconds * number / self._plan.updates
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            detail_type, detail = self._update(number)
            entry = {"Source": "soak", "DetailType": detail_type, "Detail": json.dumps(detail)}
            answer = await asyncio.to_thread(events.put_events, Entries=[entry])
            self._put.add(answer["Entries"][0]["EventId"])
            self.figures.updates += 1
            if number % max(1, self._plan.updates // 20) == 0:
                print(f"  {time.monotonic() - began:5.0f} s  {number:,} updates put", flush=True)

    def _update(self, number: int) -> tuple[str, dict[str, Any]]:
        chance = random.random()
        if chance < 0.05:
            return "Broadcast", {"message": number}
        if chance < 0.15:
            user = random.choice(self._everybody).user
            return "Send User Push Notification", {"userId": user, "message": number}
        return "Entity Updated", {"entityId": random.choice(self._entities), "message": number}

    async def _wait_until_quiet(self) -> None:
        quiet = QUIET_SECONDS + (2 * VISIBILITY_SECONDS if PUSH in self._plan.kills else 0)
        began = shown = time.monotonic()
        while time.monotonic() < began + quiet:
            await asyncio.sleep(1)
            heads = await asyncio.to_thread(self._heads)
            missing = sum(not person.has_all(heads) for person in self._everybody)
            numbers = _count(heads)
            waiting = sum(not outcome for person in self._everybody for outcome in person.said.values())
            said = sum(
                outcome == "published" for person in self._everybody for outcome in person.said.values()
            )
            if not missing and not waiting and numbers >= self._before + len(self._put) + said:
                return
            if time.monotonic() > shown + PROGRESS_SECONDS:
                shown = time.monotonic()
                print(
                    f"  {shown - began:5.0f} s  {numbers:,} updates are stored; {missing} clients lack some",
                    flush=True,
                )

    def _channels(self) -> list[str]:
        users = [user_channel(person.user) for person in self._everybody]
        return [*map(entity_channel, [*self._entities, ROOM]), EVERYONE, *users]

    def _heads(self) -> dict[str, str | None]:
        return {channel: self._stored.head(channel) for channel in self._channels()}

    def _compare(self) -> None:
        problems, heads = self.figures.problems, self._heads()
        frames = {channel: self._stored.frames(channel) for channel in self._channels()}
        room = frames[entity_channel(ROOM)]
        stored = Counter(frame["id"] for found in frames.values() for frame in found)
        for event_id in self._put:  # others may have used the deployment before
            if stored[event_id] != 1:
                problems.append(f"the event {event_id} is stored {stored[event_id]} times")
        for channel, found in frames.items():
            if [frame["sequence"] for frame in found] != list(range(1, len(found) + 1)):
                problems.append(f"{channel}: the stored numbers have holes")
        said = Counter((frame["message"]["by"], frame["message"]["number"]) for frame in room)
        for language, people in self.people.items():
            self.figures.by_language[language] = counts = Counter[str]()
            for person in people:
                problems += person.compare(heads, said)
                counts.update(person.counts())


def _count(heads: Mapping[str, str | None]) -> int:
    """Return how many updates histories have, by their heads' cursors."""
    return sum(int(head.rpartition(".")[2]) for head in heads.values() if head)

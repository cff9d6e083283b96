"""Clients that drop and reconnect at random while updates are put; then everything is counted.

Each client is the reference client on a real WebSocket. A client follows a few entities, stays for a while,
loses its connection (half of the time without a close frame), and comes back. At the end all clients are
connected and quiet. Each client's updates are compared with those in the table.
"""

import asyncio
import contextlib
import json
import random
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from entity_push.push.retries import VISIBILITY_SECONDS
from entity_push.table import keys
from entity_push.table.log import Segment
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from local.aws import LocalAws
from local.deployment import Outputs
from operations.minting import TokenSigner
from tests.reference_client import Applied, Place, ReferenceClient, Refetch
from tests.soak.killer import kill

FOLLOWS = 3
QUIET_SECONDS = 120
PROGRESS_SECONDS = 10
HOUR = 3600


@dataclass(frozen=True)
class Plan:
    """A soak's length, numbers and roughness.

    Attributes:
        kill_every: seconds between two workers of the push function that are killed; None for no killing.
    """

    seconds: float = 300
    clients: int = 100
    updates: int = 2000
    entities: int = 20
    longest_stay: float = 30
    kill_every: float | None = None


@dataclass
class Figures:
    """A soak's counts."""

    connections: int = 0
    dropped_without_a_word: int = 0
    updates: int = 0
    applied: int = 0
    caught_up: int = 0
    refetches: int = 0
    killed: list[int] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def lines(self) -> list[str]:
        """Return the figures for people."""
        return [
            f"connections opened:           {self.connections:>8,}",
            f"  lost without a word:        {self.dropped_without_a_word:>8,}",
            f"workers killed:               {len(self.killed):>8,}",
            f"updates put:                  {self.updates:>8,}",
            f"updates that clients applied: {self.applied:>8,}",
            f"  of them caught up with:     {self.caught_up:>8,}",
            f"told to refetch (not at the first subscribe): {self.refetches}",
            f"lost, out of order or twice:  {len(self.problems):>8,}",
            *self.problems[:20],
        ]


class SoakClient:
    """The reference client on a WebSocket that comes and goes."""

    def __init__(self, name: str, url: str, token: str, entities: list[str], figures: Figures):
        self.name, self.entities = name, entities
        self._url, self._token, self._figures = url, token, figures
        self.state = ReferenceClient()
        self.answered = False
        for entity_id in entities:
            self.state.subscribe(entity_id)

    async def run(self, plan: Plan, last: asyncio.Event) -> None:
        """Connect again and again; stay once `last` is set."""
        while True:
            stay = None if last.is_set() else random.uniform(1, plan.longest_stay)
            with contextlib.suppress(ConnectionClosed, OSError, TimeoutError):
                await self._connection(stay, last)
            self.state.disconnected()
            await asyncio.sleep(random.uniform(0, 2) if not last.is_set() else 0.1)

    async def _connection(self, stay: float | None, last: asyncio.Event) -> None:
        bearer = {"Authorization": f"Bearer {self._token}"}
        async with connect(
            self._url, additional_headers=bearer, proxy=None, open_timeout=30, max_size=None
        ) as socket:
            self._figures.connections += 1
            self.state.connected()
            ends = None if stay is None else time.monotonic() + stay
            while ends is None or time.monotonic() < ends:
                while self.state.outgoing:
                    await socket.send(json.dumps(self.state.outgoing.popleft()))
                with contextlib.suppress(TimeoutError):
                    self._take(json.loads(await asyncio.wait_for(socket.recv(), 1)))
                if last.is_set():
                    ends = None
            await self._leave(socket)

    async def _leave(self, socket: ClientConnection) -> None:
        if random.random() < 0.5:
            self._figures.dropped_without_a_word += 1
            socket.transport.abort()

    def _take(self, frame: Mapping[str, Any]) -> None:
        for answer in frame.get("answers", [frame]):
            if answer.get("type") == "subscribed":
                self.answered = True
                self._figures.caught_up += len(answer["updates"])
        self.state.receive(dict(frame))

    def is_at(self, heads: Mapping[str, str]) -> bool:
        """Tell whether the client has all updates of its entities, given their heads' cursors."""
        return all(
            not self.state.entities[name].question and self.state.entities[name].cursor == heads.get(name)
            for name in self.entities
        )


async def soak(aws: LocalAws, outputs: Outputs, plan: Plan) -> Figures:
    """Run a plan against a deployment. The figures name the problems."""
    figures, last = Figures(), asyncio.Event()
    names = [f"soak/{number}" for number in range(plan.entities)]
    clients = _clients(aws, outputs, plan, names, figures)
    tasks = [asyncio.create_task(client.run(plan, last)) for client in clients]
    await _all_are_answered(clients)
    async with _killing(aws, plan, figures):
        put = await _publish(aws, plan, names, figures)
    last.set()
    stored: dict[str, list[dict[str, Any]]] = {}
    quiet = plan.longest_stay + QUIET_SECONDS
    if figures.killed:  # what a dead worker had taken comes back when its time is over
        quiet += 2 * VISIBILITY_SECONDS
    began = shown = time.monotonic()
    while time.monotonic() < began + quiet:
        await asyncio.sleep(1)
        stored = await asyncio.to_thread(_stored, aws, outputs, names)
        heads = {name: frames[-1]["cursor"] for name, frames in stored.items() if frames}
        if sum(map(len, stored.values())) == len(put) and all(client.is_at(heads) for client in clients):
            break
        if time.monotonic() > shown + PROGRESS_SECONDS:
            shown = time.monotonic()
            count = sum(map(len, stored.values()))
            print(f"  {shown - began:5.0f} s  {count:,} of {len(put):,} updates are stored", flush=True)
    for task in tasks:
        task.cancel()
    for ended in await asyncio.gather(*tasks, return_exceptions=True):
        if not isinstance(ended, asyncio.CancelledError):
            figures.problems.append(f"a client gave up: {ended!r}")
    _compare(clients, stored, put, figures)
    return figures


@contextlib.asynccontextmanager
async def _killing(aws: LocalAws, plan: Plan, figures: Figures) -> AsyncIterator[None]:
    """Kill workers of the push function meanwhile, if the plan says so."""
    if plan.kill_every is None:
        yield
        return
    killing = asyncio.create_task(kill(aws, "PushFunction", every=plan.kill_every, killed=figures.killed))
    yield
    killing.cancel()


async def _all_are_answered(clients: list[SoakClient]) -> None:
    """Wait for the cold starts of the first clients: updates before their answers would try nothing."""
    give_up = time.monotonic() + QUIET_SECONDS
    while not all(client.answered for client in clients) and time.monotonic() < give_up:
        await asyncio.sleep(0.1)


def _clients(
    aws: LocalAws, outputs: Outputs, plan: Plan, names: list[str], figures: Figures
) -> list[SoakClient]:
    """Return the clients. Each is a user of its own, with grants for its own entities only."""
    signer = TokenSigner.of(outputs.stack, aws.client("secretsmanager"))
    clients = []
    for number in range(plan.clients):
        name, entities = f"client {number}", random.sample(names, FOLLOWS)
        token = signer.token(name, subscribe=entities, seconds=plan.seconds + HOUR)
        clients.append(SoakClient(name, outputs.web_socket_url, token, entities, figures))
    return clients


async def _publish(aws: LocalAws, plan: Plan, names: list[str], figures: Figures) -> set[str]:
    """Put the updates, a few at a time, evenly over the plan's time; return the ids of their events."""
    events, ids, began = aws.client("events"), set(), time.monotonic()
    for number in range(plan.updates):
        await asyncio.sleep(max(0.0, began + plan.seconds * number / plan.updates - time.monotonic()))
        detail = json.dumps({"entityId": random.choice(names), "message": number})
        entry = {"Source": "soak", "DetailType": "Entity Updated", "Detail": detail}
        answer = await asyncio.to_thread(events.put_events, Entries=[entry])
        ids.add(answer["Entries"][0]["EventId"])
        figures.updates += 1
        if number % max(1, plan.updates // 20) == 0:
            print(f"  {time.monotonic() - began:5.0f} s  {number:,} updates put", flush=True)
    return ids


def _stored(aws: LocalAws, outputs: Outputs, names: list[str]) -> dict[str, list[dict[str, Any]]]:
    """Return the stored frames of each entity, in order."""
    dynamodb = aws.client("dynamodb")
    found = {}
    for name in names:
        pages = dynamodb.get_paginator("query").paginate(
            TableName=outputs.table_name,
            KeyConditionExpression="pk = :pk AND begins_with(sk, :log)",
            ExpressionAttributeValues={
                ":pk": {"S": f"CHANNEL#entity/{name}"},
                ":log": {"S": keys.LOG},
            },
            ConsistentRead=True,
        )
        segments = [Segment.from_item(item) for page in pages for item in page["Items"]]
        found[name] = [frame for segment in segments for _, frame in segment.numbered()]
    return found


def _compare(
    clients: list[SoakClient], stored: Mapping[str, list[dict[str, Any]]], put: set[str], figures: Figures
) -> None:
    ids = [frame["id"] for frames in stored.values() for frame in frames]
    if len(ids) != len(set(ids)) or set(ids) != put:
        figures.problems.append(
            f"{len(put)} events were put, {len(ids)} stored, {len(set(ids))} of them once"
        )
    for name, frames in stored.items():
        if [frame["sequence"] for frame in frames] != list(range(1, len(frames) + 1)):
            figures.problems.append(f"{name}: the stored numbers have holes")
    for client in clients:
        for name in client.entities:
            _compare_one(client, name, len(stored.get(name, [])), figures)


def _compare_one(client: SoakClient, name: str, last: int, figures: Figures) -> None:
    changes = client.state.entities[name].changes
    if not changes or not isinstance(changes[0], Refetch):
        figures.problems.append(f"{client.name}, {name}: it never got an answer")
        return
    place = 0
    for number, change in enumerate(changes):
        match change:
            case Refetch(cursor=cursor):
                place = Place.of(cursor).sequence if cursor else 0
                figures.refetches += number > 0
            case Applied(frame=frame):
                figures.applied += 1
                if frame["sequence"] != place + 1:
                    figures.problems.append(f"{client.name}, {name}: {frame['sequence']} after {place}")
                place = frame["sequence"]
    if place != last:
        figures.problems.append(f"{client.name}, {name}: it ended at {place} of {last}")

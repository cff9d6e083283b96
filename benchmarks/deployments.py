"""Deployments side by side on one local AWS, and clients that wait for their frames."""

import asyncio
import json
import statistics
import time
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

from entity_push_client import EntityPush, Subscription, Update
from websockets.asyncio.client import ClientConnection, connect

from local.aws import ROOT, LocalAws
from local.deployment import deploy
from operations.minting import TokenSigner
from testbed import release

QUIET_SECONDS = 60.0
"""The longest wait for frames after the last event."""

MOST_ENTRIES = 10
"""Events that one PutEvents takes."""


class Deployment:
    """A deployment with an event bus of its own.

    Events have numbers as their messages. The numbers grow, so that each is put once.

    Args:
        aws: the local AWS.
        stack: the stack's name.
        context: settings.
        app: the folder with the app's sources.

    Attributes:
        name: the stack's name.
        put_at: the `time.perf_counter()` before each event's PutEvents, by number.
    """

    def __init__(self, aws: LocalAws, stack: str, context: Mapping[str, str] | None = None, app: Path = ROOT):
        self.name = stack
        self.put_at: dict[int, float] = {}
        self._outputs = deploy(aws, {"eventBus": "own", **(context or {})}, stack=stack, app=app)
        self._signer = TokenSigner.of(self._outputs.stack, aws.client("secretsmanager"))
        self._events: Any = aws.client("events")

    def put(self, entity_ids: Sequence[str]) -> list[int]:
        """Put an event for each of at most ten entities at once; return the events' numbers."""
        assert len(entity_ids) <= MOST_ENTRIES
        first = len(self.put_at)
        numbers = list(range(first, first + len(entity_ids)))
        entries = [
            {
                "Source": "bench",
                "DetailType": "Entity Updated",
                "Detail": json.dumps({"entityId": entity_id, "message": number}),
                "EventBusName": self._outputs.event_bus_name,
            }
            for entity_id, number in zip(entity_ids, numbers, strict=True)
        ]
        self.put_at |= dict.fromkeys(numbers, time.perf_counter())
        self._events.put_events(Entries=entries)
        return numbers

    @asynccontextmanager
    async def application(self, entity_id: str) -> AsyncIterator["Updates"]:
        """Connect an application with the published client, which follows an entity."""
        token = self._signer.token("application", subscribe=["*"])

        async def fetch_token(_failure: object) -> str:
            return token

        async with EntityPush(self._outputs.web_socket_url, token=fetch_token) as push:
            updates, subscription = Updates(), push.subscribe(entity_id)
            showing = asyncio.create_task(updates.show(subscription))
            await subscription.ready()
            yield updates
            showing.cancel()

    @asynccontextmanager
    async def clients(self, count: int, entity_ids: Iterable[str]) -> AsyncIterator[list["Client"]]:
        """Connect clients that are subscribed to entities; each is a user of its own.

        They are raw sockets: the order in which frames come is part of what is measured, and the code from
        before the log gives no cursors, which the published client needs.
        """
        async with AsyncExitStack() as stack:
            clients = []
            for number in range(count):
                token = self._signer.token(f"user-{number}", subscribe=["*"])
                connecting = connect(
                    self._outputs.web_socket_url,
                    additional_headers={"Authorization": f"Bearer {token}"},
                    proxy=None,
                    ping_interval=None,
                )
                client = Client(await stack.enter_async_context(connecting))
                for entity_id in entity_ids:
                    await client.subscribe(entity_id)
                stack.callback(client.listen().cancel)
                clients.append(client)
            yield clients


class Updates:
    """The updates of one client.

    Attributes:
        came_at: the `time.perf_counter()` when the application had each update, by the event's number.
    """

    def __init__(self) -> None:
        self.came_at: dict[int, float] = {}

    async def show(self, subscription: Subscription[None, int]) -> None:
        """Take what a subscription of the published client shows."""
        async for change in subscription:
            if isinstance(change, Update):
                self.came_at[change.message] = time.perf_counter()

    async def wait(self, numbers: Iterable[int]) -> None:
        """Wait until the updates of events are there."""
        missing = set(numbers)
        give_up = time.monotonic() + QUIET_SECONDS
        while missing := missing - self.came_at.keys():
            assert time.monotonic() < give_up, f"{len(missing)} updates did not come"
            await asyncio.sleep(0.001)


class Client(Updates):
    """A client of one deployment with a raw socket.

    Attributes:
        frames: the number of each event whose frame came, with the frame's number in its channel, in order of
            their coming.
    """

    def __init__(self, socket: ClientConnection):
        super().__init__()
        self._socket = socket
        self.frames: list[tuple[int, int]] = []

    async def subscribe(self, entity_id: str) -> None:
        """Subscribe to an entity."""
        await self._socket.send(json.dumps({"action": "subscribe", "entityId": entity_id}))
        answer = json.loads(await self._socket.recv())
        assert answer["type"] == "subscribed", answer

    def listen(self) -> asyncio.Task[None]:
        """Note frames from now on, in a task."""
        return asyncio.create_task(self._listen())

    async def _listen(self) -> None:
        async for text in self._socket:
            frame = json.loads(text)
            self.came_at[frame["message"]] = time.perf_counter()
            self.frames.append((frame["message"], frame.get("sequence", 0)))


def before_the_log(aws: LocalAws) -> Deployment:
    """Deploy the code from before the log.

    Raises:
        NoHistoryError: there is no such code here.
    """
    return Deployment(aws, "Before", app=release.sources(release.BEFORE_THE_LOG))


def percentile(values: Sequence[float], percent: int) -> float:
    """Return a percentile."""
    return statistics.quantiles(values, n=100, method="inclusive")[percent - 1]

"""The clients' side of the world: the published Python client, whose connections are in memory."""

import asyncio
import json
from collections import defaultdict, deque
from collections.abc import Callable, Coroutine, Iterable
from typing import Any

from entity_push_client import EntityPush, Socket, Subscription
from entity_push_client.changes import Change, Frame
from entity_push_client.names import Name

from clients.python.conformance.virtual_clock import VirtualClock
from tests.model.names import PATTERNS

Event = tuple[str, str]
"""An event: its channel, and its id."""

State = frozenset[Event]
"""A state that a client fetches: the events that it shows."""

TURNS = 20
"""So many turns of the event loop bring a client to rest."""

PAUSE_SECONDS = 0.0
"""Between two attempts to connect. The world decides when one succeeds."""

NEVER = 1e9
"""Seconds. Pings and rotations are left out: they ask nothing of the table."""


class Line:
    """An open connection, in the place of a WebSocket.

    Attributes:
        sent: the frames that the client has sent, oldest first.
        hung_up: whether the client has closed it.
    """

    def __init__(self) -> None:
        self.sent: deque[Frame] = deque()
        self.hung_up = False
        self._incoming = asyncio.Queue[str | None]()

    def bring(self, frame: Frame | None) -> None:
        """Bring the client a frame; None for the end."""
        self._incoming.put_nowait(None if frame is None else json.dumps(frame))

    async def recv(self) -> str:
        """Return the next frame."""
        text = await self._incoming.get()
        if text is None:
            raise ConnectionResetError("The connection is lost.")
        return text

    async def send(self, message: str | Iterable[str], /) -> None:
        """Take a frame of the client."""
        self.sent.append(json.loads("".join(message)))

    async def close(self) -> None:
        """Hang up."""
        self.hung_up = True
        self.bring(None)


class Device:
    """A client and its connection, if it has one.

    Args:
        name: the device's name, for people.
        runner: runs the client's event loop, between the steps of the world.
        fetch: returns the state of everything, as the application has it now.

    Attributes:
        connection_id: the connection's id; None without a connection.
        connected_at: the time of connecting, in milliseconds since 1970.
        expires: the token's end, in seconds since 1970, by the world's clock.
        inbox: frames that API Gateway has taken for the client, still unread.
        subscriptions: what the client follows.
        changes: what the screen was told, by what it follows or has followed.
    """

    def __init__(self, name: str, runner: asyncio.Runner, fetch: Callable[[], State]):
        self.name, self._runner, self._fetch = name, runner, fetch
        self.connection_id: str | None = None
        self.connected_at = 0
        self.expires = 0
        self.inbox: deque[Frame] = deque()
        self.subscriptions: dict[Name, Subscription[State, Any]] = {}
        self.changes: dict[Name, list[Change[State, Any]]] = defaultdict(list)
        self._cursors: dict[Name, str | None] = {}
        self._following: set[asyncio.Task[None]] = set()
        self._line: Line | None = None
        self._dialled: asyncio.Future[Line] | None = None
        self._clock = VirtualClock()
        self._client = EntityPush(
            "wss://in.memory",
            connect=self._connect,
            clock=self._clock,
            random=lambda: 0.0,
            ping_after=NEVER,
            max_connection_age=NEVER,
        )

    # The connection

    @property
    def can_connect(self) -> bool:
        """Whether the client wants a connection, and has none: it has followed something."""
        return self.connection_id is None and self._client.state.name != "idle"

    @property
    def outgoing(self) -> deque[Frame]:
        """The frames that the client sends on its connection, oldest first."""
        return self._line.sent if self._line else deque()

    @property
    def has_hung_up(self) -> bool:
        """Whether the client has given up its connection."""
        return self._line is not None and self._line.hung_up

    def open(self) -> None:
        """Open the connection that the client asks for, after its pause."""
        self._rest()
        while self._dialled is None or self._dialled.done():
            self._clock.advance(self._clock.now + PAUSE_SECONDS)
            self._rest()
        self._line = Line()
        self._dialled.set_result(self._line)
        self._rest()

    def close(self) -> None:
        """Lose the connection with its frames in flight. The client notes it when it runs again."""
        self.connection_id = None
        self.inbox.clear()
        if self._line is not None:
            self._line.bring(None)
            self._line = None

    def receive(self, frame: Frame) -> None:
        """Let the client read a frame."""
        if self._line is not None:
            self._line.bring(frame)
            self._rest()

    def wait(self, seconds: float) -> None:
        """Let time pass for the client, until it sends something or hangs up."""
        until = self._clock.now + seconds
        while self._clock.now < until and not self.outgoing and not self.has_hung_up:
            self._clock.advance(until)
            self._rest()

    async def _connect(self, url: str, token: str | None) -> Socket:  # noqa: ARG002 - all go to one world
        self._dialled = asyncio.get_running_loop().create_future()
        return await self._dialled

    # The application

    def subscribe(self, *names: Name) -> None:
        """Follow entities, patterns or channels from now on, from where they were left."""
        self._run(self._subscribe([name for name in names if name not in self.subscriptions]))

    async def _subscribe(self, names: Iterable[Name]) -> None:
        for name in names:
            since = None if name in PATTERNS else self._cursors.get(name)
            subscription = self._client.subscribe(name, get_state=self._get_state, since=since)
            self.subscriptions[name] = subscription
            following = asyncio.create_task(self._follow(name, subscription))
            self._following.add(following)
            following.add_done_callback(self._following.discard)

    def unsubscribe(self, *names: Name) -> None:
        """Follow something no more; the place in it is kept."""
        self._run(self._unsubscribe([name for name in names if name in self.subscriptions]))

    async def _unsubscribe(self, names: Iterable[Name]) -> None:
        for name in names:
            subscription = self.subscriptions.pop(name)
            self._cursors[name] = subscription.cursor
            subscription.close()

    async def _get_state(self) -> State:
        return self._fetch()

    async def _follow(self, name: Name, subscription: Subscription[State, Any]) -> None:
        async for change in subscription:
            self.changes[name].append(change)

    # The event loop

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        async def run() -> None:
            await work
            for _ in range(TURNS):
                await asyncio.sleep(0)

        self._runner.run(run())

    def _rest(self) -> None:
        self._run(asyncio.sleep(0))

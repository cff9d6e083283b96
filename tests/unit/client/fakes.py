"""A clock that tests move, and a server that answers as they say."""

import asyncio
import json
from collections.abc import Iterable
from typing import Any

import entity_push_client as ep

from clients.python.conformance.virtual_clock import VirtualClock
from tests.contract import check_client_frame

Frame = dict[str, Any]


class FakeClock(VirtualClock):
    """Time that passes only in `pass_time`."""

    async def pass_time(self, seconds: float) -> None:
        """Let time pass, timer by timer."""
        end = self.now + seconds
        await settle()
        while self.next_timer <= end:
            self.advance(end)
            await settle()
        self.advance(end)
        await settle()

    async def suspend(self, seconds: float) -> None:
        """Let the machine sleep: all timers that are due run late."""
        self.leap(seconds)
        await settle()


class FakeSocket:
    """One connection, seen from the server.

    Attributes:
        sent: the frames that the client has sent and no test has looked at.
        closed: whether the client has closed it.
    """

    def __init__(self) -> None:
        self.sent: list[Frame] = []
        self.closed = False
        self.pongs = True
        self._incoming: asyncio.Queue[str | Exception] = asyncio.Queue()

    async def recv(self) -> str:
        message = await self._incoming.get()
        if isinstance(message, Exception):
            raise message
        return message

    async def send(self, message: str | Iterable[str], /) -> None:
        frame = json.loads(message if isinstance(message, str) else "".join(message))
        check_client_frame(frame)
        if frame == {"action": "ping"}:
            if self.pongs:
                self.push({"type": "pong"})
            return
        self.sent.append(frame)

    async def close(self) -> None:
        self.closed = True
        self.cut()

    def push(self, frame: Any) -> None:
        """Send something to the client."""
        self._incoming.put_nowait(frame if isinstance(frame, str) else json.dumps(frame))

    def cut(self) -> None:
        """Lose the connection."""
        self._incoming.put_nowait(ConnectionError("cut"))

    def take(self) -> list[Frame]:
        """Return what the client has sent since the last look."""
        sent, self.sent = self.sent, []
        return sent


class FakeServer:
    """Where a client connects to.

    Attributes:
        sockets: all connections so far.
        refusals: what the next handshakes raise.
        tokens: the tokens of all handshakes.
        hangs: whether handshakes never end.
    """

    def __init__(self) -> None:
        self.sockets: list[FakeSocket] = []
        self.refusals: list[Exception] = []
        self.tokens: list[str | None] = []
        self.hangs = False

    async def connect(self, _url: str, token: str | None) -> ep.Socket:
        self.tokens.append(token)
        if self.hangs:
            await asyncio.Future()
        if self.refusals:
            raise self.refusals.pop(0)
        self.sockets.append(FakeSocket())
        return self.sockets[-1]

    @property
    def socket(self) -> FakeSocket:
        """The newest connection."""
        return self.sockets[-1]


async def settle() -> None:
    """Let the client do all that is due."""
    for _ in range(30):
        await asyncio.sleep(0)


def update(number: int, life: str = "e", entity_id: str = "orders/42") -> Frame:
    return {
        "type": "Entity Updated",
        "entityId": entity_id,
        "message": number,
        "id": f"{life}-{number}",
        "time": "2026-11-22T18:43:48Z",
        "sequence": number,
        "cursor": f"{life}.{number}",
    }


def subscribed(question: Frame, cursor: str | None, *updates: Frame, **fields: Any) -> Frame:
    """Return the answer to a question: recovered if it has updates or goes on from its own cursor."""
    named: Frame = {name: question[name] for name in ("entityId", "channel") if name in question}
    recovered = bool(updates) or (cursor is not None and question.get("since") == cursor)
    return {
        "type": "subscribed",
        **named,
        "alreadySubscribed": False,
        "cursor": cursor,
        "recovered": recovered,
        "updates": list(updates),
        "more": False,
        "latest": None,
        "requestId": question["requestId"],
        **fields,
    }

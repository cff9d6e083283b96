"""The scripted server: real WebSockets on 127.0.0.1 that do only what a scenario says.

Nothing is answered by itself but WebSocket pings, closes and, unless the scenario does it by hand, the
protocol's `ping`. A handshake waits until it is decided. What a client sends waits in `frames`.
"""

import asyncio
import contextlib
import json
import re
from collections import deque
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

from websockets.frames import Frame, Opcode
from websockets.http11 import Request
from websockets.protocol import OPEN, SEND_EOF
from websockets.server import ServerProtocol

Json = dict[str, Any]

MAX_FRAME_BYTES = 32 * 1024
MAX_ENTITY_IDS = 25
MAX_REQUEST_ID = 2**53
MAX_REQUEST_ID_CHARACTERS = 128
SUBPROTOCOL = "websocket"


class BreachError(Exception):
    """The client has broken a rule that holds at any time, whatever the scenario says."""


class Connection(asyncio.Protocol):
    """One connection of a client.

    Attributes:
        name: the name in scenarios, A, B, C …; empty until the handshake is accepted.
        token: the token of the handshake; None without one.
        place: where the handshake has it: `subprotocol`, `header` or `query`; empty without one.
        frames: what the client has sent and no step has expected yet.
        silent: whether the handshake is never answered.
        noted: whether a step has expected that the client closed it.
        ended: whether the connection is closed, refused or lost.
        closed_by_client: whether the client has closed it.
        dead: whether the network swallows everything, both ways.
        pongs: whether the protocol's `ping` is answered at once.
    """

    def __init__(self, server: "Server") -> None:
        self.name = ""
        self.token: str | None = None
        self.place = ""
        self.frames: deque[Json] = deque()
        self.silent = False
        self.noted = False
        self.ended = False
        self.closed_by_client = False
        self.dead = False
        self.pongs = server.pongs
        self._server = server
        self._websocket = ServerProtocol(max_size=None)
        self._transport: asyncio.Transport
        self._request: Request | None = None
        self._text = ""
        self._pings: dict[bytes, asyncio.Future[None]] = {}

    # What asyncio calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Take bytes of the client."""
        if self.dead:
            return
        self._websocket.receive_data(data)
        for event in self._websocket.events_received():
            if isinstance(event, Request):
                self._asked(event)
            elif isinstance(event, Frame):
                self._received(event)
        self._flush()

    def eof_received(self) -> None:
        """Let asyncio close the transport, which calls `connection_lost`."""

    def connection_lost(self, _error: Exception | None) -> None:
        """Note that the client has gone, unless this side has ended the connection before."""
        if not self.ended and not self.dead:
            self.closed_by_client = True
        self._end()

    # What a scenario does.

    @property
    def open(self) -> bool:
        """Whether frames can go both ways."""
        return bool(self.name) and not self.ended and not self.dead

    def accept(self, name: str) -> None:
        """Answer the handshake with 101."""
        assert self._request is not None
        self.name = name
        response = self._websocket.accept(self._request)
        if SUBPROTOCOL in _offered(self._request):
            response.headers["Sec-WebSocket-Protocol"] = SUBPROTOCOL
        self._websocket.send_response(response)
        self._flush()

    def refuse(self, status: int) -> None:
        """Answer the handshake with a status such as 401."""
        assert self._request is not None
        self._server.refused[self._request.headers["Sec-WebSocket-Key"]] = status
        self._websocket.send_response(self._websocket.reject(status, "refused by the scenario"))
        self._end()
        self._flush()

    def abort(self) -> None:
        """Cut the connection without a word, as a network does."""
        self._end()
        self._transport.abort()

    def close(self, code: int) -> None:
        """Close with a close code, unless the client has closed."""
        if self._websocket.state is not OPEN:
            return
        self._websocket.send_close(code)
        self._end()
        self._flush()

    def die(self) -> None:
        """Swallow everything from now on; nobody is told."""
        self.dead = True
        self._settle_pings()

    def send(self, text: str) -> None:
        """Send a text frame; on a closed connection, nothing."""
        self._server.log(f"{self.name} -> {text}")
        if self.ended or self._websocket.state is not OPEN:
            self._server.log(f"{self.name}: is closed, and nothing was sent")
            return
        self._websocket.send_text(text.encode())
        self._flush()

    async def ping(self) -> None:
        """Wait until the client's WebSocket has read all that was sent; the end of the connection will do."""
        if self._websocket.state is not OPEN or self.dead or self.ended:
            return
        payload = str(self._server.next_ping()).encode()
        answered = self._pings[payload] = asyncio.get_running_loop().create_future()
        self._websocket.send_ping(payload)
        self._flush()
        await answered

    # Inside.

    def _asked(self, request: Request) -> None:
        self._request = request
        if urlsplit(request.path).path != self._server.path:  # a straggler of the scenario before
            self._transport.abort()
            return
        # WebSockets of some platforms (Node 24) repeat a handshake after 401; the client does not know of it.
        if status := self._server.refused.get(request.headers["Sec-WebSocket-Key"]):
            self._websocket.send_response(self._websocket.reject(status, "refused before"))
            return
        try:
            self.place, self.token = _token(request)
        except BreachError as breach:
            self._server.breach(str(breach))
        self._server.came(self)

    def _received(self, frame: Frame) -> None:
        if frame.opcode is Opcode.PONG:
            if answered := self._pings.pop(bytes(frame.data), None):
                answered.set_result(None)
        elif frame.opcode is Opcode.CLOSE:
            self.closed_by_client = self.closed_by_client or not self.ended
            self._end()
        elif frame.opcode in (Opcode.TEXT, Opcode.CONT):
            self._text += bytes(frame.data).decode()
            if frame.fin:
                text, self._text = self._text, ""
                self._take(text)

    def _take(self, text: str) -> None:
        self._server.log(f"{self.name} <- {text}")
        self._server.changed()
        try:
            frame = checked(text)
        except BreachError as breach:
            self._server.breach(f"{breach}: {text[:200]}")
            return
        if frame["action"] == "ping" and self.pongs:
            self.send('{"type":"pong"}')
        else:
            self.frames.append(frame)

    def _end(self) -> None:
        if not self.ended:
            self.ended = True
            by = "client" if self.closed_by_client else "server"
            self._server.log(f"{self.name or 'a handshake'}: ended by the {by}")
            self._server.changed()
        self._settle_pings()

    def _settle_pings(self) -> None:
        for answered in self._pings.values():
            if not answered.done():
                answered.set_result(None)
        self._pings.clear()

    def _flush(self) -> None:
        for data in self._websocket.data_to_send():
            if self.dead:
                continue
            if data is SEND_EOF:
                self._transport.close()
            else:
                self._transport.write(data)


class Server:
    """The server of all scenarios, one after the other.

    Attributes:
        path: the path that the present scenario's client connects to.
        pongs: whether new connections answer the protocol's `ping` at once.
        connections: all connections of the scenario, in the order of their handshakes.
        refused: the statuses of refused handshakes, by their keys.
        breaches: what the client has done against the rules that always hold.
        activity: a number that grows with everything that happens.
    """

    def __init__(self, log: Callable[[str], None] = lambda _line: None) -> None:
        """Keep where to log: a function that takes a line for each thing that happens."""
        self.log = log
        self.path = "/"
        self.pongs = True
        self.connections: list[Connection] = []
        self.refused: dict[str, int] = {}
        self.breaches: list[str] = []
        self.activity = 0
        self._scenarios = 0
        self._pings = 0
        self._listening: asyncio.Server | None = None

    async def start(self) -> None:
        """Listen on a free port."""
        self._listening = await asyncio.get_running_loop().create_server(
            lambda: Connection(self), "127.0.0.1", 0
        )

    def stop(self) -> None:
        """Cut all connections and listen no more."""
        self.begin()
        if self._listening:
            self._listening.close()

    def begin(self, *, pongs: bool = True) -> None:
        """Forget the scenario before: its connections are cut, and its stragglers will be."""
        for connection in self.connections:
            with contextlib.suppress(AttributeError):
                connection.abort()
        self._scenarios += 1
        self.path = f"/scenario-{self._scenarios}"
        self.pongs = pongs
        self.connections = []
        self.refused = {}
        self.breaches = []

    @property
    def url(self) -> str:
        """The URL for the client of the present scenario."""
        assert self._listening is not None
        port = self._listening.sockets[0].getsockname()[1]
        return f"ws://127.0.0.1:{port}{self.path}"

    @property
    def undecided(self) -> list[Connection]:
        """The handshakes that wait for their answer, oldest first."""
        return [one for one in self.connections if not (one.name or one.ended or one.silent)]

    @property
    def accepted(self) -> list[Connection]:
        """The connections that have been accepted, in this order."""
        return sorted((one for one in self.connections if one.name), key=lambda one: one.name)

    def agrees(self, opened: int, closed: int) -> bool:
        """Tell whether the client has heard of everything that this side has done to its connections."""
        ended = sum(one.ended for one in self.connections)
        dead = sum(one.dead for one in self.connections)
        return opened == len(self.connections) and ended - dead <= closed <= ended + dead

    async def ping_all(self) -> None:
        """Wait until the clients' WebSockets have read all that was sent."""
        for connection in self.connections:
            await connection.ping()

    # What connections tell.

    def came(self, connection: Connection) -> None:
        """Take a handshake that waits for its answer."""
        self.log(f"a handshake with the token {connection.token}")
        self.connections.append(connection)
        self.changed()

    def changed(self) -> None:
        """Note that something happened."""
        self.activity += 1

    def breach(self, what: str) -> None:
        """Note what the client has done against a rule that always holds."""
        self.breaches.append(what)
        self.changed()

    def next_ping(self) -> int:
        """Return a number that no ping has had."""
        self._pings += 1
        return self._pings


def checked(text: str) -> Json:
    """Return a client's frame.

    Raises:
        BreachError: no server of the protocol takes such a frame.
    """
    if len(text.encode()) > MAX_FRAME_BYTES:
        raise BreachError(f"a frame of {len(text.encode())} bytes; a frame has at most {MAX_FRAME_BYTES}")
    try:
        frame = json.loads(text)
    except ValueError:
        raise BreachError("a frame that is not JSON") from None
    if not isinstance(frame, dict) or not isinstance(frame.get("action"), str):
        raise BreachError("a frame that is no object with an action")
    if "requestId" in frame:
        _check_request_id(frame["requestId"])
    if "entityIds" in frame:
        _check_entity_ids(frame["entityIds"])
    return frame


def _check_request_id(request_id: Any) -> None:
    match request_id:
        case str() if 1 <= len(request_id) <= MAX_REQUEST_ID_CHARACTERS:
            return
        case int() if not isinstance(request_id, bool) and abs(request_id) < MAX_REQUEST_ID:
            return
    raise BreachError(
        "a requestId that is no string of 1 to 128 characters, and no whole number within ±2^53"
    )


def _check_entity_ids(entity_ids: Any) -> None:
    if not isinstance(entity_ids, list) or not 1 <= len(entity_ids) <= MAX_ENTITY_IDS:
        raise BreachError(f"entityIds that are no list of 1 to {MAX_ENTITY_IDS}")


def _offered(request: Request) -> list[str]:
    """Return the subprotocols that a handshake offers."""
    offered = ",".join(request.headers.get_all("Sec-WebSocket-Protocol"))
    return [word for word in re.split(r"\s*,\s*", offered.strip()) if word]


def _token(request: Request) -> tuple[str, str | None]:
    """Return the place and the token of a handshake, which has at most one.

    Raises:
        BreachError: it has several, or offers subprotocols that the server never echoes.
    """
    offered = _offered(request)
    if offered and (offered[0] != SUBPROTOCOL or len(offered) > 2):
        raise BreachError(
            f"the subprotocols {offered}; a client offers {SUBPROTOCOL}, then perhaps its token"
        )
    found = [("subprotocol", token) for token in offered[1:]]
    for header in request.headers.get_all("Authorization"):
        kind, _, token = header.partition(" ")
        if kind != "Bearer":
            raise BreachError(f"the header Authorization is of the kind {kind!r}, and not Bearer")
        found.append(("header", token))
    query = parse_qs(urlsplit(request.path).query)
    found += [("query", token) for token in query.get("access_token", [])]
    if len(found) > 1:
        raise BreachError("a handshake carries exactly one token")
    return found[0] if found else ("", None)

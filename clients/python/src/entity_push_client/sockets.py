"""Opening a WebSocket. A test, or another library, may stand in for `websockets`."""

from collections.abc import Callable, Iterable
from typing import Any, Protocol

from websockets.asyncio import client
from websockets.exceptions import InvalidStatus, WebSocketException
from websockets.frames import Frame, Opcode

from entity_push_client.errors import HandshakeError

MOST_BYTES = 1 << 20
"""No frame of the protocol has more than 128 KB."""

CLOSE_SECONDS = 1.0
"""How long the other end may take to answer a close."""


class Socket(Protocol):
    """An open WebSocket, as far as the client uses it: `websockets` has such a one."""

    async def recv(self) -> str | bytes:
        """Return the next message. An exception means that the connection has ended."""

    async def send(self, message: str | Iterable[str], /) -> None:
        """Send a message: a text, or one in several WebSocket frames."""

    async def close(self) -> None:
        """Close the connection, if it is open. It returns soon even if the other end is dead."""


class Connect(Protocol):
    """Opens a WebSocket."""

    async def __call__(self, url: str, token: str | None) -> Socket:
        """Return an open WebSocket.

        Args:
            url: the deployment's `WebSocketUrl`.
            token: the token for the header `Authorization`; None for none.

        Raises:
            HandshakeError: it could not be opened.
        """


class DirectSocket(client.ClientConnection):
    """A WebSocket that can hand over messages as they come: `recv` costs a tenth of the CPU more.

    `recv` stays, for messages in several frames, and for the end. If another version of `websockets` has no
    `process_event`, all messages come by `recv`.

    Attributes:
        receive: takes each message that is one frame. It must not raise an exception.
    """

    receive: Callable[[str | bytes], None] | None = None

    def process_event(self, event: Any) -> None:
        """Take what the network has brought."""
        receive = self.receive
        if receive is not None and type(event) is Frame and event.opcode is Opcode.TEXT and event.fin:
            receive(bytes(event.data))
        else:
            super().process_event(event)


async def connect(url: str, token: str | None) -> Socket:
    """Open a WebSocket with `websockets`.

    API Gateway answers neither pings of the WebSocket protocol nor offers of compression, so neither is sent.

    Raises:
        HandshakeError: it could not be opened.
    """
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    try:
        return await client.connect(
            url,
            additional_headers=headers,
            compression=None,
            open_timeout=None,  # the client has its own, by its own clock
            ping_interval=None,
            close_timeout=CLOSE_SECONDS,
            max_size=MOST_BYTES,
            create_connection=DirectSocket,
            max_queue=None,  # the client reads at once all that comes
        )
    except InvalidStatus as error:
        status = error.response.status_code
        raise HandshakeError(f"The server refused the handshake with status {status}.", status) from error
    except (WebSocketException, OSError) as error:
        raise HandshakeError(f"There is no connection to the server: {error}") from error

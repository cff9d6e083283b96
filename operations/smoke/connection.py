"""A connection of a check, by a WebSocket library that shows statuses and close codes."""

import json
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect
from websockets.typing import Subprotocol

LARGEST_WEBSOCKET_FRAME = 32 * 1024
"""What API Gateway takes in one ("Amazon API Gateway quotas")."""


class Socket:
    """An open connection, as a context manager.

    Args:
        url: where to connect.
        token: the token; None for none.
        place: where it is: `header`, `subprotocol` or `query`.
        query: what else the query has.
    """

    def __init__(self, url: str, token: str | None = None, *, place: str = "header", query: str = ""):
        headers, subprotocols, parameters = {}, None, [query] if query else []
        if token is not None and place == "header":
            headers["Authorization"] = f"Bearer {token}"
        if token is not None and place == "subprotocol":
            subprotocols = [Subprotocol("websocket"), Subprotocol(token)]
        if token is not None and place == "query":
            parameters.append(f"access_token={quote(token, safe='')}")
        address = url + ("?" + "&".join(parameters) if parameters else "")
        self._connecting = connect(
            address,
            subprotocols=subprotocols,
            additional_headers=headers,
            open_timeout=30,
            max_size=None,
            proxy=None if "://127.0.0.1" in url else True,
        )

    def __enter__(self) -> Self:
        self.connection = self._connecting.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._connecting.__exit__(kind, error, traceback)

    def send(self, frame: Any, *, at_once: bool = True) -> None:
        """Send bytes or texts as they are, anything else as JSON; in one WebSocket frame, or in several."""
        data = frame if isinstance(frame, str | bytes) else json.dumps(frame)
        if at_once:
            self.connection.send(data)
        else:
            parts = range(0, len(data), LARGEST_WEBSOCKET_FRAME)
            self.connection.send(str(data[start : start + LARGEST_WEBSOCKET_FRAME]) for start in parts)

    def receive(self, seconds: float = 30) -> Any:
        """Return the next frame.

        Raises:
            TimeoutError: none came in time.
            ConnectionClosed: the connection was closed.
        """
        return json.loads(self.connection.recv(timeout=seconds))

    def ask(self, frame: Any) -> Any:
        """Send a frame and return the next one."""
        self.send(frame)
        return self.receive()

    def end(self, seconds: float = 30) -> str:
        """Return the codes of the frames `closing` until the close, and its code."""
        codes = []
        try:
            while True:
                frame = self.receive(seconds)
                if frame.get("type") == "closing":
                    codes.append(str(frame["code"]))
        except ConnectionClosed as closed:
            code = closed.rcvd.code if closed.rcvd else "no close frame"
            return ", ".join([*codes, str(code)])


def status(url: str, token: str | None = None, **options: Any) -> int:
    """Return the HTTP status of a handshake, and leave."""
    try:
        with Socket(url, token, **options):
            return 101
    except InvalidStatus as refused:
        return refused.response.status_code

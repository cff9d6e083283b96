"""A WebSocket client that sends and receives frames as objects, and takes none that asyncapi.yaml lacks."""

import json
from http.client import HTTPConnection
from types import TracebackType
from typing import Any, Literal, Self
from urllib.parse import quote, urlencode, urlsplit

from websockets.sync.client import connect
from websockets.typing import Subprotocol

from tests.contract import check_client_frame, check_server_frame

Place = Literal["header", "subprotocol", "query"]
"""A token's place: `Authorization: Bearer`, after `websocket` in the subprotocols, or `access_token`."""

PLACES: tuple[Place, ...] = ("header", "subprotocol", "query")


class Client:
    """One connection to the deployed API, opened by a real WebSocket library.

    Args:
        url: the API's URL.
        subprotocols: the subprotocols to offer in `Sec-WebSocket-Protocol`.
        token: the token to connect with; None for none.
        place: the token's place; a tuple for several places at once.

    Attributes:
        closing: the received frames that tell of a close.
    """

    def __init__(
        self,
        url: str,
        subprotocols: tuple[str, ...] = (),
        *,
        token: str | None = None,
        place: Place | tuple[Place, ...] = "header",
    ):
        headers = {}
        places = (place,) if isinstance(place, str) else place
        if token is not None and "header" in places:
            headers["Authorization"] = f"Bearer {token}"
        if token is not None and "subprotocol" in places:
            subprotocols = ("websocket", token)
        if token is not None and "query" in places:
            url += f"?access_token={quote(token, safe='')}"
        self.closing: list[Any] = []
        self._connecting = connect(
            url,
            subprotocols=[Subprotocol(name) for name in subprotocols] or None,
            additional_headers=headers,
            open_timeout=30,
            proxy=None,
            max_size=None,
            max_queue=None,  # a full queue would hold up pongs, and a test that reads late would be cut off
        )

    def __enter__(self) -> Self:
        self.socket = self._connecting.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._connecting.__exit__(kind, error, traceback)

    def send(self, frame: Any) -> None:
        """Send a frame: text or bytes as they are, anything else as JSON."""
        self.socket.send(frame if isinstance(frame, str | bytes) else json.dumps(frame))

    def receive(self, seconds: float = 20) -> Any:
        """Return the next frame. Frames `closing`, which may come at any time, go into the list `closing`.

        Raises:
            TimeoutError: no frame came in time.
        """
        while True:
            frame = self._next(seconds)
            if frame.get("type") != "closing":
                return frame
            self.closing.append(frame)

    def receive_closing(self, seconds: float) -> None:
        """Wait for the next frame, which has to be a `closing`.

        Raises:
            TimeoutError: no frame came in time.
        """
        frame = self._next(seconds)
        assert frame["type"] == "closing", frame
        self.closing.append(frame)

    def _next(self, seconds: float) -> Any:
        frame = json.loads(self.socket.recv(timeout=seconds))
        check_server_frame(frame)
        return frame

    def ask(self, frame: Any) -> Any:
        """Send a frame and return its answer. A frame that is followed is one of asyncapi.yaml."""
        self.send(frame)
        answer = self.receive()
        if isinstance(frame, dict) and _follows(answer):
            check_client_frame(frame)
        return answer

    def subscribe(self, entity_id: str) -> None:
        """Subscribe to an entity, and check the answer."""
        answer = self.ask({"action": "subscribe", "entityId": entity_id})
        assert answer["type"] == "subscribed", answer

    def hears_nothing(self, seconds: float = 1.5) -> bool:
        """Tell whether the connection stays silent for some seconds."""
        try:
            self.receive(seconds)
        except TimeoutError:
            return True
        return False


def _follows(answer: dict[str, Any]) -> bool:
    """Tell whether a frame is the answer to one that was followed, and to all of it."""
    kinds = {one.get("type") for one in answer.get("answers", [answer])}
    return kinds <= {"subscribed", "unsubscribed", "published", "pong"}


def status_of_handshake(url: str, given: str, place: Place | tuple[Place, ...] = "header") -> int:
    """Ask for a connection with a token, and leave; return the handshake's HTTP status.

    The handshake is written by hand, since a WebSocket library refuses to send malformed tokens.
    """
    parts = urlsplit(url)
    headers = {
        **{"Connection": "Upgrade", "Upgrade": "websocket"},
        **{"Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA=="},
    }
    places = (place,) if isinstance(place, str) else place
    if "header" in places:
        headers["Authorization"] = f"Bearer {given}"
    if "subprotocol" in places:
        headers["Sec-WebSocket-Protocol"] = f"websocket, {given}"
    query = urlencode({"access_token": given}) if "query" in places else ""
    connection = HTTPConnection(parts.netloc, timeout=60)
    try:
        connection.request("GET", f"{parts.path}?{query}", headers=headers)
        return connection.getresponse().status
    finally:
        connection.close()

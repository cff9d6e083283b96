"""A WebSocket client that sends and receives frames as objects."""

import json
from types import TracebackType
from typing import Any, Self

from websockets.sync.client import connect
from websockets.typing import Subprotocol


class Client:
    """One connection to the deployed API, opened by a real WebSocket library.

    Args:
        url: the API's URL.
        subprotocols: what to offer in ``Sec-WebSocket-Protocol``.
    """

    def __init__(self, url: str, subprotocols: tuple[str, ...] = ()):
        offered = [Subprotocol(name) for name in subprotocols] or None
        self._connecting = connect(url, subprotocols=offered, open_timeout=30, proxy=None, max_size=None)

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
        """Return the next frame.

        Raises:
            TimeoutError: none came.
        """
        return json.loads(self.socket.recv(timeout=seconds))

    def ask(self, frame: Any) -> Any:
        """Send a frame and return its answer."""
        self.send(frame)
        return self.receive()

    def subscribe(self, entity_id: str) -> None:
        """Subscribe to an entity, and check that it was acknowledged."""
        answer = self.ask({"action": "subscribe", "entityId": entity_id})
        assert answer["type"] == "subscribed", answer

    def hears_nothing(self, seconds: float = 1.5) -> bool:
        """Tell whether no frame comes for a while."""
        try:
            self.socket.recv(timeout=seconds)
        except TimeoutError:
            return True
        return False

"""The clients' side of the world."""

from collections import deque

from tests.reference_client import Frame, ReferenceClient


class Device:
    """A reference client and its connection, if it has one.

    Attributes:
        name: for people.
        client: decides what to send.
        connection_id: None while there is no connection.
        connected_at: milliseconds since 1970.
        inbox: what API Gateway has taken for it, and it has not read.
    """

    def __init__(self, name: str):
        self.name, self.client = name, ReferenceClient()
        self.connection_id: str | None = None
        self.connected_at = 0
        self.inbox: deque[Frame] = deque()

    def close(self) -> None:
        """Lose the connection and what is in flight on it."""
        self.connection_id = None
        self.inbox.clear()
        self.client.disconnected()

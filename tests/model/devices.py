"""The clients' side of the world."""

from collections import deque

from tests.reference_client import Change, Frame, ReferenceClient


class Device:
    """A reference client and its connection, if it has one.

    Attributes:
        name: for people.
        client: decides what to send.
        connection_id: None while there is no connection.
        connected_at: milliseconds since 1970.
        expires: when its token ends, in seconds since 1970, by the world's clock.
        inbox: what API Gateway has taken for it, and it has not read.
        listening: what was stored of each channel when it began to listen to them on this connection: by the
            pattern whose answer it has, or from the start.
        answered: what was stored of each channel when a question of this connection was answered, by its
            requestId.
        before: what was stored of a channel when it first heard of it without having asked.
    """

    def __init__(self, name: str):
        self.name, self.client = name, ReferenceClient()
        self.connection_id: str | None = None
        self.connected_at = 0
        self.expires = 0
        self.inbox: deque[Frame] = deque()
        self.listening: dict[str, dict[str, frozenset[str]]] = {}
        self.answered: dict[str, dict[str, frozenset[str]]] = {}
        self.before: dict[str, frozenset[str]] = {}

    def close(self) -> None:
        """Lose the connection and what is in flight on it."""
        self.connection_id = None
        self.inbox.clear()
        self.listening.clear()
        self.answered.clear()
        self.client.disconnected()

    def changes(self, name: str) -> list[Change]:
        """Return what its screen was told of a channel."""
        entity = self.client.entities.get(name)
        return entity.changes if entity else []

"""The clients' side of the world."""

from collections import defaultdict, deque

from tests.reference_client import Change, Frame, ReferenceClient


class Device:
    """A reference client and its connection, if it has one.

    Attributes:
        name: the device's name, for people.
        client: the reference client, which decides what to send.
        connection_id: the connection's id; None without a connection.
        connected_at: the time of connecting, in milliseconds since 1970.
        expires: the token's end, in seconds since 1970, by the world's clock.
        inbox: frames that API Gateway has taken for the client, still unread.
        listening: the stored updates of each channel when listening began on this connection, by source: an
            answered pattern, or a channel from the start.
        answered: the stored updates of each channel when a question of this connection was answered, by the
            question's requestId.
        knows: the events of each channel that its screen shows, or knows from a state that it fetched.
        before: the stored updates of a channel when the client first heard of the channel without a question.
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
        self.knows: dict[str, set[str]] = defaultdict(set)

    def close(self) -> None:
        """Lose the connection with its frames in flight."""
        self.connection_id = None
        self.inbox.clear()
        self.listening.clear()
        self.answered.clear()
        self.client.disconnected()

    def changes(self, name: str) -> list[Change]:
        """Return the changes that the client's screen was told of a channel."""
        entity = self.client.entities.get(name)
        return entity.changes if entity else []

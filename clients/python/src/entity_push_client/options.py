"""What can be set on a client."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from entity_push_client.backoff import Backoff
from entity_push_client.clock import Clock
from entity_push_client.errors import EntityPushError, HandshakeError
from entity_push_client.sockets import Connect
from entity_push_client.states import ClientState

Token = Callable[[HandshakeError | None], Awaitable[str]]
"""Returns a token. It is given the error that ended the last handshake, or None after none or a good one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """The settings of a client. Times are in seconds.

    Attributes:
        url: the deployment's `WebSocketUrl`.
        token: returns a token, before every connect; None for a deployment without authorization.
        connect: opens a WebSocket.
        clock: what the client waits by.
        random: gives a number from 0 to 1.
        backoff: the pauses before trying again.
        max_connection_age: the age at which a connection is over at the latest. A new one is opened before.
        ping_after: the silence before a ping.
        pong_timeout: how long any frame may take after a ping, before the connection is taken for dead.
        answer_timeout: how long an answer may take, before it is asked for again; and then, before the
            connection is taken for dead.
        gap_wait: how long late frames have to fill a hole, before they are asked for.
        max_held: how many frames are held for one subscription.
        max_pattern_entities: how many entities' numbers are kept for one pattern.
        on_state: is called with each new state of the client.
        on_error: is called with everything that goes wrong, also with what is tried again.
    """

    url: str
    token: Token | None
    connect: Connect
    clock: Clock
    random: Callable[[], float]
    backoff: Backoff
    max_connection_age: float
    ping_after: float
    pong_timeout: float
    answer_timeout: float
    gap_wait: float
    max_held: int
    max_pattern_entities: int
    on_state: Callable[[ClientState], None] | None
    on_error: Callable[[EntityPushError], None] | None

    def pause(self, attempt: int) -> float:
        """Return the pause before an attempt, in seconds: the first after a failure is number 1."""
        return self.backoff.pause(attempt, self.random)

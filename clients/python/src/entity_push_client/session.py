"""One connection with all that belongs to it: its frames, questions, subscriptions and life signs."""

import asyncio
from collections.abc import Callable

from entity_push_client.changes import Frame
from entity_push_client.connection import Connection
from entity_push_client.conversation import Conversation
from entity_push_client.errors import ConnectionLostError, EntityPushError, FailedError, ServerError
from entity_push_client.liveness import Liveness
from entity_push_client.memberships import Memberships, server_error
from entity_push_client.options import Options
from entity_push_client.sockets import Socket
from entity_push_client.timers import Timers
from entity_push_client.topic import Topic
from entity_push_client.topics import Topics

PUSHED = frozenset(("Entity Updated", "User Push Notification", "Broadcast"))


class Session:
    """A connection from its handshake to its end.

    Args:
        socket: the open WebSocket.
        options: the client's settings.
        topics: the client's topics.
        attend: is called with a topic that may have a question.
        told: tells the application of an error.
        ended: is called once, when the connection has ended.

    Attributes:
        end_reason: has the reason when the connection has ended.
        due: is set when another connection is to take its place: it is old, or the server says so.
        proved: is set when the server has answered a frame.
        memberships: the topics that it is subscribed to.
        conversation: what it asks.
    """

    def __init__(
        self,
        socket: Socket,
        options: Options,
        topics: Topics,
        *,
        attend: Callable[[Topic], None],
        told: Callable[[EntityPushError], None],
        ended: Callable[["Session"], None],
    ):
        self._pushed, self._attend, self._told, self._ended = topics.pushed, attend, told, ended
        self.end_reason: asyncio.Future[EntityPushError] = asyncio.get_running_loop().create_future()
        self.due, self.proved = asyncio.Event(), asyncio.Event()
        self._timers = Timers(options.clock)
        self.conversation = Conversation(options, self._timers, self._send, self.end)
        self.memberships = Memberships(
            options, self._timers, self.conversation, end=self.end, attend=attend, told=told
        )
        self._asked = self.memberships.asked
        self._liveness = Liveness(options, self._send, self.end)
        age = (0.8 + 0.2 * options.random()) * options.max_connection_age
        self._timers.after(age, self.due.set)
        self._watching = asyncio.create_task(self._liveness.watch())
        self._connection = Connection(socket, self._take, self._has_ended)

    @property
    def is_open(self) -> bool:
        """Whether the connection still works, as far as is known."""
        return not self.end_reason.done()

    def end(self, reason: EntityPushError) -> None:
        """Give the connection up."""
        self._connection.end(reason)

    async def close(self) -> None:
        """Close the connection. What is under way is still taken."""
        await self._connection.close()
        self._has_ended(ConnectionLostError("The client has closed the connection."))

    def doubt(self) -> None:
        """Ping at once: an answer did not come."""
        self._liveness.doubt()

    def _send(self, frame: Frame) -> None:
        self._liveness.sent()
        self._connection.send(frame)

    def _has_ended(self, reason: EntityPushError) -> None:
        if self.end_reason.done():
            return
        self.end_reason.set_result(reason)
        self._timers.end()
        if self._watching is not asyncio.current_task():
            self._watching.cancel()
        self._ended(self)

    def _take(self, frame: Frame) -> None:
        if not self._liveness.is_fresh:
            self._liveness.heard()
        kind = frame.get("type")
        if kind in PUSHED:
            topic = self._pushed(frame, kind, self._asked)
            if topic is not None:
                self._attend(topic)
            return
        match frame:
            case {"type": "subscribed" | "unsubscribed" | "answers" | "published" | "pong"}:
                self.proved.set()
                self.conversation.receive(frame)
            case {"type": "error", "code": code}:
                if code != "token_expired":
                    self.proved.set()
                if "requestId" not in frame:
                    self._told(server_error(frame))
                self.conversation.receive(frame)
            case {"type": "closing", "reconnect": reconnect}:
                self._closing(frame, bool(reconnect))
            case {"message": "Internal server error" | "Too Many Requests" as sentence}:
                self._told(ServerError("gateway_error", sentence))
                self.conversation.ask_all_later(frame)

    def _closing(self, frame: Frame, reconnect: bool) -> None:
        code = str(frame.get("code"))
        if reconnect:
            self.due.set()
        else:
            self.end(FailedError(code, f"The server closes the connection for good: {code}."))

"""Publishing: each message has an id of its own, and is repeated only where the server knows such ids."""

import asyncio
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from entity_push_client.changes import Frame
from entity_push_client.connection import encode
from entity_push_client.conversation import Asked
from entity_push_client.errors import ConnectionLostError, EntityPushError, OutcomeUnknownError, RefusedError
from entity_push_client.options import Options
from entity_push_client.session import Session
from entity_push_client.timers import Timers

MOST_BYTES = 128_000
"""API Gateway closes the connection at a message of more than 128 KB, instead of an answer."""

MOST_SECONDS = 240.0
"""How long a message may be repeated. The server remembers its id for 5 minutes."""


@dataclass(frozen=True, slots=True)
class Published:
    """A message was taken.

    Attributes:
        id: the event's id; the pushed frame has the same.
        own_id: the id that the message was sent with; None if the server does not know such ids.
    """

    id: str
    own_id: str | None


class Publication:
    """A message on its way.

    Attributes:
        session: the connection that it was sent on; None before.
        asked: the open question.
        since: when it was first sent, by the client's clock.
        sent: how often it was sent.
        silences: how often the answer to it did not come, on this connection.
        attempts: how often in a row the server has failed to take it.
    """

    def __init__(self, frame: Frame, future: "asyncio.Future[Published]"):
        self.frame, self.future = frame, future
        self.session: Session | None = None
        self.asked: Asked | None = None
        self.since: float | None = None
        self.sent = self.silences = self.attempts = 0


class Publisher:
    """The messages of one client.

    Args:
        options: the client's settings.
        timers: the client's timers.
        current: returns the connection to send on; None if there is none.
    """

    def __init__(self, options: Options, timers: Timers, current: Callable[[], Session | None]):
        self._options, self._timers, self._current = options, timers, current
        self._under_way: dict[Publication, None] = {}
        self._knows_own_ids = False

    async def publish(self, fields: Frame, message: Any, own_id: str | None) -> Published:
        """Publish a message; wait for a connection if there is none.

        Args:
            fields: the frame's action, and what it names.
            message: any JSON value.
            own_id: the message's own id; None to make one.

        Raises:
            RefusedError: the server refuses it.
            OutcomeUnknownError: it may have been taken, or not.
            FailedError, ClosedError: the client ends before it is sent.
            TypeError, ValueError: the message is not JSON.
        """
        frame = {**fields, "message": message, "id": own_id or str(uuid.uuid4())}
        if (size := len(encode(frame).encode())) > MOST_BYTES:
            raise RefusedError(
                "frame_too_large", f"The message has {size:,} bytes, more than {MOST_BYTES:,}."
            )
        publication = Publication(frame, asyncio.get_running_loop().create_future())
        self._under_way[publication] = None
        try:
            self._send(publication)
            return await publication.future
        finally:
            del self._under_way[publication]
            if publication.session and publication.asked:
                publication.session.conversation.withdraw(publication.asked)

    def opened(self) -> None:
        """Send what has waited for a connection."""
        for publication in list(self._under_way):
            if publication.session is None:
                self._send(publication)

    def lost(self, session: Session) -> None:
        """Take note that a connection has ended: what was sent on it has no answer."""
        for publication in list(self._under_way):
            if publication.session is session:
                publication.session, publication.silences = None, 0
                if publication.sent == 1 and publication.asked and publication.asked.not_followed:
                    publication.since, publication.sent = None, 0  # as if it had never been sent
                self._send(publication)

    def end(self, error: EntityPushError) -> None:
        """Give up: the client has ended."""
        for publication in list(self._under_way):
            if publication.since is None:
                _fail(publication, error)
            else:
                self._give_up(publication, {})

    def _send(self, publication: Publication) -> None:
        session = self._current()
        if publication.since is not None and not self._may_repeat(publication):
            self._give_up(publication, {})
        if session is None or publication.future.done():
            return
        publication.session = session
        publication.sent += 1
        if publication.since is None:
            publication.since = self._options.clock.time()
        answered, unknown = partial(self._answered, publication), partial(self._unknown, publication)
        publication.asked = session.conversation.ask(publication.frame, answered, unknown)

    def _answered(self, publication: Publication, answer: Frame) -> None:
        if answer["type"] == "error":
            _fail(publication, RefusedError(answer["code"], answer["message"], _receiver(publication)))
            return
        own_id = answer.get("ownId")
        self._knows_own_ids = self._knows_own_ids or own_id is not None
        if not publication.future.done():
            publication.future.set_result(Published(answer["id"], own_id))

    def _unknown(self, publication: Publication, error: Frame) -> None:
        """Go on after an answer that does not tell the outcome, or after none (an empty frame)."""
        session = publication.session
        if not self._may_repeat(publication):
            self._give_up(publication, error)
            if session and not error:
                session.doubt()
            return
        if error:
            publication.attempts += 1
            pause = self._options.pause(publication.attempts)
            self._timers.after(pause, partial(self._again, publication, session))
            return
        publication.silences += 1
        if publication.silences > 1 and session:
            session.end(ConnectionLostError("The server did not answer, twice."))
        else:
            self._send(publication)

    def _again(self, publication: Publication, session: Session | None) -> None:
        if publication in self._under_way and publication.session is session:
            self._send(publication)

    def _may_repeat(self, publication: Publication) -> bool:
        age = self._options.clock.time() - (publication.since or 0.0)
        return self._knows_own_ids and age < MOST_SECONDS

    @staticmethod
    def _give_up(publication: Publication, error: Frame) -> None:
        about = _receiver(publication)
        why = error.get("message") or "No answer has come."
        sentence = f"Whether the message to {about} was taken is not known. {why}"
        _fail(publication, OutcomeUnknownError(str(error.get("code", "unknown_outcome")), sentence, about))


def _receiver(publication: Publication) -> str:
    return str(publication.frame.get("entityId", "everyone"))


def _fail(publication: Publication, error: EntityPushError) -> None:
    if not publication.future.done():
        publication.future.set_exception(error)

"""Questions and answers on one connection: each answer finds its question, and none is awaited for ever."""

import asyncio
import itertools
from collections.abc import Callable

from entity_push_client.changes import Frame
from entity_push_client.errors import ConnectionLostError, EntityPushError
from entity_push_client.options import Options
from entity_push_client.timers import Timers

PASSING = ("internal_error", "not_published")
"""Errors that may pass: the same question may be answered after a pause."""

ENDS_CONNECTION = ("token_expired", "connection_gone")
"""Errors that another connection helps against. The frame was not followed."""


class Asked:
    """A question that was sent.

    Attributes:
        answered: is called with the answer, also with an error that is about the question itself.
        unknown: is called instead of asking again, with the reason, if asking twice would do harm; else None.
        not_followed: whether the server has said that it did not follow the frame.
    """

    __slots__ = ("again", "answered", "attempts", "frame", "not_followed", "timer", "unknown")

    def __init__(
        self, frame: Frame, answered: Callable[[Frame], None], unknown: Callable[[Frame], None] | None
    ):
        self.frame, self.answered, self.unknown = frame, answered, unknown
        self.timer: asyncio.Task[None] | None = None
        self.again, self.not_followed, self.attempts = False, False, 0


class Conversation:
    """What is asked on one connection.

    Args:
        options: the client's settings.
        timers: the connection's timers.
        send: sends a frame.
        end: ends the connection, for a reason.

    Attributes:
        quiet: is set while no answer is awaited.
    """

    def __init__(
        self,
        options: Options,
        timers: Timers,
        send: Callable[[Frame], None],
        end: Callable[[EntityPushError], None],
    ):
        self._options, self._timers, self._send, self._end = options, timers, send, end
        self._numbers = itertools.count(1)
        self._open: dict[str, Asked] = {}
        self.quiet = asyncio.Event()
        self.quiet.set()

    def ask(
        self,
        fields: Frame,
        answered: Callable[[Frame], None],
        unknown: Callable[[Frame], None] | None = None,
    ) -> Asked:
        """Send a question. The same question is sent again if no answer comes.

        Args:
            fields: the frame without its `requestId`.
            answered: is called with the answer.
            unknown: is called instead of asking again, with an error frame or an empty one.
        """
        number = str(next(self._numbers))
        asked = self._open[number] = Asked({**fields, "requestId": number}, answered, unknown)
        self.quiet.clear()
        self._send_and_wait(asked)
        return asked

    def withdraw(self, asked: Asked) -> None:
        """Await an answer no longer."""
        self._close(asked)

    def receive(self, answer: Frame) -> None:
        """Take an answer. One that nobody awaits is none of ours, or comes a second time."""
        asked = self._open.get(str(answer.get("requestId")))
        if asked is None:
            return
        code = answer.get("code") if answer.get("type") == "error" else None
        if code in ENDS_CONNECTION:
            asked.not_followed = True
            self._end(ConnectionLostError(f"The server says: {answer.get('message')}", str(code)))
        elif code in PASSING:
            self._ask_later(asked, answer)
        else:
            self._close(asked)
            asked.answered(answer)

    def ask_all_later(self, notice: Frame) -> None:
        """Ask again what is open, after a pause: a frame was not followed, and nothing says which one."""
        alone = len(self._open) == 1
        for asked in list(self._open.values()):
            if asked.unknown is None or alone:
                self._ask_later(asked, notice)

    def _send_and_wait(self, asked: Asked) -> None:
        self._send(asked.frame)
        asked.timer = self._timers.after(self._options.answer_timeout, lambda: self._silence(asked))

    def _ask_later(self, asked: Asked, error: Frame) -> None:
        self._stop(asked)
        if asked.unknown is not None:
            self._close(asked)
            asked.unknown(error)
            return
        asked.attempts += 1
        pause = self._options.pause(asked.attempts)
        asked.timer = self._timers.after(pause, lambda: self._send_and_wait(asked))

    def _silence(self, asked: Asked) -> None:
        """Go on without an answer: ask once more, then give up the connection."""
        if asked.again:
            self._end(ConnectionLostError("The server did not answer, twice."))
        elif asked.unknown is not None:
            self._close(asked)
            asked.unknown({})
        else:
            asked.again = True
            self._send_and_wait(asked)

    def _close(self, asked: Asked) -> None:
        self._stop(asked)
        self._open.pop(asked.frame["requestId"], None)
        if not self._open:
            self.quiet.set()

    @staticmethod
    def _stop(asked: Asked) -> None:
        if asked.timer:
            asked.timer.cancel()

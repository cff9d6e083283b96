"""Keeping a connection: opening one, opening the next in time, and coming back after each end."""

import asyncio
from collections.abc import Awaitable, Callable

from entity_push_client.clock import within
from entity_push_client.errors import EntityPushError, FailedError, GiveUpError, HandshakeError, TokenError
from entity_push_client.options import Options
from entity_push_client.session import Session
from entity_push_client.sockets import Socket
from entity_push_client.states import ClientState

HANDSHAKE_SECONDS = 30.0
"""How long a handshake may take: behind it, functions may start cold."""

TOKEN_SECONDS = 60.0
"""How long the token function may take."""


class Keeper:
    """Keeps a connection until it is cancelled, or has to give up.

    Args:
        options: the client's settings.
        turn: takes the state that counts while no connection is open.
        opened: returns a session on an open WebSocket. It has asked for all topics.
        told: tells the application of an error.
    """

    def __init__(
        self,
        options: Options,
        *,
        turn: Callable[[ClientState], None],
        opened: Callable[[Socket], Session],
        told: Callable[[EntityPushError], None],
    ):
        self._options, self._turn, self._opened, self._told = options, turn, opened, told
        self._failures = 0
        self._refused: HandshakeError | None = None
        self._error: EntityPushError | None = None
        self._closing: set[asyncio.Future[None]] = set()

    async def run(self) -> None:
        """Keep a connection.

        Raises:
            FailedError: the token function, or the server, says that it is for good.
        """
        session = await self._open()
        while True:
            await _first(session.end_reason, session.due.wait())
            session = await (self._rotate(session) if session.is_open else self._reconnect(session))

    async def _reconnect(self, ended: Session) -> Session:
        self._note_end(ended)
        return await self._open()

    def _note_end(self, session: Session) -> None:
        """Count a lost connection as a failure. A row of failures ends when a connection was of use."""
        reason = session.end_reason.result()
        if isinstance(reason, FailedError):
            raise reason
        if session.proved.is_set():
            self._failures = 0
        self._failures += 1
        self._error = reason
        self._told(reason)

    async def _rotate(self, old: Session) -> Session:
        """Open a second connection, catch up on it, and only then close the first: no gap."""
        self._failures = 0
        while True:
            new = await self._open()
            await _first(new.end_reason, old.end_reason, new.memberships.quiet.wait())
            if not new.is_open:
                self._note_end(new)
                if not old.is_open:
                    return await self._open()
                continue
            if not old.is_open and isinstance(old.end_reason.result(), FailedError):
                raise old.end_reason.result()
            if old.is_open:
                await _first(old.end_reason, new.end_reason, old.conversation.quiet.wait())
                self._close_behind(old.close())
            return new

    async def _open(self) -> Session:
        """Open a connection, after as many attempts as it takes."""
        clock = self._options.clock
        while True:
            if self._failures:
                pause = self._options.pause(self._failures)
                self._turn(ClientState("waiting", clock.time() + pause, self._error))
                await clock.sleep(pause)
            self._turn(ClientState("connecting"))
            try:
                socket = await self._connect(await self._token())
            except (HandshakeError, TokenError) as error:
                self._failures += 1
                self._error = error
                self._told(error)
            else:
                self._refused = None
                return self._opened(socket)

    async def _token(self) -> str | None:
        if self._options.token is None:
            return None
        try:
            token = await within(self._options.clock, TOKEN_SECONDS, self._options.token(self._refused))
        except GiveUpError as error:
            raise FailedError("given_up", f"The token function has given up: {error}") from error
        except TimeoutError as error:
            raise TokenError(f"The token function took more than {TOKEN_SECONDS:.0f} s.") from error
        except Exception as error:
            raise TokenError(f"The token function failed: {error!r}") from error
        if not isinstance(token, str):
            raise FailedError("no_token", f"The token function returned no text, but {type(token).__name__}.")
        return token

    async def _connect(self, token: str | None) -> Socket:
        opening = asyncio.ensure_future(self._options.connect(self._options.url, token))
        try:
            return await within(self._options.clock, HANDSHAKE_SECONDS, opening)
        except asyncio.CancelledError:
            self._close_late(opening)
            raise
        except TimeoutError:
            self._close_late(opening)
            error = HandshakeError(f"The handshake took more than {HANDSHAKE_SECONDS:.0f} s.")
        except HandshakeError as refused:
            error = refused
        except Exception as unexpected:
            error = HandshakeError(f"There is no connection to the server: {unexpected!r}")
            error.__cause__ = unexpected
        self._refused = error
        raise error

    def _close_late(self, opening: asyncio.Future[Socket]) -> None:
        """Close a WebSocket that opens, or has opened, after it is of use."""

        def close(opened: asyncio.Future[Socket]) -> None:
            if not opened.cancelled() and opened.exception() is None:
                self._close_behind(opened.result().close())

        opening.add_done_callback(close)

    def _close_behind(self, close: Awaitable[None]) -> None:
        """Close a connection while others are used: a dead one never answers its close."""
        closing = asyncio.ensure_future(close)
        self._closing.add(closing)
        closing.add_done_callback(self._closing.discard)


async def _first(*events: Awaitable[object]) -> None:
    """Wait for the first of several events."""
    waiting = [asyncio.ensure_future(event) for event in events]
    try:
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for event, task in zip(events, waiting, strict=True):
            if task is not event:
                task.cancel()

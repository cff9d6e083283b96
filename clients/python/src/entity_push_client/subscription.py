"""A subscription, as the application holds it: an asynchronous iterator of changes."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Any, Generic, Self, TypeVar, cast

from entity_push_client.changes import Change, M, Reset, S, Update
from entity_push_client.errors import (
    ClosedError,
    EntityPushError,
    FailedError,
    GiveUpError,
    InvalidMessageError,
    StateError,
)
from entity_push_client.mailbox import Mailbox
from entity_push_client.names import Name
from entity_push_client.options import Options
from entity_push_client.states import SubscriptionState, SubscriptionWord

T = TypeVar("T")

logger = logging.getLogger("entity_push_client")


class Subscription(Generic[S, M]):
    """The updates of an entity, a pattern or a channel: `async for change in subscription`.

    Each change is a `Reset` or an `Update`. One task may iterate at a time. It may stop and go on later, and
    may be cancelled: nothing is lost. Where it is slower than the updates, it gets a `Reset` in their place.

    `get_state` runs in the iteration, so at the consumer's own pace. If it fails, it is called again after a
    pause, and `on_error` is told. A `GiveUpError` of it ends the iteration.

    The iteration ends when the subscription or the client is closed. It raises `RefusedError` if the server
    refuses, `FailedError` if the client gives up, and `InvalidMessageError` if `parse` refuses a message.

    Attributes:
        name: what it was subscribed to by.
    """

    def __init__(
        self,
        name: Name,
        options: Options,
        *,
        get_state: Callable[[], Awaitable[S]] | None,
        parse: Callable[[Any], M] | None,
        on_state: Callable[[SubscriptionState], None] | None,
        beginning: Callable[[], Reset[None, Any] | None],
        release: Callable[["Subscription[Any, Any]"], None],
        told: Callable[[EntityPushError], None],
    ):
        self.name = name
        self._options, self._get_state, self._parse, self._on_state = options, get_state, parse, on_state
        self._release, self._told = release, told
        self.mailbox = Mailbox(options.max_held, beginning)
        self._pending: Reset[None, Any] | None = None
        self._taken: Change[S, M] | None = None
        self._given: str | None = None
        self._iterating = False
        self._state = SubscriptionState("subscribing")
        self._ready = asyncio.get_running_loop().create_future()
        self._ended = asyncio.get_running_loop().create_future()

    @property
    def state(self) -> SubscriptionState:
        """What the subscription is doing now."""
        return self._state

    @property
    def cursor(self) -> str | None:
        """What to give as `since` later: the place of the last change that was taken from the iteration."""
        return self._taken.cursor if self._taken else self._given

    async def ready(self) -> None:
        """Wait until the server has subscribed.

        Raises:
            RefusedError: the server refuses.
            FailedError: the client has given up.
            ClosedError: the subscription was closed before.
        """
        await asyncio.shield(self._ready)

    def close(self) -> None:
        """End the subscription, and the iteration. The server is told soon, if nobody else needs it."""
        self.end("closed", None)
        self._release(self)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Change[S, M]:
        queue = self.mailbox.queue
        if queue and self._parse is None and self._pending is None and type(queue[0]) is Update:
            self._taken = update = cast("Update[M]", queue.popleft())
            return update
        if self._iterating:
            raise RuntimeError("Another task iterates over this subscription already.")
        self._iterating = True
        try:
            return await self._next()
        finally:
            self._iterating = False

    async def _next(self) -> Change[S, M]:
        while True:
            if self._pending is None:
                change = self.mailbox.take()
                if isinstance(change, Update):
                    self._taken = change
                    if self._parse is not None:
                        self._taken = change.parsed(self._parse)
                    return cast("Change[S, M]", self._taken)
                self._pending = change
            if self._pending is not None:
                reset = await self._filled(self._pending)
                if self._get_state and self.mailbox.skip_to_reset():
                    self._pending = None  # the state may be older than the newer reset
                elif reset is not None:
                    self._pending, self._taken = None, reset
                    return reset
            if self._ended.done():
                self._raise_end()
            if self._pending is None and not self.mailbox.queue:
                await self.mailbox.wait()

    def _raise_end(self) -> None:
        if self._state.error is not None:
            raise self._state.error
        raise StopAsyncIteration

    async def _filled(self, reset: Reset[None, Any]) -> Reset[S, M] | None:
        """Return a reset with its state; None if the subscription has ended before there was one."""
        state: Any = None
        attempt = 0
        while self._get_state is not None and not self._ended.done():
            try:
                state = await self._unless_ended(self._get_state())
                break
            except GiveUpError as error:
                sentence = f"get_state of {self.name} has given up: {error}"
                failed = FailedError("given_up", sentence)
                failed.__cause__ = error
                self.end("closed", failed)
                self._release(self)
            except Exception as error:
                attempt += 1
                told = StateError(str(self.name), f"get_state of {self.name} failed: {error!r}")
                told.__cause__ = error
                self._told(told)
                await self._unless_ended(self._options.clock.sleep(self._options.pause(attempt)))
        if self._ended.done():
            return None
        return Reset(state, self._looked_at(reset.latest), reset.cursor)

    def _looked_at(self, latest: Update[Any] | None) -> Update[M] | None:
        if latest is None or self._parse is None:
            return latest
        try:
            return latest.parsed(self._parse)
        except InvalidMessageError as error:
            self._told(error)
            return None

    async def _unless_ended(self, work: Awaitable[T]) -> T | None:
        """Await something; return None if the subscription ends before."""
        working = asyncio.ensure_future(work)
        try:
            await asyncio.wait((working, self._ended), return_when=asyncio.FIRST_COMPLETED)
            return working.result() if working.done() else None
        finally:
            working.cancel()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        self.close()

    # For the client

    def goes_on_from(self, since: str) -> None:
        """Take note of the cursor that the application gave."""
        self._given = since

    def turn(self, word: SubscriptionWord) -> None:
        """Take a new state, unless the subscription has ended."""
        if word == "stale" and self._state.name != "subscribed":
            return
        if not self._ended.done() and self._state.name != word:
            self._tell(SubscriptionState(word))
            if word == "subscribed" and not self._ready.done():
                self._ready.set_result(None)

    def end(self, word: SubscriptionWord, error: EntityPushError | None) -> None:
        """End for good.

        Args:
            word: the last state.
            error: what the iteration raises; None to end quietly, without what was not taken.
        """
        if self._ended.done():
            return
        if error is None:
            self.mailbox.clear()
        self._ended.set_result(None)
        if not self._ready.done():
            self._ready.set_exception(error or ClosedError("The subscription is closed."))
            self._ready.exception()  # nobody has to wait for it
        self.mailbox.wake()
        self._tell(SubscriptionState(word, error))

    def _tell(self, state: SubscriptionState) -> None:
        self._state = state
        if self._on_state is not None:
            try:
                self._on_state(state)
            except Exception:
                logger.exception("on_state of %s raised an exception", self.name)

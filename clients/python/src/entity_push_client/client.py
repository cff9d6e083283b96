"""The client: what an application holds."""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Any, Literal, Self, overload

from entity_push_client.backoff import Backoff
from entity_push_client.changes import M, S
from entity_push_client.clock import Clock, SystemClock
from entity_push_client.errors import ClosedError, EntityPushError, FailedError
from entity_push_client.keeper import Keeper
from entity_push_client.names import Channel, Name
from entity_push_client.options import Options, Token
from entity_push_client.pattern_order import PatternOrder
from entity_push_client.publishing import Published, Publisher
from entity_push_client.session import Session
from entity_push_client.sockets import Connect, Socket, connect
from entity_push_client.states import ClientState, SubscriptionState
from entity_push_client.subscription import Subscription
from entity_push_client.timers import Timers
from entity_push_client.topic import Topic
from entity_push_client.topics import Topics

OnState = Callable[[SubscriptionState], None]

logger = logging.getLogger("entity_push_client")


class EntityPush:
    """A client of one deployment. It connects at the first subscription or message, and stays connected.

        async with EntityPush(url, token=fetch_token) as push:
            async for change in push.subscribe("orders/42", get_state=fetch_order):
                ...

    Args are those of `Options`; only `url` is needed.
    """

    def __init__(
        self,
        url: str,
        *,
        token: Token | None = None,
        connect: Connect = connect,
        clock: Clock | None = None,
        random: Callable[[], float] = random.random,
        backoff: Backoff = Backoff(),  # noqa: B008 - it is frozen
        max_connection_age: float = 110 * 60,
        ping_after: float = 8 * 60,
        pong_timeout: float = 10,
        answer_timeout: float = 10,
        gap_wait: float = 0.2,
        max_held: int = 1000,
        max_pattern_entities: int = 10_000,
        on_state: Callable[[ClientState], None] | None = None,
        on_error: Callable[[EntityPushError], None] | None = None,
    ):
        self._options = Options(
            url=url,
            token=token,
            connect=connect,
            clock=clock or SystemClock(),
            random=random,
            backoff=backoff,
            max_connection_age=max_connection_age,
            ping_after=ping_after,
            pong_timeout=pong_timeout,
            answer_timeout=answer_timeout,
            gap_wait=gap_wait,
            max_held=max_held,
            max_pattern_entities=max_pattern_entities,
            on_state=on_state,
            on_error=on_error,
        )
        self._state = ClientState("idle")
        self._topics = Topics(self._options)
        self._timers = Timers(self._options.clock)
        self._publisher = Publisher(self._options, self._timers, self._current)
        self._sessions: list[Session] = []
        self._opening: ClientState | None = None
        self._keeping: asyncio.Task[None] | None = None
        self._changed: dict[Topic, None] = {}
        self._end: EntityPushError | None = None

    @property
    def state(self) -> ClientState:
        """What the client is doing now."""
        return self._state

    # Subscribing

    @overload
    def subscribe(
        self,
        name: Name,
        *,
        get_state: Callable[[], Awaitable[S]],
        parse: Callable[[Any], M],
        since: str | None = None,
        on_state: OnState | None = None,
    ) -> Subscription[S, M]: ...

    @overload
    def subscribe(
        self,
        name: Name,
        *,
        get_state: Callable[[], Awaitable[S]],
        since: str | None = None,
        on_state: OnState | None = None,
    ) -> Subscription[S, Any]: ...

    @overload
    def subscribe(
        self,
        name: Name,
        *,
        parse: Callable[[Any], M],
        since: str | None = None,
        on_state: OnState | None = None,
    ) -> Subscription[None, M]: ...

    @overload
    def subscribe(
        self, name: Name, *, since: str | None = None, on_state: OnState | None = None
    ) -> Subscription[None, Any]: ...

    def subscribe(
        self,
        name: Name,
        *,
        get_state: Callable[[], Awaitable[Any]] | None = None,
        parse: Callable[[Any], Any] | None = None,
        since: str | None = None,
        on_state: OnState | None = None,
    ) -> Subscription[Any, Any]:
        """Subscribe to an entity, to all entities of a pattern, or to a channel.

        Args:
            name: an entity's id, a pattern (`orders/*`, or `*`), a room (`rooms/r1`), or a `Channel`.
            get_state: fetches the state for each `Reset`.
            parse: looks at each message, and returns what stands for it; it may raise an exception.
            since: the cursor of the last change that was seen before; there is no `Reset` if nothing is lost.
            on_state: is called with each new state of the subscription.

        Raises:
            ClosedError: the client is closed.
            FailedError: the client has given up.
            ValueError: `since` is no cursor.
        """
        self._keep()
        topic = self._topics.find(name)
        is_new = topic is None
        if topic is None:
            topic = self._topics.add(name, since)
        subscription = Subscription[Any, Any](
            name,
            self._options,
            get_state=get_state,
            parse=parse,
            on_state=on_state,
            beginning=topic.beginning,
            release=self._release,
            told=self._told,
        )
        topic.subscriptions.append(subscription)
        if since is not None and (is_new or since == topic.order.cursor):
            subscription.goes_on_from(since)
        elif beginning := topic.beginning():
            subscription.mailbox.put(beginning)
        self._attend_soon(topic)
        return subscription

    def _release(self, subscription: Subscription[Any, Any]) -> None:
        topic = self._topics.find(subscription.name)
        if topic is not None and subscription in topic.subscriptions:
            topic.subscriptions.remove(subscription)
            self._attend_soon(topic)

    # Publishing

    async def publish(
        self, name: str | Literal[Channel.EVERYONE], message: Any, *, id: str | None = None
    ) -> Published:
        """Publish a message to the subscribers of an entity, or to everyone.

        Args:
            name: an entity's id, a room (`rooms/r1`), or `Channel.EVERYONE`.
            message: any JSON value.
            id: an id of its own: the same id makes one update, however often it is sent; None to make one.

        Raises:
            RefusedError: the server refuses it.
            OutcomeUnknownError: it may have been taken, or not.
            ClosedError: the client is closed.
            FailedError: the client has given up.
            TypeError, ValueError: the message is not JSON.
        """
        self._keep()
        if name is Channel.EVERYONE:
            return await self._publisher.publish({"action": "onMessage"}, message, id)
        return await self._publisher.publish({"action": "publish", "entityId": name}, message, id)

    # Beginning and end

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close everything: iterations end, and messages without an answer raise an exception."""
        if self._end is None:
            self._finish(ClosedError(), ClientState("closed"))
        elif self._state.name != "closed":
            self._become(ClientState("closed"))
        if self._keeping is not None and self._keeping is not asyncio.current_task():
            await asyncio.wait([self._keeping])

    def _keep(self) -> None:
        """Begin to keep a connection, if that has not begun.

        Raises:
            ClosedError: the client is closed.
            FailedError: the client has given up.
        """
        if self._end is not None:
            raise self._end
        if self._keeping is None:
            self._keeping = asyncio.create_task(self._run())

    async def _run(self) -> None:
        try:
            await Keeper(self._options, turn=self._turn, opened=self._opened, told=self._told).run()
        except FailedError as error:
            self._finish(error, ClientState("failed", error=error))
        except asyncio.CancelledError:
            if self._end is None:  # the event loop ends before the client
                self._finish(ClosedError(), ClientState("closed"))
        except Exception as error:
            logger.exception("the client has failed")
            failed = FailedError("internal_error", f"The client has failed: {error!r}")
            failed.__cause__ = error
            self._finish(failed, ClientState("failed", error=failed))
        finally:
            await asyncio.gather(*(session.close() for session in list(self._sessions)))

    def _finish(self, end: EntityPushError, state: ClientState) -> None:
        self._end = end
        self._timers.end()
        self._publisher.end(end)
        for topic in self._topics:
            topic.end("closed", None if isinstance(end, ClosedError) else end)
        if isinstance(end, FailedError):
            self._told(end)
        self._become(state)
        if self._keeping is not None and self._keeping is not asyncio.current_task():
            self._keeping.cancel()

    # For the keeper

    def _turn(self, state: ClientState) -> None:
        """Take the state that counts while no connection is open."""
        self._opening = state
        if not self._sessions:
            self._become(state)

    def _opened(self, socket: Socket) -> Session:
        """Take an open WebSocket: ask for all topics on it."""
        session = Session(
            socket,
            self._options,
            self._topics,
            attend=self._attend,
            told=self._told,
            ended=self._lost,
        )
        self._sessions.append(session)
        self._opening = None
        self._become(ClientState("connected"))
        session.memberships.settle(self._topics)
        self._publisher.opened()
        return session

    def _told(self, error: EntityPushError) -> None:
        """Tell the application of an error."""
        logger.info("%s: %s", error.code, error)
        if self._options.on_error is not None:
            try:
                self._options.on_error(error)
            except Exception:
                logger.exception("on_error raised an exception")

    def _become(self, state: ClientState) -> None:
        if state == self._state:
            return
        self._state = state
        if self._options.on_state is not None:
            try:
                self._options.on_state(state)
            except Exception:
                logger.exception("on_state raised an exception")

    # Connections and topics

    def _current(self) -> Session | None:
        """Return the connection that is asked: the newest."""
        return self._sessions[-1] if self._sessions else None

    def _lost(self, session: Session) -> None:
        self._sessions.remove(session)
        session.memberships.lost()
        if self._end is not None:
            return
        self._publisher.lost(session)
        for topic in self._topics:
            self._attend(topic)
        if self._sessions:
            return
        for topic in self._topics:
            topic.turn("stale")
        if self._opening is not None:
            self._become(self._opening)

    def _attend_soon(self, topic: Topic) -> None:
        """Attend to a topic in the next turn of the event loop: what comes at once is asked at once."""
        if not self._changed:
            asyncio.get_running_loop().call_soon(self._attend_changed)
        self._changed[topic] = None

    def _attend_changed(self) -> None:
        changed, self._changed = self._changed, {}
        if self._end is not None:
            return
        if current := self._current():
            current.memberships.settle(changed)
        for topic in changed:
            self._attend(topic)

    def _attend(self, topic: Topic) -> None:
        """Do what a topic needs now: ask, leave, wait for late frames, tell its state."""
        order = topic.order
        if not topic.wanted:
            for session in self._sessions:
                session.memberships.settle([topic])
            if not any(topic in session.memberships for session in self._sessions):
                self._topics.remove(topic)
            return
        current = self._current()
        if current is None:
            return
        if isinstance(order, PatternOrder) and order.must_begin:
            listening = sum(topic in session.memberships.inside for session in self._sessions)
            (order.begin if listening == 1 else order.go_on)()
        if topic not in current.memberships.inside or order.must_ask:
            current.memberships.settle([topic])
        if order.has_hole and topic.waiting is None:
            topic.waiting = self._timers.after(self._options.gap_wait, lambda: self._wait_is_over(topic))
        if topic in current.memberships.inside and topic not in current.memberships.asked:
            topic.turn("subscribed")

    def _wait_is_over(self, topic: Topic) -> None:
        topic.waiting = None
        if topic.order.has_hole:
            topic.order.must_ask = True
            self._attend(topic)

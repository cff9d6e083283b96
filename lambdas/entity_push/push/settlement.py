"""Settling a delivery: what the outcomes of its posts mean for its connections and for its message."""

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from botocore.exceptions import BotoCoreError, ClientError

from entity_push.posting.deliverer import Outcome, Result
from entity_push.protocol.events import Update
from entity_push.push.chunks import MAX_ATTEMPTS, Chunk, delay_seconds, split
from entity_push.push.dead_letters import DeadLetters
from entity_push.push.metrics import PushMetrics
from entity_push.push.queue import Message, Queue
from entity_push.runtime.telemetry import logger
from entity_push.table.conflicts import StillConflictingError

OPENING_SECONDS = 30
"""A connection younger than this that seems gone may only be opening: its `$connect` has not returned."""

MAX_AGE_SECONDS = 60 * 60
"""An update that is still waiting for its turn after this time has no meaning for a screen any more."""

FORGET_AT_ONCE = 10
"""Connections forgotten between two looks at the clock: each may have a thousand subscriptions."""

FORGET_RESERVE_SECONDS = 4.0
"""What forgetting leaves of the invocation's time for handing back the rest."""


class Disconnects(Protocol):
    """What settling needs of a delivery engine."""

    def disconnect(self, connection_ids: Iterable[str], *, deadline: float) -> Iterator[Result]:
        """Close connections; exactly one result per connection."""


class Forgets(Protocol):
    """What settling needs of the table."""

    def forget(self, connection_ids: Iterable[str], channel: str, *, opened_before: int) -> list[str]:
        """Delete connections that are gone; return those opened later, which were left alone."""


@dataclass(slots=True, eq=False)
class Delivery:
    """A queue message on its way to connections, and what became of its posts.

    Attributes:
        record_id: the SQS message id.
        chunk: the update and its connections.
        delivered: how many posts API Gateway took.
        refused: how many it refused for good.
        expired: how many were not sent, the connection's right to updates having ended.
        gone: connections that do not exist, or seem so.
        found_gone: how many of them this delivery's own posts found.
        began: when it was prepared, before its first post, in seconds since 1970.
        retry: connections that failed, and may be tried again.
        unsent: connections that time did not suffice for.
    """

    record_id: str
    chunk: Chunk
    delivered: int = 0
    refused: int = 0
    expired: int = 0
    found_gone: int = 0
    began: float = field(default_factory=time.time)
    gone: list[str] = field(default_factory=list)
    retry: list[str] = field(default_factory=list)
    unsent: list[str] = field(default_factory=list)

    @property
    def update(self) -> Update:
        """The update that is delivered."""
        return self.chunk.update

    @property
    def is_settled(self) -> bool:
        """Whether it is known of every connection what became of it."""
        waiting = len(self.gone) + len(self.retry) + len(self.unsent)
        return self.delivered + self.refused + self.expired + waiting == len(self.chunk.subscribers)

    def hold_back(self, connection_id: str, outcome: Outcome) -> None:
        """Share the outcome of the channel's earlier update, which must not be overtaken where it failed."""
        # One that is gone may turn out to be only opening, and then waits for this update too.
        waiting = {Outcome.RETRY: self.retry, Outcome.UNSENT: self.unsent, Outcome.GONE: self.gone}
        waiting[outcome].append(connection_id)

    def note(self, result: Result) -> None:
        """Take down what became of one post."""
        connection_id = result.connection_id
        match result.outcome:
            case Outcome.DELIVERED:
                self.delivered += 1
            case Outcome.GONE:
                self.gone.append(connection_id)
                self.found_gone += 1
            case Outcome.RETRY:
                self.retry.append(connection_id)
            case Outcome.UNSENT:
                self.unsent.append(connection_id)
            case Outcome.EXPIRED:
                self.expired += 1
            case Outcome.REFUSED:
                self.refused += 1
                logger.error(
                    "refused",
                    connection_id=connection_id,
                    channel=self.update.channel,
                    event_id=self.update.event_id,
                    status=result.status,
                    reason=result.reason,
                )


class Settlement:
    """Settles deliveries.

    Args:
        connections: forgets those that are gone.
        deliverer: closes connections that can't be reached.
        queue: takes chunks for another attempt.
        dead_letters: takes what no further attempt can help.
    """

    def __init__(self, connections: Forgets, deliverer: Disconnects, queue: Queue, dead_letters: DeadLetters):
        self._connections, self._deliverer = connections, deliverer
        self._queue, self._dead_letters = queue, dead_letters

    def settle(self, delivery: Delivery, metrics: PushMetrics, *, ends: float) -> None:
        """See to it that every connection of a delivery is done, queued again, closed or a dead letter.

        Args:
            delivery: a delivery whose posts are all noted.
            metrics: counts what happens.
            ends: `time.monotonic()` at which the invocation ends.

        Raises:
            NotSentError: what is left could not be queued; the whole message has to come back.
        """
        assert delivery.is_settled, "a connection was forgotten"
        if delivery.delivered:
            metrics.times_to_last_post.append(round(time.time() * 1000) - delivery.update.sent_at)
        metrics.deliveries += delivery.delivered
        metrics.refused += delivery.refused
        metrics.expired += delivery.expired
        metrics.gone += delivery.found_gone
        chunk = delivery.chunk
        # First what must not be lost, then housekeeping.
        self._hand_back(chunk.only(delivery.unsent), 0, metrics)
        self._try_again(chunk.again(delivery.retry), metrics, ends=ends)
        young, left = self._forget(
            delivery.gone,
            delivery.update.channel,
            opened_before=delivery.began - OPENING_SECONDS,
            until=ends - FORGET_RESERVE_SECONDS,
        )
        self._try_again(chunk.again(young), metrics, ends=ends)
        self._hand_back(chunk.only(left), 1, metrics)
        _log(delivery)

    def _forget(
        self, gone: Sequence[str], channel: str, *, opened_before: float, until: float
    ) -> tuple[list[str], list[str]]:
        """Delete connections, as far as time allows; return who is only opening, and who was not looked at.

        Args:
            gone: the connections.
            channel: whose update has found them.
            opened_before: seconds since 1970; those opened later may only be opening.
            until: `time.monotonic()` after which no more are deleted.
        """
        young: list[str] = []
        for start in range(0, len(gone), FORGET_AT_ONCE):
            some = gone[start : start + FORGET_AT_ONCE]
            try:
                if time.monotonic() > until:
                    return young, list(gone[start:])
                young += self._connections.forget(some, channel, opened_before=round(opened_before * 1000))
            except (StillConflictingError, ClientError, BotoCoreError) as error:
                logger.warning("some that are gone are not forgotten yet", channel=channel, reason=str(error))
                return young, list(gone[start:])
        return young, []

    def _try_again(self, chunk: Chunk, metrics: PushMetrics, *, ends: float) -> None:
        if chunk.attempt < MAX_ATTEMPTS:
            self._hand_back(chunk, delay_seconds(chunk.attempt), metrics)
        elif chunk.subscribers:
            self._abandon(chunk, metrics, ends=ends)

    def _hand_back(self, chunk: Chunk, delay: int, metrics: PushMetrics) -> None:
        if time.time() * 1000 - chunk.update.sent_at > MAX_AGE_SECONDS * 1000:
            self._bury(chunk, f"not delivered within {MAX_AGE_SECONDS} s", metrics)
            return
        self._queue.send(Message(part.to_message(), delay) for part in split(chunk))
        metrics.retried += len(chunk.subscribers)

    def _abandon(self, chunk: Chunk, metrics: PushMetrics, *, ends: float) -> None:
        """Close connections that can't be reached, so that the clients connect anew and catch up.

        Living on with a hole they would not know of would be worse.
        """
        update = chunk.update
        closed: list[str] = []
        left: list[str] = []
        for result in self._deliverer.disconnect(chunk.subscribers, deadline=ends - 1):
            done = result.outcome in (Outcome.DELIVERED, Outcome.GONE)
            (closed if done else left).append(result.connection_id)
        self._bury(chunk.only(left), f"neither reached nor closed in {MAX_ATTEMPTS} attempts", metrics)
        if closed:
            metrics.abandoned += len(closed)
            logger.error("abandoned", channel=update.channel, event_id=update.event_id, connections=closed)
            # What there is no time for, their `$disconnect` does.
            until = ends - FORGET_RESERVE_SECONDS
            self._forget(closed, update.channel, opened_before=time.time(), until=until)

    def _bury(self, chunk: Chunk, reason: str, metrics: PushMetrics) -> None:
        for part in split(replace(chunk, attempt=0)):  # should it be redriven
            logger.error("dead letter", channel=chunk.update.channel, reason=reason)
            self._dead_letters.send(part.to_message(), reason)
            metrics.dead_letters += 1


def _log(delivery: Delivery) -> None:
    logger.info(
        "pushed",
        channel=delivery.update.channel,
        event_id=delivery.update.event_id,
        attempt=delivery.chunk.attempt,
        delivered=delivery.delivered,
        gone=len(delivery.gone),
        retry=len(delivery.retry),
        unsent=len(delivery.unsent),
        refused=delivery.refused,
        expired=delivery.expired,
    )

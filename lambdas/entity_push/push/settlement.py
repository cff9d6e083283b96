"""Settling a delivery: the consequences of its posts' outcomes for its connections and its message."""

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Protocol

from botocore.exceptions import BotoCoreError, ClientError

from entity_push.posting.posts import Outcome, Result
from entity_push.protocol.dead_letter_reasons import Reason
from entity_push.push import retries
from entity_push.push.dead_letters import DeadLetters
from entity_push.push.delivery import Delivery
from entity_push.push.messages import Chunk, split
from entity_push.push.metrics import PushMetrics
from entity_push.push.queue import Message, Queue
from entity_push.runtime.telemetry import logger
from entity_push.table.conflicts import StillConflictingError
from entity_push.table.connections import OPENING_SECONDS


class Disconnects(Protocol):
    """A delivery engine as settling needs it (`Deliverer`)."""

    def disconnect(self, connection_ids: Iterable[str], *, deadline: float) -> Iterator[Result]:
        """Close connections; yield exactly one result per connection."""


class Forgets(Protocol):
    """The table as settling needs it (`Connections`)."""

    def forget(self, connection_ids: Iterable[str], channel: str, *, opened_before: int) -> list[str]:
        """Delete gone connections; return the ids of those opened later, which stay."""


class Settlement:
    """Settles deliveries.

    Args:
        connections: forgets gone connections.
        deliverer: closes connections that can't be reached.
        queue: takes chunks for another round.
        dead_letters: takes chunks that no further round can help.
    """

    def __init__(self, connections: Forgets, deliverer: Disconnects, queue: Queue, dead_letters: DeadLetters):
        self._connections, self._deliverer = connections, deliverer
        self._queue, self._dead_letters = queue, dead_letters

    def settle(self, delivery: Delivery, metrics: PushMetrics, *, ends: float) -> None:
        """Settle each connection of a delivery: done, queued again, closed or in a dead letter.

        Args:
            delivery: a delivery whose posts all have a result.
            metrics: counts the outcomes.
            ends: the `time.monotonic()` at which the invocation ends.

        Raises:
            NotSentError: a chunk could not be queued, so the whole message has to come back.
        """
        assert delivery.is_settled, "a connection was forgotten"
        if delivery.delivered:
            metrics.times_to_last_post.append(round(time.time() * 1000) - delivery.update.sent_at)
        metrics.deliveries += delivery.delivered
        metrics.refused += delivery.refused
        metrics.expired += delivery.expired
        metrics.gone += delivery.found_gone
        chunk = delivery.chunk
        # Retries come first, since they must not be lost. Forgetting is housekeeping.
        self._hand_back(chunk.only(delivery.unsent), 0, metrics)
        self._try_again(chunk.again(delivery.retry), metrics, ends=ends)
        young, left = self._forget(
            delivery.gone,
            delivery.update.channel,
            opened_before=delivery.began - OPENING_SECONDS,
            until=ends - retries.FORGET_RESERVE_SECONDS,
        )
        self._try_again(chunk.again(young), metrics, ends=ends)
        self._hand_back(chunk.only(left), 1, metrics)
        _log(delivery)

    def _forget(
        self, gone: Sequence[str], channel: str, *, opened_before: float, until: float
    ) -> tuple[list[str], list[str]]:
        """Delete gone connections as far as time allows.

        Args:
            gone: the ids of the connections.
            channel: the channel whose update found the connections gone.
            opened_before: seconds since 1970. A connection opened later may only be opening.
            until: the `time.monotonic()` after which no more connections are deleted.

        Returns:
            The ids of connections that may only be opening, and the ids of those left for later.
        """
        young: list[str] = []
        for start in range(0, len(gone), retries.FORGET_AT_ONCE):
            some = gone[start : start + retries.FORGET_AT_ONCE]
            try:
                if time.monotonic() > until:
                    return young, list(gone[start:])
                young += self._connections.forget(some, channel, opened_before=round(opened_before * 1000))
            except (StillConflictingError, ClientError, BotoCoreError) as error:
                logger.warning("some that are gone are not forgotten yet", channel=channel, reason=str(error))
                return young, list(gone[start:])
        return young, []

    def _try_again(self, chunk: Chunk, metrics: PushMetrics, *, ends: float) -> None:
        if chunk.rounds < retries.MAX_ROUNDS:
            self._hand_back(chunk, retries.delay_seconds(chunk.rounds), metrics)
        elif chunk.subscribers:
            self._abandon(chunk, metrics, ends=ends)

    def _hand_back(self, chunk: Chunk, delay: int, metrics: PushMetrics) -> None:
        if time.time() * 1000 - chunk.update.sent_at > retries.MAX_AGE_SECONDS * 1000:
            text = f"not delivered within {retries.MAX_AGE_SECONDS} s"
            self._bury(chunk, Reason.TOO_OLD, text, metrics)
            return
        self._queue.send(Message(part.to_message(), delay) for part in split(chunk))
        metrics.retried += len(chunk.subscribers)

    def _abandon(self, chunk: Chunk, metrics: PushMetrics, *, ends: float) -> None:
        """Close connections that can't be reached, so that their clients connect anew and catch up.

        Living on with an unknown hole would be worse for a client.
        """
        update = chunk.update
        closed: list[str] = []
        left: list[str] = []
        deadline = ends - retries.CLOSE_RESERVE_SECONDS
        for result in self._deliverer.disconnect(chunk.subscribers, deadline=deadline):
            done = result.outcome in (Outcome.DELIVERED, Outcome.GONE)
            (closed if done else left).append(result.connection_id)
        text = f"neither reached nor closed in {retries.MAX_ROUNDS} rounds"
        self._bury(chunk.only(left), Reason.UNREACHABLE, text, metrics)
        if closed:
            metrics.abandoned += len(closed)
            logger.error("abandoned", channel=update.channel, event_id=update.event_id, connections=closed)
            # `$disconnect` deletes the connections that there is no time for here.
            until = ends - retries.FORGET_RESERVE_SECONDS
            self._forget(closed, update.channel, opened_before=time.time(), until=until)

    def _bury(self, chunk: Chunk, reason: Reason, text: str, metrics: PushMetrics) -> None:
        for part in split(replace(chunk, rounds=0)):  # a redrive begins with the first round
            logger.error("dead letter", channel=chunk.update.channel, code=reason, reason=text)
            self._dead_letters.send(part.to_message(), reason, text)
            metrics.dead_letters += 1


def _log(delivery: Delivery) -> None:
    logger.info(
        "pushed",
        channel=delivery.update.channel,
        event_id=delivery.update.event_id,
        rounds=delivery.chunk.rounds,
        delivered=delivery.delivered,
        gone=len(delivery.gone),
        retry=len(delivery.retry),
        unsent=len(delivery.unsent),
        refused=delivery.refused,
        expired=delivery.expired,
    )

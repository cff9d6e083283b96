"""Settling a delivery: the consequences of its posts' outcomes for its connections and its message."""

import time
from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol

from entity_push.posting.posts import Outcome, Result
from entity_push.protocol.dead_letter_reasons import Reason
from entity_push.push import retries
from entity_push.push.dead_letters import DeadLetters
from entity_push.push.delivery import Delivery
from entity_push.push.messages import Chunk, split
from entity_push.push.metrics import PushMetrics
from entity_push.push.queue import Message, Queue
from entity_push.runtime.aws_errors import AwsError
from entity_push.runtime.telemetry import logger
from entity_push.table.conflicts import StillConflictingError
from entity_push.table.connections import OPENING_SECONDS


class Disconnects(Protocol):
    """A delivery engine as settling needs it (`Deliverer`)."""

    def disconnect(
        self, connection_ids: Iterable[str], *, deadline: float, suspect: bool = False
    ) -> Iterator[Result]:
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

    def hand_on(self, delivery: Delivery, metrics: PushMetrics) -> list[Chunk]:
        """Hand on what can't be done here, as soon as a delivery's posts have their results.

        Retries go back to the queue, refused posts become a dead letter. Nobody waits for the other
        deliveries of a batch.

        Args:
            delivery: a delivery whose posts all have a result.
            metrics: counts the outcomes.

        Returns:
            The chunks whose connections no further round can help: they are to be closed (`settle`).

        Raises:
            NotSentError: a chunk could not be queued, so the whole message has to come back.
            RefusedError: SQS refused the dead letter; likewise.
            UnansweredError: SQS could not be reached; likewise.
        """
        assert delivery.is_settled, "a connection was forgotten"
        _count(delivery, metrics)
        chunk = delivery.chunk
        if delivery.refused:
            answers = ", ".join(f"{answer} ({count})" for answer, count in delivery.refusals.items())
            text = f"API Gateway refused posts: {answers}"
            self._bury(chunk.only(delivery.refused), Reason.REFUSED, text, metrics)
        excusable = chunk.excused < retries.MAX_EXCUSED_ROUNDS
        failed = [
            chunk.excuse(delivery.unsent),
            chunk.excuse(delivery.silent) if excusable else chunk.again(delivery.silent),
            chunk.again(delivery.retry),
        ]
        return [each for each in failed if not self._has_another_round(each, metrics)]

    def settle(
        self, delivery: Delivery, helpless: Iterable[Chunk], metrics: PushMetrics, *, ends: float
    ) -> None:
        """Forget connections that are gone, and close those that can't be helped.

        Args:
            delivery: a delivery that was handed on.
            helpless: the chunks that `hand_on` has returned.
            metrics: counts the outcomes.
            ends: the `time.monotonic()` at which the invocation ends.

        Raises:
            NotSentError: a chunk could not be queued, so the whole message has to come back.
            RefusedError: SQS refused a dead letter; likewise.
            UnansweredError: SQS could not be reached; likewise.
        """
        young, left = self._forget(
            delivery.gone,
            delivery.update.channel,
            opened_before=delivery.began - OPENING_SECONDS,
            until=ends - retries.FORGET_RESERVE_SECONDS,
        )
        opening, waiting = delivery.chunk.again(young), delivery.chunk.excuse(left)
        abandoned = list(helpless)
        # A connection that is only opening must not be closed for the age of what came before it.
        if not self._has_another_round(opening, metrics, at_any_age=True):
            abandoned.append(opening)
        if not self._has_another_round(waiting, metrics):
            abandoned.append(waiting)
        for chunk in abandoned:
            self._abandon(chunk, metrics, ends=ends)
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
            except (StillConflictingError, AwsError) as error:
                logger.warning("some that are gone are not forgotten yet", channel=channel, reason=str(error))
                return young, list(gone[start:])
        return young, []

    def _has_another_round(self, chunk: Chunk, metrics: PushMetrics, *, at_any_age: bool = False) -> bool:
        """Queue a chunk for its next round, if there is one; tell whether nothing is left to do for it."""
        if not chunk.subscribers:
            return True
        if chunk.rounds >= retries.MAX_ROUNDS or (_is_old(chunk) and not at_any_age):
            return False
        delay = retries.delay_seconds(chunk.rounds + chunk.excused)
        self._queue.send(Message(part.to_message(), delay) for part in split(chunk))
        metrics.retried += len(chunk.subscribers)
        return True

    def _abandon(self, chunk: Chunk, metrics: PushMetrics, *, ends: float) -> None:
        """Close connections that can't be reached, so that their clients connect anew and catch up.

        Living on with an unknown hole would be worse for a client.
        """
        update = chunk.update
        closed: list[str] = []
        left: list[str] = []
        deadline = ends - retries.CLOSE_RESERVE_SECONDS
        for result in self._deliverer.disconnect(chunk.subscribers, deadline=deadline, suspect=True):
            done = result.outcome in (Outcome.DELIVERED, Outcome.GONE)
            (closed if done else left).append(result.connection_id)
        reason, text = Reason.UNREACHABLE, f"neither reached nor closed in {retries.MAX_ROUNDS} rounds"
        if chunk.rounds < retries.MAX_ROUNDS:
            reason, text = Reason.TOO_OLD, f"neither reached within {retries.MAX_AGE_SECONDS} s nor closed"
        self._bury(chunk.only(left), reason, text, metrics)
        if closed:
            metrics.abandoned += len(closed)
            logger.error("abandoned", channel=update.channel, event_id=update.event_id, connections=closed)
            # `$disconnect` deletes the connections that there is no time for here.
            until = ends - retries.FORGET_RESERVE_SECONDS
            self._forget(closed, update.channel, opened_before=time.time(), until=until)

    def _bury(self, chunk: Chunk, reason: Reason, text: str, metrics: PushMetrics) -> None:
        for part in split(chunk.anew()):  # a redrive begins with the first round
            logger.error(
                "dead letter",
                channel=part.update.channel,
                event_id=part.update.event_id,
                connections=len(part.subscribers),
                code=reason,
                reason=text,
            )
            self._dead_letters.send(part.to_message(), reason, text)
            metrics.dead_letters += 1


def _is_old(chunk: Chunk) -> bool:
    """Tell whether an update is too old to be tried again."""
    return time.time() * 1000 - chunk.update.sent_at > retries.MAX_AGE_SECONDS * 1000


def _count(delivery: Delivery, metrics: PushMetrics) -> None:
    if delivery.delivered:
        metrics.times_to_last_post.append(round(time.time() * 1000) - delivery.update.sent_at)
    metrics.deliveries += delivery.delivered
    metrics.refused += len(delivery.refused)
    metrics.expired += delivery.expired
    metrics.gone += delivery.found_gone


def _log(delivery: Delivery) -> None:
    logger.info(
        "pushed",
        channel=delivery.update.channel,
        event_id=delivery.update.event_id,
        sequence=delivery.update.sequence,
        rounds=delivery.chunk.rounds,
        excused=delivery.chunk.excused,
        delivered=delivery.delivered,
        gone=len(delivery.gone),
        retry=len(delivery.retry),
        last_failure=delivery.last_failure,
        silent=len(delivery.silent),
        unsent=len(delivery.unsent),
        refused=len(delivery.refused),
        expired=delivery.expired,
    )

"""Fanning out: queue messages in, posts to subscribers out, each message with a fate of its own."""

import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol

from entity_push.dead_letters import DeadLetters
from entity_push.delivery import Outcome, Post, Result
from entity_push.events import UnusableEventError, Update, parse_update
from entity_push.table import Table
from entity_push.telemetry import logger

RESERVE_SECONDS = 3.0
"""Time kept back at the end of an invocation for cleaning up and answering."""


class Delivers(Protocol):
    """What fans out needs of a delivery engine."""

    def deliver(self, posts: Iterator[Post], *, deadline: float) -> Iterator[Result]:
        """Post frames; exactly one result per post."""


class FanOut:
    """Pushes updates to subscribers.

    Args:
        table: finds the subscribers, and forgets the gone.
        deliverer: posts frames.
        dead_letters: takes what can't be pushed.
    """

    def __init__(self, table: Table, deliverer: Delivers, dead_letters: DeadLetters):
        self._table, self._deliverer, self._dead_letters = table, deliverer, dead_letters

    def push(self, records: Sequence[Mapping[str, Any]], *, seconds: float) -> list[str]:
        """Push a batch.

        Args:
            records: SQS records, as a Lambda event source gives them.
            seconds: how long this invocation may still take.

        Returns:
            The message ids of the records that have to come back; each of the others is done.
        """
        deadline = time.monotonic() + seconds - RESERVE_SECONDS
        failed = []
        for record in records:
            try:
                done = self._push_record(record, deadline)
            except Exception:  # whatever befalls one record must not befall its neighbours
                logger.exception("the record failed", message_id=record["messageId"])
                done = False
            if not done:
                failed.append(record["messageId"])
        return failed

    def _push_record(self, record: Mapping[str, Any], deadline: float) -> bool:
        try:
            update = parse_update(record["body"])
        except UnusableEventError as error:
            logger.error("dead letter", message_id=record["messageId"], reason=str(error))
            self._dead_letters.send(record["body"], str(error))
            return True
        return self._push_update(update, deadline)

    def _push_update(self, update: Update, deadline: float) -> bool:
        outcomes: Counter[Outcome] = Counter()
        for result in self._deliverer.deliver(self._posts(update), deadline=deadline):
            outcomes[result.outcome] += 1
            if result.outcome is Outcome.GONE:
                self._table.delete_connection(result.connection_id, channel=update.channel)
            elif result.outcome is not Outcome.DELIVERED:
                logger.warning(
                    "not delivered",
                    channel=update.channel,
                    event_id=update.event_id,
                    connection_id=result.connection_id,
                    reason=result.reason,
                )
        logger.info(
            "pushed",
            channel=update.channel,
            event_id=update.event_id,
            outcomes={outcome.name.lower(): count for outcome, count in outcomes.items()},
        )
        return not outcomes[Outcome.RETRY]

    def _posts(self, update: Update) -> Iterator[Post]:
        for page in self._table.subscribers(update.channel):
            for connection_id in page:
                yield Post(connection_id, update.frame)

"""Fanning out: queue messages in, posts to subscribers out, each message with a fate of its own.

A batch goes through five steps: read the messages, number and store the updates, find the subscribers,
deliver, settle. An update with more than one page of subscribers is split into chunks. A failure stays with
its message, or with its channel.
"""

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from entity_push.posting.posts import NotYet, Post, Result
from entity_push.push import retries
from entity_push.push.batch import Batch, Numbers
from entity_push.push.dead_letters import DeadLetters
from entity_push.push.delivery import Delivery
from entity_push.push.messages import NO_RULES, Chunk
from entity_push.push.queue import Queue
from entity_push.push.sequencer import Sequencer
from entity_push.push.settlement import Disconnects, Forgets, Settlement
from entity_push.push.turns import Turns
from entity_push.table.calls import MakeCalls
from entity_push.table.subscribers import Subscribers

if TYPE_CHECKING:  # rules cost a cold start, and most deployments have none
    from entity_push.protocol.event_rules import EventRule


_NOT_SETTLED = "the delivery could not be settled"


class Delivers(Disconnects, Protocol):
    """A delivery engine as fanning out needs it (`Deliverer`)."""

    def deliver(self, posts: Iterable[Post | NotYet], *, deadline: float) -> Iterator[Result]:
        """Post frames; yield exactly one result per post. `NOT_YET`: no post is due before another result."""


class FanOut:
    """Pushes updates to subscribers.

    Args:
        subscribers: knows the subscribers.
        connections: forgets those that are gone.
        numbers: numbers and stores updates, or sees to it that nobody relies on old numbers.
        make: makes the calls of both (`JsonClient.at_once`).
        deliverer: posts frames.
        queue: takes chunks.
        dead_letters: takes what can't be pushed.
        deployment_name: what metrics are counted under.
        rules: the rules for own events, by their names.
    """

    def __init__(
        self,
        *,
        subscribers: Subscribers,
        connections: Forgets,
        numbers: Numbers,
        make: MakeCalls,
        deliverer: Delivers,
        queue: Queue,
        dead_letters: DeadLetters,
        deployment_name: str,
        rules: Mapping[str, "EventRule"] = NO_RULES,
    ):
        self._subscribers, self._numbers, self._make = subscribers, numbers, make
        self._deliverer, self._queue, self._dead_letters = deliverer, queue, dead_letters
        self._deployment_name, self._rules = deployment_name, rules
        self._turns = Turns()
        self._settlement = Settlement(connections, deliverer, queue, dead_letters)

    def push(self, records: Sequence[Mapping[str, Any]], *, seconds: float) -> list[str]:
        """Push a batch.

        Args:
            records: SQS records, as a Lambda event source gives them.
            seconds: the time that this invocation has left, in seconds.

        Returns:
            The message ids of the records that have to come back. All other records are done.
        """
        ends = time.monotonic() + seconds
        batch = Batch(
            subscribers=self._subscribers,
            numbers=self._numbers,
            make=self._make,
            queue=self._queue,
            dead_letters=self._dead_letters,
            turns=self._turns,
            rules=self._rules,
        )
        try:
            self._push(batch, records, ends)
            batch.metrics.failed = len(batch.failed)
            batch.give_up(records)
            self._queue.come_back_soon(record for record in records if record["messageId"] in batch.failed)
        finally:  # whatever fails: alarms are on these counts
            batch.metrics.flush(self._deployment_name)
        return list(batch.failed)

    def _push(self, batch: Batch, records: Sequence[Mapping[str, Any]], ends: float) -> None:
        for record in records:
            batch.add(record)
        batch.prepare(until=ends - retries.PREPARE_RESERVE_SECONDS)
        self._deliver(batch, ends)

    def _deliver(self, batch: Batch, ends: float) -> None:
        """Post to the subscribers. Each delivery is handed on when its own posts are done."""
        posts = Sequencer(batch.deliveries)
        learn = self._turns.learner()
        handed_on: dict[Delivery, list[Chunk] | None] = {}  # None: that failed, and its record comes back

        def hand_on(delivery: Delivery) -> None:
            handed_on[delivery] = None
            try:
                handed_on[delivery] = self._settlement.hand_on(delivery, batch.metrics)
            except Exception as error:
                batch.fail([delivery.record_id], _NOT_SETTLED, error)

        for result in self._deliverer.deliver(posts, deadline=ends - retries.SETTLE_RESERVE_SECONDS):
            for delivery in posts.note(result):
                learn(delivery)
                hand_on(delivery)
        for delivery in batch.deliveries:
            if delivery not in handed_on:  # it has no subscribers
                hand_on(delivery)
            if (helpless := handed_on[delivery]) is None:
                continue
            try:
                self._settlement.settle(delivery, helpless, batch.metrics, ends=ends)
            except Exception as error:
                batch.fail([delivery.record_id], _NOT_SETTLED, error)

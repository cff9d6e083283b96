"""Fanning out: queue messages in, posts to subscribers out, each message with a fate of its own.

A batch goes through five steps: read the messages, number and store the updates, find the subscribers (or
split an update that has more than one page of them into chunks), deliver, settle. Whatever befalls one
message stays with it, or with its channel.
"""

import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol

from entity_push.chunks import Chunk, split
from entity_push.dead_letters import DeadLetters
from entity_push.delivery import Post, Result
from entity_push.events import Event, UnusableEventError, Update
from entity_push.messages import read_message
from entity_push.push_metrics import PushMetrics
from entity_push.queue import Message, Queue
from entity_push.settlement import Delivery, Settlement
from entity_push.table.history import History
from entity_push.table.subscriptions import Subscriptions
from entity_push.telemetry import logger

RESERVE_SECONDS = 12.0
"""Time kept back at the end of an invocation for settling: forgetting the gone, handing back the rest."""


class Delivers(Protocol):
    """What fanning out needs of a delivery engine."""

    def deliver(self, posts: Iterable[Post], *, deadline: float) -> Iterator[Result]:
        """Post frames; exactly one result per post."""

    def disconnect(self, connection_ids: Iterable[str], *, deadline: float) -> Iterator[Result]:
        """Close connections; exactly one result per connection."""


class FanOut:
    """Pushes updates to subscribers.

    Args:
        subscriptions: knows the subscribers.
        history: numbers and stores updates; None if they are not to be stored.
        deliverer: posts frames.
        queue: takes chunks.
        dead_letters: takes what can't be pushed.
    """

    def __init__(
        self,
        subscriptions: Subscriptions,
        history: History | None,
        deliverer: Delivers,
        queue: Queue,
        dead_letters: DeadLetters,
    ):
        self._subscriptions, self._history = subscriptions, history
        self._deliverer, self._queue, self._dead_letters = deliverer, queue, dead_letters
        self._settlement = Settlement(subscriptions, deliverer, queue, dead_letters)

    def push(self, records: Sequence[Mapping[str, Any]], *, seconds: float) -> list[str]:
        """Push a batch.

        Args:
            records: SQS records, as a Lambda event source gives them.
            seconds: how long this invocation may still take.

        Returns:
            The message ids of the records that have to come back; each of the others is done.
        """
        ends = time.monotonic() + seconds
        batch = _Batch(self._subscriptions, self._history, self._queue, self._dead_letters)
        for record in records:
            batch.add(record)
        batch.prepare()
        for deliveries in batch.rounds():
            self._deliver(deliveries, ends - RESERVE_SECONDS)
        for delivery in batch.deliveries:
            try:
                self._settlement.settle(delivery, batch.metrics, ends=ends)
            except Exception:
                batch.fail([delivery.record_id], "the delivery could not be settled")
        failed = set(batch.failed)
        self._queue.come_back_soon(record for record in records if record["messageId"] in failed)
        batch.metrics.flush()
        return batch.failed

    def _deliver(self, deliveries: Sequence[Delivery], deadline: float) -> None:
        posts = [
            Post(connection_id, delivery.update.frame, tag=delivery)
            for delivery in deliveries
            for connection_id in delivery.waiting()
        ]
        for result in self._deliverer.deliver(posts, deadline=deadline):
            delivery = result.tag
            assert isinstance(delivery, Delivery)
            delivery.note(result)


class _Batch:
    """The messages of one invocation: what became of each, and what is to be delivered."""

    def __init__(
        self, subscriptions: Subscriptions, history: History | None, queue: Queue, dead_letters: DeadLetters
    ):
        self._subscriptions, self._history = subscriptions, history
        self._queue, self._dead_letters = queue, dead_letters
        self._events: dict[str, dict[str, Event]] = defaultdict(dict)
        self.deliveries: list[Delivery] = []
        self.failed: list[str] = []
        self.metrics = PushMetrics()

    def add(self, record: Mapping[str, Any]) -> None:
        """Read a record: an event, a chunk, or a dead letter."""
        try:
            self._add(record)
        except Exception:
            self.fail([record["messageId"]], "the message could not be read")

    def prepare(self) -> None:
        """Store the events, then find out for whom they are: in this order, nobody falls into a gap."""
        for channel, events in self._events.items():
            try:
                self._prepare(channel, events)
            except Exception:
                self.fail(list(events), "the events could not be prepared")

    def fail(self, record_ids: Iterable[str], what: str) -> None:
        """Have records come back, and log the exception that is being handled."""
        failed = list(record_ids)
        logger.exception(what, message_ids=failed)
        self.failed += failed

    def rounds(self) -> Iterator[list[Delivery]]:
        """Yield what may be delivered at once: of each channel, one update after the other."""
        by_channel: dict[str, list[Delivery]] = defaultdict(list)
        for delivery in self.deliveries:
            by_channel[delivery.update.channel].append(delivery)
        for number in range(max(map(len, by_channel.values()), default=0)):
            for queued in by_channel.values():
                if 0 < number < len(queued):
                    queued[number].follow(queued[number - 1])
            yield [queued[number] for queued in by_channel.values() if number < len(queued)]

    def _add(self, record: Mapping[str, Any]) -> None:
        try:
            message = read_message(record["body"], sent_at=int(record["attributes"]["SentTimestamp"]))
        except UnusableEventError as error:
            logger.error("dead letter", message_id=record["messageId"], reason=str(error))
            self._dead_letters.send(record["body"], str(error))
            self.metrics.dead_letters += 1
            return
        if isinstance(message, Chunk):
            self.deliveries.append(Delivery(record["messageId"], message))
        else:
            self._events[message.channel][record["messageId"]] = message

    def _prepare(self, channel: str, events: Mapping[str, Event]) -> None:
        if self._history is None:
            updates = [event.at(None) for event in events.values()]
        else:
            updates = self._history.append(list(events.values()))
        # The same event may be in two records of a batch; one of them delivers it.
        record_ids = {event.event_id: record_id for record_id, event in events.items()}
        first = next(self._subscriptions.subscribers(channel))
        for update in updates:
            self.metrics.updates += 1
            self.metrics.oversize += update.oversize
            if first.last:
                self.metrics.subscribers.append(len(first.connection_ids))
                chunk = Chunk(update, tuple(first.connection_ids))
                self.deliveries.append(Delivery(record_ids[update.event_id], chunk))
            else:
                self._split(update)

    def _split(self, update: Update) -> None:
        total = 0

        def messages() -> Iterator[Message]:
            nonlocal total
            pages = (page.connection_ids for page in self._subscriptions.subscribers(update.channel))
            for chunk in split(update, pages):
                total += len(chunk.connection_ids)
                yield Message(chunk.to_message())

        chunks = self._queue.send(messages())
        self.metrics.subscribers.append(total)
        logger.info(
            "split", channel=update.channel, event_id=update.event_id, subscribers=total, chunks=chunks
        )

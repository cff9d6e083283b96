"""Preparing a batch: read its messages, number its updates, find or split their subscribers."""

import time
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from entity_push.protocol.dead_letter_reasons import Reason, UnusableMessageError
from entity_push.protocol.events import Event, EventOfSeveral, Update
from entity_push.push import retries
from entity_push.push.dead_letters import DeadLetters
from entity_push.push.delivery import Delivery
from entity_push.push.messages import (
    NO_RULES,
    Chunk,
    Rest,
    UnknownRuleError,
    event_id_in,
    read_message,
    split,
)
from entity_push.push.metrics import PushMetrics
from entity_push.push.queue import Message, Queue
from entity_push.push.turns import Turns
from entity_push.runtime.telemetry import logger
from entity_push.table.calls import MakeCalls, each, run_together
from entity_push.table.history import Appended
from entity_push.table.subscribers import NOBODY, Page, Subscribers

if TYPE_CHECKING:  # rules cost a cold start, and most deployments have none
    from entity_push.protocol.event_rules import EventRule

_NO_TIME = "no time left to begin"


class Numbers(Protocol):
    """Numbers a channel's events (`History`, `NoHistory`)."""

    async def append(self, events: Sequence[Event]) -> Appended:
        """Give numbers to events of one channel, each event once; return what became of them."""


class Batch:
    """The messages of one invocation, with their deliveries and failures.

    Args:
        subscribers: reads the subscribers.
        numbers: numbers and stores updates.
        make: makes their calls.
        queue: takes chunks.
        dead_letters: takes what can't be pushed.
        turns: tells when posts may begin.
        rules: the rules for own events, by their names.
    """

    def __init__(
        self,
        *,
        subscribers: Subscribers,
        numbers: Numbers,
        make: MakeCalls,
        queue: Queue,
        dead_letters: DeadLetters,
        turns: Turns,
        rules: Mapping[str, "EventRule"] = NO_RULES,
    ):
        self._subscribers, self._numbers, self._make = subscribers, numbers, make
        self._queue, self._dead_letters, self._turns, self._own_rules = queue, dead_letters, turns, rules
        self._events: dict[str, dict[str, Event]] = defaultdict(dict)
        self._rests: dict[str, Rest] = {}
        self._bodies: dict[str, str] = {}
        self.deliveries: list[Delivery] = []
        self.failed: dict[str, str] = {}
        self.metrics = PushMetrics()

    def add(self, record: Mapping[str, Any]) -> None:
        """Read a record: an event, an event of several entities, a chunk, or a rest.

        An unusable message becomes a dead letter at once.
        """
        self._bodies[record["messageId"]] = record["body"]
        try:
            self._add(record)
        except Exception as error:
            self.fail([record["messageId"]], "the message could not be read", error)

    def prepare(self, *, until: float) -> None:
        """Store the events, then read the subscribers. This order leaves no gap between past and present.

        Args:
            until: the `time.monotonic()` after which no further work is begun; its records come back.
        """
        self._prepare_all([(channel, events) for channel, events in self._events.items()], until)
        for record_id, rest in self._rests.items():
            if self._in_time([record_id], until):
                self._split({record_id: rest.update}, until, rest)

    def fail(self, record_ids: Iterable[str], what: str, error: Exception) -> None:
        """Let records come back, and log the error."""
        failed = dict.fromkeys(record_ids, f"{what}: {error!r}")
        logger.error(what, exc_info=error, message_ids=list(failed), event_ids=self._event_ids(failed))
        self.failed |= failed

    def give_up(self, records: Iterable[Mapping[str, Any]]) -> None:
        """Make dead letters of those records that failed and have no further receive.

        SQS would make them dead letters at the next receive, minutes later and without the reason. It still
        does for a record whose letter can't be sent, and after invocations that were ended from outside.
        """
        for record in records:
            why = self.failed.get(record["messageId"])
            receives = int(record["attributes"]["ApproximateReceiveCount"])
            if why is None or receives < retries.MAX_RECEIVES:
                continue
            try:
                self._bury(record, Reason.FAILED_TOO_OFTEN, why)
                del self.failed[record["messageId"]]
            except Exception:
                logger.exception("a dead letter goes without its reason", message_id=record["messageId"])

    def _add(self, record: Mapping[str, Any]) -> None:
        record_id, sent_at = record["messageId"], int(record["attributes"]["SentTimestamp"])
        try:
            message = read_message(record["body"], sent_at=sent_at, rules=self._own_rules)
        except UnknownRuleError as error:
            if time.time() * 1000 - sent_at < retries.UNKNOWN_RULE_SECONDS * 1000:
                raise  # it comes back
            self._bury(record, Reason.UNKNOWN_RULE, str(error))
            return
        except UnusableMessageError as error:
            self._bury(record, error.reason, error.text)
            return
        match message:
            case Chunk():
                self.deliveries.append(Delivery(record_id, message))
            case Rest():
                self._rests[record_id] = message
            case EventOfSeveral():
                several = self._queue.send(Message(body) for body in message.messages())
                logger.info("taken apart", event_id=message.event["id"], entities=several)
            case Event():
                self._events[message.channel][record_id] = message

    def _bury(self, record: Mapping[str, Any], reason: Reason, text: str) -> None:
        logger.error(
            "dead letter",
            message_id=record["messageId"],
            event_id=event_id_in(record["body"]),
            code=reason,
            reason=text,
        )
        self._dead_letters.send(record["body"], reason, text)
        self.metrics.dead_letters += 1

    def _in_time(self, record_ids: Iterable[str], until: float) -> bool:
        if time.monotonic() < until:
            return True
        failed = dict.fromkeys(record_ids, _NO_TIME)
        logger.warning(_NO_TIME, message_ids=list(failed), event_ids=self._event_ids(failed))
        self.failed |= failed
        return False

    def _event_ids(self, record_ids: Iterable[str]) -> list[str]:
        """Return the ids of the events that records are about, for the log of a failure."""
        found = (event_id_in(self._bodies[record_id]) for record_id in record_ids)
        return [event_id for event_id in found if event_id]

    def _prepare_all(self, several: Sequence[tuple[str, Mapping[str, Event]]], until: float) -> None:
        """Prepare channels at once; after a channel's failure each event apart, so that one fails alone."""
        begun = [(channel, events) for channel, events in several if self._in_time(events, until)]
        results = run_together([self._number(channel, events) for channel, events in begun], self._make)
        apart: list[tuple[str, Mapping[str, Event]]] = []
        for (channel, events), found in zip(begun, results, strict=True):
            if not isinstance(found, Exception):
                self._deliver(events, *found, until)
            elif len(events) == 1:
                self.fail(events, "the event could not be prepared", found)
            else:
                apart += [(channel, {record_id: event}) for record_id, event in events.items()]
        if apart:
            self._prepare_all(apart, until)

    async def _number(self, channel: str, events: Mapping[str, Event]) -> tuple[Appended, Page]:
        """Give numbers to a channel's events, then read the first page of its subscribers."""
        appended = await self._numbers.append(list(events.values()))
        if not appended.updates:
            return appended, NOBODY
        return appended, await anext(self._subscribers.pages(channel))

    def _deliver(self, events: Mapping[str, Event], appended: Appended, first: Page, until: float) -> None:
        # The same event may be in two records of a batch; one of them delivers it.
        record_ids = {event.identity: record_id for record_id, event in events.items()}
        by_record = {record_ids[update.identity]: update for update in appended.updates}
        self.metrics.updates += len(appended.updates)
        self.metrics.superseded += len(appended.superseded)
        self.metrics.repeated += len(appended.repeated)
        _log_unnumbered(appended)
        self.metrics.oversize += sum(update.oversize for update in appended.updates)
        if first.last:
            begins = self._turns.begins(appended.ahead)
            for record_id, update in by_record.items():
                self.metrics.subscribers.append(len(first.subscribers))
                self.deliveries.append(Delivery(record_id, Chunk(update, first.subscribers), begins))
        else:
            self._split(by_record, until)

    def _split(self, updates: Mapping[str, Update], until: float, rest: Rest | None = None) -> None:
        """Put chunks on the queue for a channel's updates, by record; when time is up, put a rest."""
        try:
            total = self._send_chunks(list(updates.values()), until, rest)
        except Exception as error:
            self.fail(updates, "the updates could not be split", error)
            return
        if total is not None:
            self.metrics.subscribers += [total] * len(updates)

    def _send_chunks(self, updates: Sequence[Update], until: float, rest: Rest | None) -> int | None:
        """Send chunks page by page; return the number of subscribers, or None if a rest was sent."""
        channel = updates[0].channel
        total, after = (rest.before, rest.after) if rest else (0, None)
        for page in each(self._subscribers.pages(channel, after=after), self._make):
            self._queue.send(
                Message(chunk.to_message())
                for update in updates
                for chunk in split(Chunk(update, page.subscribers))
            )
            total += len(page.subscribers)
            after = next(reversed(page.subscribers), after)
            if not page.last and after is not None and time.monotonic() > until:
                self._queue.send(Message(Rest(update, after, total).to_message()) for update in updates)
                return None
        event_ids = [update.event_id for update in updates]
        logger.info("split", channel=channel, event_ids=event_ids, subscribers=total)
        return total


def _log_unnumbered(appended: Appended) -> None:
    """Log which of a channel's events are no updates: only here can one learn what became of them."""
    if appended.superseded:
        logger.info(
            "superseded",
            channel=appended.superseded[0].channel,
            event_ids=[event.event_id for event in appended.superseded],
            versions=[event.version for event in appended.superseded],
        )
    if appended.repeated:
        logger.info(
            "repeated",
            channel=appended.repeated[0].channel,
            event_ids=[event.event_id for event in appended.repeated],
        )

"""A channel's history: its head, its stored updates, and the markers of events that have their number.

Storing is one transaction. The head moves from n to n + k, on the condition that it is still at n. Updates
n + 1 to n + k are put. A marker for each event is put, on the condition that there is none. So numbers have
no holes, and an event that comes twice keeps its number. The loser of a race learns from the failed condition
what the winner wrote, and tries again from there.
"""

import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from entity_push.protocol import frames
from entity_push.protocol.cursors import Cursor, new_epoch
from entity_push.protocol.events import Event, Update
from entity_push.runtime.environment import PushEnvironment, SubscribeEnvironment
from entity_push.table import keys
from entity_push.table.conflicts import ConflictRetries, StillConflictingError, reasons
from entity_push.table.keys import Item

MARKER_SECONDS = 23 * 24 * 60 * 60
"""A marker's life: longer than a message's time on the queue (4 days), as a dead letter (14), and on the
queue again (4)."""

MAX_LATEST_BYTES = 16 * 1024
"""The head keeps a larger last frame without its message. A subscribe's answer has to stay small, and every
update would pay for writing the message twice."""

PAGE_ITEMS = 25
"""Updates read at once for a subscribe's answer of at most 32 KB."""

_RACES = 100  # tries against other workers that number the same channel
_PASSING = frozenset(
    ("ConditionalCheckFailed", "TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded")
)
_REMEMBERED = 1000


@dataclass(frozen=True, slots=True)
class Head:
    """A channel's head.

    Attributes:
        epoch: the name of the head's life.
        sequence: the last number given; 0 before the first update.
        latest: the last frame, as bytes on the wire; None before the first update.
    """

    epoch: str
    sequence: int
    latest: bytes | None = None

    @property
    def cursor(self) -> Cursor:
        """The cursor of a client that has the last update."""
        return Cursor(self.epoch, self.sequence)


class History:
    """Stores and replays updates.

    Args:
        client: a DynamoDB client: botocore's, boto3's, or for `append` also a `DynamoDbClient`.
        name: the table's name.
        replay_seconds: the life of a stored update, in seconds.
        head_seconds: the life of a head after its last update, in seconds.
        pause: sleeps for a number of seconds between tries; tests replace it.
    """

    def __init__(
        self,
        client: Any,
        name: str,
        *,
        replay_seconds: int,
        head_seconds: int,
        pause: Callable[[float], None] = time.sleep,
    ):
        self._client, self._name = client, name
        self._replay_seconds, self._head_seconds = replay_seconds, head_seconds
        self._retries = ConflictRetries(pause)
        # The cursor at which this worker left a channel, and whether this worker alone moved the head last
        # time. If so, the head need not be read. A wrong guess costs a failed transaction, more than a read.
        self._left: OrderedDict[str, tuple[Cursor, bool]] = OrderedDict()

    @classmethod
    def kept(cls, client: Any, environment: SubscribeEnvironment | PushEnvironment) -> "History | None":
        """Return the history as the stack sets it up; None if nothing is stored (`replayHours` = 0)."""
        if not environment.replay_seconds:
            return None
        return cls(
            client,
            environment.table_name,
            replay_seconds=environment.replay_seconds,
            head_seconds=environment.head_seconds,
        )

    def head(self, channel: str) -> Head | None:
        """Return a channel's head, strongly consistent; None if there is none, or none any more."""
        answer = self._client.get_item(TableName=self._name, Key=keys.head(channel), ConsistentRead=True)
        return _head(answer["Item"]) if "Item" in answer else None

    def begin(self, channel: str) -> Head:
        """Return a channel's head; make one, at number 0, if there is none.

        So even a channel without updates has a cursor, with which a client that comes back misses nothing. A
        new head lives as long as an update would: no client can use the cursor after that.

        Raises:
            StillConflictingError: other writers were at the head in every try.
        """
        found = self.head(channel)
        if found is not None:
            return found
        made = Head(new_epoch(), 0)
        item = {
            **keys.head(channel),
            "epoch": {"S": made.epoch},
            "sequence": {"N": "0"},
            "ttl": {"N": str(int(time.time()) + self._replay_seconds)},
        }
        try:
            self._retries.call(
                self._client.put_item,
                TableName=self._name,
                Item=item,
                ConditionExpression="attribute_not_exists(pk)",
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except ClientError as error:
            if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
                raise
            answer: Any = error.response
            return _head(answer["Item"])  # another writer made the head meanwhile
        return made

    def append(self, events: Sequence[Event]) -> list[Update]:
        """Store events of one channel; return them as updates in the order of their numbers.

        A stored event keeps its number. An event given twice is returned once.

        Args:
            events: at least one event, all of the same channel.

        Raises:
            StillConflictingError: other workers were faster in every try; no new event was stored.
        """
        channel = events[0].channel
        known: dict[tuple[str, str], Update] = {}
        new = {event.identity: event for event in events}
        left, alone = self._left.pop(channel, (None, False))
        place = left if left and alone else self._read_place(channel)
        alone = place == left
        for attempt in range(_RACES):
            if not new:
                break
            updates = [
                event.at(Cursor(place.epoch, number))
                for number, event in enumerate(new.values(), place.sequence + 1)
            ]
            outcome = self._store(channel, place, updates)
            if outcome is None:
                known |= {update.identity: update for update in updates}
                place = Cursor(place.epoch, place.sequence + len(updates))
                new = {}
                continue
            for identity, cursor in outcome.markers.items():
                known[identity] = new.pop(identity).at(cursor)
            if outcome.head_moved:
                alone = False
                place = outcome.head or self._read_place(channel)
            elif not outcome.markers:  # another transaction was at the head, which takes milliseconds
                self._retries.back_off(min(attempt, 3))
        if new:
            raise StillConflictingError(f"other workers kept numbering {channel}")
        self._remember(channel, place, alone)
        return sorted(known.values(), key=lambda update: update.sequence)

    def since(self, channel: str, cursor: Cursor, head: Head) -> Iterator[tuple[int, bytes]]:
        """Yield the stored updates after a cursor, up to a head, as (number, frame), in order.

        Updates whose ttl is over may be missing. The caller looks at the numbers.
        """
        query = {
            "TableName": self._name,
            "KeyConditionExpression": "pk = :pk AND sk BETWEEN :first AND :last",
            "ExpressionAttributeValues": {
                ":pk": keys.head(channel)["pk"],
                ":first": keys.update(channel, cursor.epoch, cursor.sequence + 1)["sk"],
                ":last": keys.update(channel, cursor.epoch, head.sequence)["sk"],
            },
            "ConsistentRead": True,
            "Limit": PAGE_ITEMS,
        }
        while True:
            page = self._client.query(**query)
            for item in page["Items"]:
                yield keys.sequence_of(item), item["frame"]["S"].encode()
            if "LastEvaluatedKey" not in page:
                return
            query["ExclusiveStartKey"] = page["LastEvaluatedKey"]

    def _read_place(self, channel: str) -> Cursor:
        head = self.head(channel)
        return head.cursor if head else Cursor(new_epoch(), 0)

    def _remember(self, channel: str, place: Cursor, alone: bool) -> None:
        self._left[channel] = place, alone
        if len(self._left) > _REMEMBERED:
            self._left.popitem(last=False)

    def _store(self, channel: str, place: Cursor, updates: Sequence[Update]) -> "_Refusal | None":
        """Store updates after a cursor; return None when done, else the reason why not."""
        now = int(time.time())
        actions = [self._move_head(channel, place, updates, now)]
        for number, update in enumerate(updates, place.sequence + 1):
            actions += [self._put_update(place.epoch, number, update, now)]
        for number, update in enumerate(updates, place.sequence + 1):
            actions += [self._put_marker(Cursor(place.epoch, number), update, now)]
        try:
            self._client.transact_write_items(TransactItems=actions)
        except ClientError as error:
            found = reasons(error)
            if not any(reason.get("Code") in _PASSING for reason in found):
                raise
            return _refusal(found, updates)
        return None

    def _move_head(self, channel: str, place: Cursor, updates: Sequence[Update], now: int) -> Item:
        latest = frames.small(updates[-1].frame, MAX_LATEST_BYTES)
        unmoved = "(epoch = :epoch AND #sequence = :old)"
        return {
            "Update": {
                "TableName": self._name,
                "Key": keys.head(channel),
                "UpdateExpression": "SET epoch = :epoch, #sequence = :new, latest = :latest, #ttl = :ttl",
                "ConditionExpression": unmoved
                if place.sequence
                else f"attribute_not_exists(pk) OR {unmoved}",
                "ExpressionAttributeNames": {"#sequence": "sequence", "#ttl": "ttl"},
                "ExpressionAttributeValues": {
                    ":epoch": {"S": place.epoch},
                    ":new": {"N": str(place.sequence + len(updates))},
                    ":latest": {"S": latest.decode()},
                    ":ttl": {"N": str(now + self._head_seconds)},
                    ":old": {"N": str(place.sequence)},
                },
                "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
            }
        }

    def _put_update(self, epoch: str, number: int, update: Update, now: int) -> Item:
        item = {
            **keys.update(update.channel, epoch, number),
            "frame": {"S": update.frame.decode()},
            "ttl": {"N": str(now + self._replay_seconds)},
        }
        return {"Put": {"TableName": self._name, "Item": item}}

    def _put_marker(self, cursor: Cursor, update: Update, now: int) -> Item:
        item = {
            **keys.marker(update.channel, *update.identity),
            "cursor": {"S": str(cursor)},
            "ttl": {"N": str(now + max(MARKER_SECONDS, self._replay_seconds))},
        }
        return {
            "Put": {
                "TableName": self._name,
                "Item": item,
                "ConditionExpression": "attribute_not_exists(pk)",
                "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
            }
        }


@dataclass(frozen=True, slots=True)
class _Refusal:
    """The reason why a transaction was cancelled.

    Attributes:
        head_moved: whether the head was at another number, or in another epoch, than expected.
        head: the moved head's cursor; None if the head has not moved, or there is none.
        markers: the cursors of events that have their number already, by event id.
    """

    head_moved: bool
    head: Cursor | None
    markers: dict[tuple[str, str], Cursor]


def _refusal(found: Sequence[Item], updates: Sequence[Update]) -> _Refusal:
    head, markers = found[0], found[1 + len(updates) :]
    moved = head.get("Code") == "ConditionalCheckFailed"
    known = {
        update.identity: Cursor.parse(marker["Item"]["cursor"]["S"])
        for update, marker in zip(updates, markers, strict=True)
        if marker.get("Code") == "ConditionalCheckFailed"
    }
    return _Refusal(moved, _head(head["Item"]).cursor if moved and head.get("Item") else None, known)


def _head(item: Item) -> Head:
    latest = item.get("latest", {}).get("S")
    return Head(item["epoch"]["S"], int(item["sequence"]["N"]), latest.encode() if latest else None)

"""A channel's history: its head, its stored updates, and the markers of events that have their number.

Storing is one transaction: the head moves from n to n + k on the condition that it is still at n, updates
n + 1 to n + k are put, and a marker for each event on the condition that there is none. So numbers have no
holes, and an event that comes twice keeps its number. Who loses a race learns from the failed condition what
the winner wrote, and tries again from there.
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
from entity_push.table import keys
from entity_push.table.conflicts import ConflictRetries, StillConflictingError, reasons
from entity_push.table.keys import Item

MARKER_SECONDS = 23 * 24 * 60 * 60
"""Longer than a message can stay on the queue (4 days), be a dead letter (14), and be redriven (4)."""

MAX_LATEST_BYTES = 16 * 1024
"""A larger last frame is kept in the head without its message: a subscribe's answer has to stay small,
and every update would pay for writing it twice."""

PAGE_ITEMS = 25
"""Updates read at once for a subscribe's answer of at most 32 KB."""

_RACES = 100
_PASSING = frozenset(
    ("ConditionalCheckFailed", "TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded")
)
_REMEMBERED = 1000


@dataclass(frozen=True, slots=True)
class Head:
    """How far a channel has got.

    Attributes:
        epoch: which life of the head.
        sequence: the last number given.
        latest: the last frame, as bytes on the wire; None if there is none yet.
    """

    epoch: str
    sequence: int
    latest: bytes | None = None

    @property
    def cursor(self) -> Cursor:
        """The place after the last update."""
        return Cursor(self.epoch, self.sequence)


class History:
    """Stores and replays updates.

    Args:
        client: a DynamoDB client (botocore or boto3).
        name: the table's name.
        replay_seconds: how long updates are kept.
        head_seconds: how long a head lives after its last update.
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
        # Where this worker left a channel, and whether nobody else had moved it in between the last time:
        # then it need not be read. A wrong guess costs a refused transaction, which is dearer than a read.
        self._left: OrderedDict[str, tuple[Cursor, bool]] = OrderedDict()

    def head(self, channel: str) -> Head | None:
        """Return a channel's head; None if it never had an update, or they are long gone."""
        answer = self._client.get_item(TableName=self._name, Key=keys.head(channel), ConsistentRead=True)
        return _head(answer["Item"]) if "Item" in answer else None

    def begin(self, channel: str) -> Head:
        """Return a channel's head; make one, at number 0, if there is none.

        So that who subscribes before the first update has a cursor, and misses nothing when it comes back.
        It lives as long as updates do: no client has use for it after that.
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
            return _head(answer["Item"])  # somebody else made it meanwhile
        return made

    def append(self, events: Sequence[Event]) -> list[Update]:
        """Store events of one channel, and return them as updates in the order of their numbers.

        An event that is stored already keeps its number. An event given twice is returned once.

        Raises:
            StillConflictingError: other writers were faster every time; nothing was stored.
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
            elif not outcome.markers:  # another transaction was at the head: it takes milliseconds
                self._retries.back_off(min(attempt, 3))
        if new:
            raise StillConflictingError(f"other workers kept numbering {channel}")
        self._remember(channel, place, alone)
        return sorted(known.values(), key=lambda update: update.sequence)

    def since(self, channel: str, cursor: Cursor, head: Head) -> Iterator[tuple[int, bytes]]:
        """Yield the stored updates after a cursor, up to a head, as (number, frame), in order.

        Some may be missing, since the ttl of an older one can be over: the caller looks at the numbers.
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
        """Store updates after a place; None when done, else why not."""
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
    """Why a transaction was cancelled.

    Attributes:
        head_moved: the head was not where it was thought to be.
        head: where it is; None if there is none.
        markers: events that have their numbers already.
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

"""A channel's log in the table: its life, its segments, and the calls that read and write them.

History is what decides; this module knows items and conditions only. The rules that it speaks of by number
are in docs/explanation/data-model.md.
"""

import base64
import json
import math
import zlib
from collections.abc import AsyncIterator, Sequence
from typing import NamedTuple

from entity_push.protocol import frames
from entity_push.protocol.cursors import Cursor, new_epoch
from entity_push.protocol.events import Event, Identity, OwnId, seconds_of
from entity_push.protocol.frames import Frame
from entity_push.runtime.aws_errors import RefusedError
from entity_push.table import keys
from entity_push.table.calls import call
from entity_push.table.conflicts import reasons
from entity_push.table.keys import Item

MAX_SEGMENT_BYTES = 8 * 1024
"""Updates in one segment, as JSON: the tail is read for a number alone. A larger update is alone in one."""

MAX_STORED_BYTES = 24 * 1024
"""A larger frame is stored without its message: an answer of 32 KB could not replay it."""

MARGIN_SECONDS = 60 * 60
"""How much longer than its life a segment is kept, and a seal twice: more than clocks differ (rules 1, 4)."""

UNIT_BYTES = 1024
"""What one write unit covers (DynamoDB Developer Guide, "DynamoDB read and write operations")."""

_FIELDS_BYTES = 120
"""What a segment takes at most besides its channel and its updates."""


class Life(NamedTuple):
    """A life of a channel's log.

    Attributes:
        epoch: its name.
        ends: when it ends if nothing is appended any more, in seconds since 1970.
    """

    epoch: str
    ends: int


class Stored(NamedTuple):
    """An update as a segment has it.

    Attributes:
        frame: the frame without its number, and without its message if that is too large.
        sender: who gave the update an id of its own; empty if nobody did.
        wire: the frame as bytes, of an update that is to be stored.
    """

    frame: Frame
    sender: str = ""
    wire: bytes = b""

    @classmethod
    def of(cls, event: Event) -> "Stored":
        """Return an event as it is stored."""
        frame, wire = event.frame, frames.encode(event.frame)
        if len(wire) > MAX_STORED_BYTES:
            frame = frames.without_message(frame)
            wire = frames.encode(frame)
        return cls(frame, event.sender, wire)

    @property
    def identity(self) -> Identity:
        """What tells the update from others of its channel (`Event.identity`)."""
        return self.frame["id"], self.frame.get("rule", "")

    @property
    def own_id(self) -> OwnId | None:
        """The id that its sender gave it, with the sender (`Event.own_id`)."""
        return (self.sender, self.frame.get("rule", ""), self.frame["ownId"]) if self.sender else None

    @property
    def time(self) -> float:
        """When the event was put, in seconds since 1970."""
        return seconds_of(self.frame["time"])

    @property
    def version(self) -> int | None:
        """The version of the entity's state that it tells of, if it says so."""
        return self.frame.get("version")

    @property
    def size(self) -> int:
        """The bytes that it takes in a segment."""
        return len(self.wire) + 1


class Segment(NamedTuple):
    """Updates of one channel with successive numbers, stored by one write. One without updates is a seal.

    Attributes:
        epoch: the life.
        first: the number of the first update.
        updates: the updates.
        at: when it was stored, in seconds since 1970.
        life_ends: the end of the life as it was known then.
        version: the highest version in the life so far; None if there was none.
    """

    epoch: str
    first: int
    updates: Sequence[Stored]
    at: float
    life_ends: int
    version: int | None = None

    @property
    def last(self) -> int:
        """The number of the last update."""
        return self.first + len(self.updates) - 1

    @property
    def is_seal(self) -> bool:
        """Whether the segment ends its life."""
        return not self.updates

    def numbered(self, after: int = 0) -> list[tuple[int, Frame]]:
        """Return the frames as clients get them, with their numbers; those after a number only."""
        return [
            (number, frames.numbered(update.frame, Cursor(self.epoch, number)))
            for number, update in enumerate(self.updates, self.first)
            if number > after
        ]

    def to_item(self, channel: str) -> Item:
        """Return the segment's item. Its ttl comes from its life, never from now (rule 1)."""
        margins = 2 if self.is_seal else 1
        item = {
            **keys.segment(channel, self.epoch, self.first),
            "at": {"N": str(round(self.at * 1000))},
            "lifeEnds": {"N": str(self.life_ends)},
            "ttl": {"N": str(self.life_ends + margins * MARGIN_SECONDS)},
        }
        if self.updates:
            plain = b"[" + b",".join(update.wire for update in self.updates) + b"]"
            item["updates"] = {"B": _packed(plain, _FIELDS_BYTES + len(channel.encode()))}
        if any(update.sender for update in self.updates):
            item["senders"] = {"S": json.dumps([update.sender for update in self.updates])}
        if self.version is not None:
            item["version"] = {"N": str(self.version)}
        return item

    @classmethod
    def from_item(cls, item: Item) -> "Segment":
        """Read a segment's item."""
        _, epoch, first = item["sk"]["S"].split("#")
        found = json.loads(_unpacked(item["updates"]["B"])) if "updates" in item else []
        senders = json.loads(item["senders"]["S"]) if "senders" in item else [""] * len(found)
        return cls(
            epoch,
            int(first),
            [Stored(frame, sender) for frame, sender in zip(found, senders, strict=True)],
            int(item["at"]["N"]) / 1000,
            int(item["lifeEnds"]["N"]),
            int(item["version"]["N"]) if "version" in item else None,
        )


def _packed(plain: bytes, others: int) -> bytes:
    """Return updates compressed if that saves a write unit, else as they are. The first byte tells which."""
    if others + len(plain) <= UNIT_BYTES:
        return plain
    small = zlib.compress(plain)
    units, fewer = (math.ceil((others + len(text)) / UNIT_BYTES) for text in (plain, small))
    return small if fewer < units else plain


def _unpacked(packed: bytes | str) -> bytes:
    """Return updates as JSON. A text is base64, as `JsonClient` leaves it."""
    found = base64.b64decode(packed) if isinstance(packed, str) else packed
    return found if found.startswith(b"[") else zlib.decompress(found)


class Log:
    """The calls that read and write the logs of a table's channels.

    Args:
        name: the table's name.
    """

    def __init__(self, name: str):
        self._name = name

    async def life(self, channel: str) -> Life | None:
        """Return a channel's life, strongly consistent, an expired one too; None if there is none."""
        answer = await call("get_item", TableName=self._name, Key=keys.life(channel), ConsistentRead=True)
        return _life(answer["Item"]) if "Item" in answer else None

    async def begin(self, channel: str, *, after: str | None, now: int, ends: int) -> Life:
        """Begin a life if there is none, an expired one, or the one that is over; return the life there is.

        Args:
            channel: the channel.
            after: the epoch of a life that a seal has ended, if one has.
            now: seconds since 1970.
            ends: the end of the new life.
        """
        life = Life(new_epoch(), ends)
        item = {**keys.life(channel), "epoch": {"S": life.epoch}, "ttl": {"N": str(ends)}}
        try:
            await call(
                "put_item",
                TableName=self._name,
                Item=item,
                ConditionExpression="attribute_not_exists(pk) OR #ttl <= :now OR epoch = :over",
                ExpressionAttributeNames={"#ttl": "ttl"},
                ExpressionAttributeValues={":now": {"N": str(now)}, ":over": {"S": after or "-"}},
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except RefusedError as error:
            if error.code != "ConditionalCheckFailedException":
                raise
            return _life(error.members["Item"])  # another writer was faster
        return life

    async def tail(self, channel: str, epoch: str) -> Segment | None:
        """Return the last segment of a life, strongly consistent; None if there is none."""
        found, _ = await self._query(channel, epoch, backwards=True, most=1)
        return found[0] if found else None

    async def holding(self, channel: str, epoch: str, number: int) -> Segment | None:
        """Return the segment that begins at a number, or nearest before it; None if there is none."""
        found, _ = await self._query(channel, epoch, last=number, backwards=True, most=1)
        return found[0] if found else None

    async def between(
        self, channel: str, epoch: str, first: int, last: int = keys.MOST, *, at_a_time: int
    ) -> AsyncIterator[Segment]:
        """Yield the segments that begin between two numbers, these included, in order.

        A page that is full says that it goes on even where nothing follows. DynamoDB refuses a query whose
        bounds are in the wrong order.
        """
        goes_on = True
        while goes_on and first <= last:
            page, goes_on = await self._query(channel, epoch, first=first, last=last, most=at_a_time)
            for segment in page:
                first = max(segment.first, segment.last) + 1  # a seal has no number of its own
                yield segment

    async def before(self, channel: str, epoch: str, number: int, *, most: int) -> list[Segment]:
        """Return at most so many segments that begin before a number, the last one first."""
        found, _ = await self._query(channel, epoch, last=number - 1, backwards=True, most=most)
        return found

    async def append(self, channel: str, segment: Segment) -> Segment | None:
        """Put a segment if its number is free; return None when done, else the segment that has the number.

        Raises:
            RefusedError: DynamoDB refused for another reason, another transaction at the item among them.
        """
        try:
            await call("put_item", **self._put(channel, segment))
        except RefusedError as error:
            if error.code != "ConditionalCheckFailedException":
                raise
            return Segment.from_item(error.members["Item"])
        return None

    async def append_and_refresh(self, channel: str, segment: Segment) -> Segment | None:
        """Put a segment if its number is free, and in the same transaction move the life's end to its own.

        Raises:
            LifeOverError: the life is not the channel's any more, or ends later than was known.
            RefusedError: DynamoDB refused for another reason, another transaction at the items among them.
        """
        refresh = {
            "TableName": self._name,
            "Key": keys.life(channel),
            "UpdateExpression": "SET #ttl = :ends",
            "ConditionExpression": "epoch = :epoch AND #ttl <= :ends",
            "ExpressionAttributeNames": {"#ttl": "ttl"},
            "ExpressionAttributeValues": {
                ":epoch": {"S": segment.epoch},
                ":ends": {"N": str(segment.life_ends)},
            },
        }
        actions = [{"Put": self._put(channel, segment)}, {"Update": refresh}]
        try:
            await call("transact_write_items", TransactItems=actions)
        except RefusedError as error:
            put, update = [*reasons(error), {}, {}][:2]
            if put.get("Code") == "ConditionalCheckFailed":
                return Segment.from_item(put["Item"])
            if update.get("Code") == "ConditionalCheckFailed":
                raise LifeOverError(channel) from error
            raise
        return None

    def _put(self, channel: str, segment: Segment) -> Item:
        return {
            "TableName": self._name,
            "Item": segment.to_item(channel),
            "ConditionExpression": "attribute_not_exists(pk)",
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }

    async def _query(
        self,
        channel: str,
        epoch: str,
        *,
        first: int = 0,
        last: int = keys.MOST,
        most: int,
        backwards: bool = False,
    ) -> tuple[list[Segment], bool]:
        """Return a page of segments that begin between two numbers, inclusive, and whether it goes on."""
        answer = await call(
            "query",
            TableName=self._name,
            KeyConditionExpression="pk = :pk AND sk BETWEEN :first AND :last",
            ExpressionAttributeValues={
                ":pk": keys.life(channel)["pk"],
                ":first": keys.segment(channel, epoch, first)["sk"],
                ":last": keys.segment(channel, epoch, last)["sk"],
            },
            ConsistentRead=True,
            ScanIndexForward=not backwards,
            Limit=most,
        )
        return list(map(Segment.from_item, answer["Items"])), "LastEvaluatedKey" in answer


class LifeOverError(Exception):
    """The life that a worker knew is not the channel's any more, or it has been prolonged meanwhile."""


def _life(item: Item) -> Life:
    return Life(item["epoch"]["S"], int(item["ttl"]["N"]))

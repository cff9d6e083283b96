"""Finding an event's update in the history of a channel."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from entity_push.table import keys
from entity_push.table.calls import run
from entity_push.table.log import Log, Segment

from operations import table_calls

AT_A_TIME = 50
"""Segments read at once, backwards from the tail."""


class StoredUpdate(NamedTuple):
    """An event's update in a history.

    Attributes:
        number: its number.
        version: the version that it names; None if it names none.
        at: when it was stored, in seconds since 1970.
        ends: until when it can be replayed at least, in seconds since 1970.
        is_over: whether the history was ended since, so that nobody gets it any more.
    """

    number: int
    version: int | None
    at: float
    ends: int
    is_over: bool


def find(
    client: Any, table: str, channel: str, event_id: str, *, numbers: Sequence[int], since: float
) -> list[StoredUpdate]:
    """Return an event's updates in a channel's present life.

    Args:
        client: a botocore client of DynamoDB.
        table: the table's name.
        channel: the channel.
        event_id: the event's id.
        numbers: the numbers that they have, if known. Without any, the history is read backwards.
        since: how far back, in seconds since 1970.
    """
    return run(_find(Log(table), channel, event_id, numbers, since), table_calls.by(client))


async def _find(
    log: Log, channel: str, event_id: str, numbers: Sequence[int], since: float
) -> list[StoredUpdate]:
    life = await log.life(channel)
    if life is None:
        return []
    tail = await log.tail(channel, life.epoch)
    if numbers:
        holding = [await log.holding(channel, life.epoch, number) for number in numbers]
        segments = list({segment.first: segment for segment in holding if segment}.values())
    else:
        segments = await _read_back(log, channel, life.epoch, since)
    is_over = tail is not None and tail.is_seal
    return [
        StoredUpdate(number, frame.get("version"), segment.at, segment.life_ends, is_over)
        for segment in segments
        for number, frame in segment.numbered()
        if frame["id"] == event_id
    ]


async def _read_back(log: Log, channel: str, epoch: str, since: float) -> list[Segment]:
    found: list[Segment] = []
    number = keys.MOST + 1
    while page := await log.before(channel, epoch, number, most=AT_A_TIME):
        found += page
        number = page[-1].first
        if page[-1].at < since:
            break
    return found

"""Catching up: a client that comes back gets everything since its cursor, or has to refetch.

`recovered: true` is a promise, given only after a look at the numbers of the stored updates. A hole, an end
too early, another epoch, or a cursor from the future make `recovered` false. Nothing is guessed.
"""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Protocol

from entity_push.protocol import frames
from entity_push.protocol.catch_up import CatchUp
from entity_push.protocol.cursors import Cursor
from entity_push.protocol.frames import Frame
from entity_push.table.calls import MakeCalls, run
from entity_push.table.history import Tail

LEAST_ROOM = 200
"""No frame on the wire is smaller than this: with less room, nothing is read."""


class Past(Protocol):
    """A channel's history as catching up needs it (`History`)."""

    async def tail(self, channel: str, *, begin: bool) -> Tail | None:
        """Return how far a channel has got; None if it has no history, and none is begun."""

    def since(self, channel: str, cursor: Cursor, tail: Tail) -> AsyncIterator[tuple[int, Frame]]:
        """Yield the updates after a cursor, up to a tail, as (number, frame), in order."""


class Retelling:
    """What the answers to one frame tell of the past: each channel is read once, and only if there is room.

    The first update that does not fit ends the reading: what comes after it would mostly be read for nothing.

    Args:
        past: the histories.
        make: makes their calls.
        room: how many bytes the past may take in all answers together.
    """

    def __init__(self, past: Past, make: MakeCalls, room: int):
        self._past, self._make, self._room = past, make, room
        self._told: dict[str, CatchUp] = {}

    def of(self, channel: str, since: Cursor | None, *, begin: bool) -> CatchUp:
        """Return what to tell of a channel: call it after the subscription was written.

        Args:
            channel: the channel; of one that the frame names twice, the same is told again.
            since: how far the client had got; None for a newcomer.
            begin: whether a history is begun if there is none.
        """
        room = max(self._room, 0)
        found = self._told.get(channel)
        if found is not None:
            found = found if _size(found) <= room else _left_out(found, since)
        elif since is not None and room < LEAST_ROOM:
            found = _unread(since)
        else:
            found = run(catch_up(self._past, channel, since, room=room, begin=begin), self._make)
        self._told.setdefault(channel, found)
        self._room = 0 if found.more else self._room - _size(found)
        return found


def _size(told: CatchUp) -> int:
    return sum(len(frames.encode(frame)) + 1 for frame in (*told.updates, told.latest) if frame)


def _unread(since: Cursor) -> CatchUp:
    """Return the answer of which nothing was read: it promises nothing, and the client asks again."""
    return CatchUp(since, recovered=True, more=True)


def _left_out(told: CatchUp, since: Cursor | None) -> CatchUp:
    """Return what was told already in a form that takes no room."""
    if since is not None and told.recovered:
        return _unread(since)
    return replace(told, latest=frames.without_message(told.latest) if told.latest else None)


async def catch_up(
    past: Past, channel: str, since: Cursor | None, *, room: int = frames.UPDATES_ROOM, begin: bool = True
) -> CatchUp:
    """Return what to tell a client that has subscribed: call it after the subscription was written.

    Args:
        past: the channels' history.
        channel: the channel.
        since: how far the client had got; None for a newcomer.
        room: how many bytes of frames there may be.
        begin: whether a history is begun if there is none, so that there is a cursor.
    """
    tail = await past.tail(channel, begin=begin)
    if tail is None:
        return CatchUp()
    if since is None or since.epoch != tail.cursor.epoch or since.sequence > tail.sequence:
        return _start_anew(tail, room)
    updates: list[Frame] = []
    left, place = room, since.sequence
    if place < tail.sequence:
        async for number, frame in past.since(channel, since, tail):
            if number != place + 1:
                return _start_anew(tail, room)
            size = len(frames.encode(frame)) + 1
            if size > left:
                return CatchUp(Cursor(since.epoch, place), recovered=True, updates=updates, more=True)
            updates.append(frame)
            left, place = left - size, number
    if place != tail.sequence:
        return _start_anew(tail, room)
    return CatchUp(tail.cursor, recovered=True, updates=updates)


def _start_anew(tail: Tail, room: int) -> CatchUp:
    latest = tail.latest
    if latest is not None and len(frames.encode(latest)) > room:
        latest = frames.without_message(latest)
    return CatchUp(tail.cursor, latest=latest)

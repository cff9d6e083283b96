"""Catching up: a client that comes back gets everything since its cursor, or has to refetch.

`recovered: true` is a promise, given only after a look at the numbers of the stored updates. A hole, an end
too early, another epoch, or a cursor from the future make `recovered` false. Nothing is guessed.
"""

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Protocol

from entity_push.protocol import frames
from entity_push.protocol.cursors import Cursor
from entity_push.protocol.frames import CatchUp, Frame
from entity_push.table.history import Head

MAX_REPLAYED_BYTES = 24 * 1024
"""A larger frame is replayed without its message, since the answer must stay below 32 KB."""

LEAST_ROOM = 200
"""No frame on the wire is smaller than this: with less room, nothing is read."""


class Past(Protocol):
    """A channel's history as catching up needs it (`History`)."""

    def head(self, channel: str) -> Head | None:
        """Return how far a channel has got; None if it has no history."""

    def begin(self, channel: str) -> Head:
        """Return a channel's head; make one if there is none."""

    def since(self, channel: str, cursor: Cursor, head: Head) -> Iterator[tuple[int, bytes]]:
        """Yield the stored updates after a cursor, up to a head, as (number, frame), in order."""


class Retelling:
    """What the answers to one frame tell of the past: each channel is read once, and only if there is room.

    The first update that does not fit ends the reading: what comes after it would mostly be read for nothing.

    Args:
        past: the histories.
        room: how many bytes the past may take in all answers together.
    """

    def __init__(self, past: Past, room: int):
        self._past, self._room = past, room
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
            found = catch_up(self._past, channel, since, room=room, begin=begin)
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


def catch_up(
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
    head = past.begin(channel) if begin else past.head(channel)
    if head is None:
        return CatchUp()
    if since is None or since.epoch != head.epoch or since.sequence > head.sequence:
        return _start_anew(head, room)
    updates: list[Frame] = []
    left, place = room, since.sequence
    if place < head.sequence:
        for number, wire in past.since(channel, since, head):
            if number != place + 1:
                return _start_anew(head, room)
            frame = frames.small(wire, MAX_REPLAYED_BYTES)
            if len(frame) + 1 > left:
                return CatchUp(Cursor(head.epoch, place), recovered=True, updates=updates, more=True)
            updates.append(json.loads(frame))
            left, place = left - len(frame) - 1, number
    if place != head.sequence:
        return _start_anew(head, room)
    return CatchUp(head.cursor, recovered=True, updates=updates)


def _start_anew(head: Head, room: int) -> CatchUp:
    latest = frames.small(head.latest, room) if head.latest else None
    return CatchUp(head.cursor, latest=json.loads(latest) if latest else None)

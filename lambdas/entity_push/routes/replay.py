"""Catching up: a client that comes back gets everything since its cursor, or has to refetch.

`recovered: true` is a promise, given only after a look at the numbers of the stored updates. A hole, an end
too early, another epoch, or a cursor from the future make `recovered` false. Nothing is guessed.
"""

import json
from collections.abc import Iterator
from typing import Protocol

from entity_push.protocol import frames
from entity_push.protocol.cursors import Cursor
from entity_push.protocol.frames import CatchUp, Frame
from entity_push.table.history import Head

MAX_REPLAYED_BYTES = 24 * 1024
"""A larger frame is replayed without its message, since the answer must stay below 32 KB."""


class Past(Protocol):
    """A channel's history as catching up needs it (`History`)."""

    def begin(self, channel: str) -> Head:
        """Return a channel's head; make one if there is none."""

    def since(self, channel: str, cursor: Cursor, head: Head) -> Iterator[tuple[int, bytes]]:
        """Yield the stored updates after a cursor, up to a head, as (number, frame), in order."""


def catch_up(past: Past, channel: str, since: Cursor | None, *, room: int = frames.UPDATES_ROOM) -> CatchUp:
    """Return the past for a client that has subscribed. Call this after the subscription was written.

    Args:
        past: the channels' history.
        channel: the channel.
        since: the client's last cursor; None for a newcomer.
        room: the most bytes of frames in the answer.
    """
    head = past.begin(channel)
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

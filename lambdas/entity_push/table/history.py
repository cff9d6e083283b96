"""A channel's history: every update has a number, numbers have no holes, and an event keeps its number.

The history is a log. A worker appends a segment right after the tail that it knows, on the condition that
the number is free. So of two workers one wins. The other learns the winner's segment from the refusal, and
goes on after it. There is no head to move, and an update costs one write.

The rules by number are in docs/explanation/data-model.md. Each has a history that breaks without it.
"""

import random
import time
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from typing import NamedTuple

from entity_push.protocol.cursors import Cursor
from entity_push.protocol.events import Event, Identity, Update
from entity_push.protocol.frames import Frame
from entity_push.runtime.aws_errors import RefusedError
from entity_push.runtime.environment import PushEnvironment, SubscribeEnvironment
from entity_push.runtime.telemetry import logger
from entity_push.table.calls import pause
from entity_push.table.conflicts import StillConflictingError, is_passing
from entity_push.table.log import MAX_SEGMENT_BYTES, Life, LifeOverError, Log, Segment, Stored
from entity_push.table.memory import EVERYTHING, Ahead, Memories, Memory

TRUST_SECONDS = 60.0
"""How long a worker goes on with a life that it has not looked at, however often it appends (rule 4)."""

FORGOTTEN_SECONDS = 10 * 60.0
"""From this age on a memory is not brought up to date, but read anew."""

SLACK_SECONDS = 5 * 60
"""How much earlier than an event its first delivery is looked for: clocks differ, times may lie (rule 8)."""

OWN_ID_SECONDS = 5 * 60
"""How long the same own id of the same sender means the same update."""

MOST_LOOKED_BACK = 500
"""Segments that one append looks back over: mostly some thousand updates (rule 8)."""

SEGMENTS_AT_ONCE = 4
"""Segments read at once for an answer of at most 32 KB."""

CALL_SECONDS = 0.010
"""About what a call takes: the time in which two workers can meet."""

CROWD_SECONDS = 5.0
"""How long a worker reckons with others after it has met a segment of theirs (rule 13)."""

AHEAD_SECONDS = 1.0
"""How long after its storing a segment's updates may still be on their way to clients."""

_RACES = 200  # refusals by other workers that number the same channel


class Tail(NamedTuple):
    """How far a channel's log has got.

    Attributes:
        life: the life.
        segment: the last segment; None before the first update.
    """

    life: Life
    segment: Segment | None

    @property
    def sequence(self) -> int:
        """The last number given; 0 before the first update."""
        return self.segment.last if self.segment else 0

    @property
    def cursor(self) -> Cursor:
        """The cursor of a client that has the last update."""
        return Cursor(self.life.epoch, self.sequence)

    @property
    def latest(self) -> Frame | None:
        """The last frame; None before the first update."""
        return self.segment.numbered()[-1][1] if self.segment else None


class Appended:
    """What became of events.

    Attributes:
        updates: those that have a number, in the order of their numbers.
        superseded: the events that are not above the last version.
        repeated: the events with an own id that another update of theirs has.
        ahead: what was stored right before them, if other workers have stored it and may still push it.
    """

    def __init__(self, updates: Sequence[Update] = ()):
        self.updates = list(updates)
        self.superseded: list[Event] = []
        self.repeated: list[Event] = []
        self.ahead: list[Ahead] = []


class History:
    """Numbers, stores and replays updates. All methods are tasks (`calls`).

    Args:
        name: the table's name.
        replay_seconds: how long at least updates can be replayed, in seconds.
    """

    def __init__(self, name: str, *, replay_seconds: int):
        self._log = Log(name)
        self._replay_seconds = replay_seconds
        self._memories = Memories()

    @classmethod
    def kept(cls, environment: SubscribeEnvironment | PushEnvironment) -> "History | None":
        """Return the history as the stack sets it up; None if nothing is stored (`replayHours` = 0)."""
        if not environment.replay_seconds:
            return None
        return cls(environment.table_name, replay_seconds=environment.replay_seconds)

    async def tail(self, channel: str, *, begin: bool = True) -> Tail | None:
        """Return how far a channel has got; None if it has no living log and none is begun.

        So even a channel without updates has a cursor, with which a client that comes back misses nothing.
        """
        over: str | None = None
        while True:
            life = await self._log.life(channel)
            if life is None or life.ends <= time.time() or life.epoch == over:
                if not begin:
                    return None
                life = await self._begin(channel, over)
            segment = await self._log.tail(channel, life.epoch)
            if segment is None or not segment.is_seal:
                return Tail(life, segment)
            over = life.epoch  # (rule 5)

    async def since(self, channel: str, cursor: Cursor, tail: Tail) -> AsyncIterator[tuple[int, Frame]]:
        """Yield the updates after a cursor of the tail's life, up to the tail, as (number, frame), in order.

        The tail goes first: mostly it is all (rule 9). Updates whose ttl is over may be missing. The caller
        looks at the numbers.
        """
        if tail.segment is None:
            return
        epoch, place = cursor.epoch, cursor.sequence
        if tail.segment.first > place + 1:
            holding = await self._log.holding(channel, epoch, place + 1)
            if holding is None:
                return
            for number, frame in holding.numbered(place):
                yield number, frame
            begun, ends = holding.last + 1, tail.segment.first - 1
            async for segment in self._log.between(channel, epoch, begun, ends, at_a_time=SEGMENTS_AT_ONCE):
                for number, frame in segment.numbered():
                    yield number, frame
        for number, frame in tail.segment.numbered(place):
            yield number, frame

    async def append(self, events: Sequence[Event]) -> Appended:
        """Store events of one channel with numbers; an event that is stored already keeps its number.

        Args:
            events: at least one event, all of the same channel. They get their numbers by their times.

        Raises:
            StillConflictingError: other workers were faster in every try; some events may be stored.
        """
        channel = events[0].channel
        todo = {event.identity: event for event in sorted(events, key=lambda one: (one.time, one.sent_at))}
        stored = {identity: Stored.of(event) for identity, event in todo.items()}
        appended = Appended()
        memory = await self._recall(channel, events)
        for refusals in range(1, _RACES + 1):
            await self._look_back(channel, memory, todo.values())
            while part := _judge(memory, todo, stored, appended):
                segment = self._segment(memory, part)
                ahead = memory.ahead(segment.at - AHEAD_SECONDS)
                if not await self._put(channel, memory, segment):
                    memory = await self._after_others(channel, memory, refusals)
                    break
                appended.ahead = appended.ahead or ahead
            else:
                self._memories.keep(channel, memory)  # (rule 10)
                appended.updates.sort(key=lambda update: update.sequence)
                return appended
        raise StillConflictingError(f"other workers kept numbering {channel}")

    async def _begin(self, channel: str, over: str | None) -> Life:
        now = int(time.time())
        return await self._log.begin(channel, after=over, now=now, ends=now + 2 * self._replay_seconds)

    async def _recall(self, channel: str, events: Iterable[Event]) -> Memory:
        """Return what is known of a channel, brought up to date where it can't be trusted.

        Nor is it trusted to call an event superseded: the history with the higher version may be forgotten.
        """
        memory = self._memories.take(channel)
        now = time.time()
        if memory is None or now - memory.at > FORGOTTEN_SECONDS:
            return await self._read(channel)
        doubtful = any(_superseded(event.version, memory.version) for event in events)
        if doubtful or now - memory.at > TRUST_SECONDS:
            life = await self._log.life(channel)
            if life is None or life.ends <= now or life.epoch != memory.epoch:
                return await self._read(channel)
            memory.at, memory.ends = now, max(memory.ends, life.ends)
            return await self._read_on(channel, memory)
        if now - memory.others_at < CROWD_SECONDS:
            return await self._read_on(channel, memory)  # (rule 13)
        return memory

    async def _read(self, channel: str) -> Memory:
        tail = await self.tail(channel)
        assert tail is not None  # it was begun
        return Memory.of(tail.life, tail.segment, time.time())

    async def _read_on(self, channel: str, memory: Memory) -> Memory:
        """Bring a memory up to date: read what other workers have appended since (rules 5, 8)."""
        async for segment in self._log.between(channel, memory.epoch, memory.last + 1, at_a_time=50):
            if segment.is_seal or segment.first != memory.last + 1:
                return await self._read(channel)
            memory.add(segment)
            memory.others_at = time.time()
        return memory

    async def _look_back(self, channel: str, memory: Memory, events: Iterable[Event]) -> None:
        """Read so far back that every event that is in the log is known to be (rule 8)."""
        new = [event for event in events if memory.number_of(event) is None]
        if not new:
            return
        until = min(map(_first_delivered, new))
        most = 8
        looked = 0
        while until <= memory.reaches and memory.earliest > 1:
            if looked >= MOST_LOOKED_BACK:
                logger.warning("looked back no further", channel=channel, segments=looked)
                memory.reaches = EVERYTHING
                return
            earlier = await self._log.before(channel, memory.epoch, memory.earliest, most=most)
            memory.add_earlier(earlier)
            looked, most = looked + len(earlier), min(4 * most, MOST_LOOKED_BACK)
            memory.reaches = min(memory.reaches, earlier[-1].at) if earlier else EVERYTHING

    def _segment(self, memory: Memory, updates: Sequence[Stored]) -> Segment:
        """Return the segment that stores updates after a tail, with the end that it asks for (rule 2)."""
        now = time.time()
        lasts = memory.ends >= now + self._replay_seconds
        ends = memory.ends if lasts else int(now) + 2 * self._replay_seconds
        versions = [version for update in updates if (version := update.version) is not None]
        highest = max([*versions, memory.version or 0]) if versions else memory.version
        return Segment(memory.epoch, memory.last + 1, updates, now, ends, highest)

    async def _put(self, channel: str, memory: Memory, segment: Segment) -> bool:
        """Put a segment after the tail, and remember it; tell whether it is the log's."""
        refreshes = segment.life_ends != memory.ends
        append = self._log.append_and_refresh if refreshes else self._log.append
        other: Segment | None = None
        try:
            other = await append(channel, segment)
        except LifeOverError:
            memory.at = EVERYTHING  # nothing of it holds any more
        except RefusedError as error:
            if not is_passing(error):
                raise
        else:
            if other is None:
                memory.add(segment)
                memory.own_last = segment.last
                return True
        memory.others_at = time.time()
        if other is not None and other.is_seal:
            memory.at = EVERYTHING
        elif other is not None:
            memory.add(other)
        return False

    async def _after_others(self, channel: str, memory: Memory, refusals: int) -> Memory:
        """Return the memory with which to try again after so many refusals in a row.

        The refusal has told what took the place: the first time, that is enough. A worker that is refused
        again and again is in a crowd about as large. It lets that many calls go first, at random. The last of
        them is its own read: without it, what others have stored meanwhile would refuse the put (rule 13).
        """
        if memory.at == EVERYTHING:
            return await self._read(channel)
        calls = random.uniform(0, refusals)  # noqa: S311 - not for secrets
        if calls < 1:
            return memory
        await pause((calls - 1) * CALL_SECONDS)
        return await self._read_on(channel, memory)


def _first_delivered(event: Event) -> float:
    """Return the time before which an event can't have been stored, nor another one with its own id."""
    slack = SLACK_SECONDS + (OWN_ID_SECONDS if event.own_id else 0)
    return min(event.time, event.sent_at / 1000) - slack


def _judge(
    memory: Memory, todo: dict[Identity, Event], stored: Mapping[Identity, Stored], appended: Appended
) -> list[Stored]:
    """Settle the events that what is stored decides about; return the updates to store next.

    Only what is stored counts, not a neighbour (rule 7): an event that a neighbour would supersede or repeat
    waits until the neighbour is stored.
    """
    part: list[Stored] = []
    own_ids = set()
    version, size = memory.version, 0
    for identity, event in list(todo.items()):
        number = memory.number_of(event)
        if number is not None:  # ids go first (rule 6)
            appended.updates.append(event.at(Cursor(memory.epoch, number)))
        elif memory.repeats(event, OWN_ID_SECONDS):
            # It may say something else, which the first one's message pushes (rule 12).
            appended.repeated.append(event)
        elif _superseded(event.version, memory.version):
            appended.superseded.append(event)
        else:
            waits = _superseded(event.version, version) or (event.own_id and event.own_id in own_ids)
            if not waits and size + stored[identity].size > MAX_SEGMENT_BYTES and part:
                break
            if not waits:
                part.append(stored[identity])
                size += stored[identity].size
                own_ids.add(event.own_id)
                version = event.version if event.version is not None else version
            continue
        del todo[identity]
    return part


def _superseded(version: int | None, last: int | None) -> bool:
    return version is not None and last is not None and version <= last

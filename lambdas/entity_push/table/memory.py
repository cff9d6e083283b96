"""What a worker remembers of a channel's log: its tail, and which updates it holds."""

import itertools
from collections import OrderedDict, deque
from collections.abc import Iterable

from entity_push.protocol.events import Event, Identity, OwnId
from entity_push.table.log import Life, Segment

MOST_KNOWN = 80_000
"""Updates remembered of one channel: repeats are recognized among the last ones. At 200 updates/s that is
longer than the queue takes to bring a message back."""

MOST_KNOWN_IN_ALL = 100_000
"""Updates remembered of all channels together, in some 50 MB."""

EVERYTHING = float("-inf")


Ahead = tuple[float, int]
"""A segment whose updates may still be on their way: when it was stored, and how many it has."""


class Memory:
    """A channel's log, as far as a worker knows it.

    Attributes:
        epoch: the life.
        ends: the end of the life.
        at: when the life was last looked at, in seconds since 1970.
        last: the number of the last update; 0 before the first.
        version: the highest version in the life; None if there was none.
        reaches: every update that was stored after this time is known, in seconds since 1970.
        earliest: the number from which on every update is known.
        others_at: when a segment of another worker was last met, in seconds since 1970.
        own_last: the number of the last update that this worker has stored; 0 before the first.
    """

    def __init__(self, epoch: str, ends: int, at: float, last: int = 0, *, reaches: float = EVERYTHING):
        self.epoch, self.ends, self.at, self.last, self.reaches = epoch, ends, at, last, reaches
        self.version: int | None = None
        self.earliest = last + 1
        self.others_at = EVERYTHING
        self.own_last = 0
        self._numbers: dict[Identity, int] = {}
        self._times: dict[OwnId, set[float]] = {}
        self._segments: deque[Segment] = deque()

    @classmethod
    def of(cls, life: Life, tail: Segment | None, at: float) -> "Memory":
        """Return the memory of a log of which only the life and the tail were read."""
        if tail is None:
            return cls(life.epoch, life.ends, at)
        memory = cls(life.epoch, life.ends, at, tail.first - 1, reaches=tail.at)
        memory.add(tail)
        return memory

    def __len__(self) -> int:
        return len(self._numbers)

    def add(self, segment: Segment) -> None:
        """Remember the segment that follows the last one. The later end of a life holds (rule 3)."""
        self._know(segment)
        self._segments.append(segment)
        self.last, self.ends = segment.last, max(self.ends, segment.life_ends)
        if segment.version is not None:
            self.version = max(segment.version, self.version or 0)
        while len(self._numbers) > MOST_KNOWN:
            self._forget(self._segments.popleft())

    def add_earlier(self, segments: Iterable[Segment]) -> None:
        """Remember the segments before those that are known, the last one first."""
        for segment in segments:
            self._know(segment)
            self._segments.appendleft(segment)
            self.earliest = segment.first

    def ahead(self, since: float) -> list[Ahead]:
        """Return which segments were stored after a time, unless the last one is this worker's own."""
        if self.own_last == self.last:
            return []
        young = itertools.takewhile(lambda segment: segment.at > since, reversed(self._segments))
        return [(segment.at, len(segment.updates)) for segment in young][::-1]

    def number_of(self, event: Event) -> int | None:
        """Return the number of an event that is in the log; None if it is not known to be."""
        return self._numbers.get(event.identity)

    def repeats(self, event: Event, seconds: float) -> bool:
        """Tell whether an update of about the same time has the event's own id."""
        times = self._times.get(event.own_id, ()) if event.own_id else ()
        return any(abs(time - event.time) <= seconds for time in times)

    def _know(self, segment: Segment) -> None:
        for number, update in enumerate(segment.updates, segment.first):
            self._numbers.setdefault(update.identity, number)
            if own_id := update.own_id:
                self._times.setdefault(own_id, set()).add(update.time)

    def _forget(self, segment: Segment) -> None:
        for update in segment.updates:
            self._numbers.pop(update.identity, None)
            if own_id := update.own_id:
                times = self._times.get(own_id, set())
                times.discard(update.time)
                if not times:
                    self._times.pop(own_id, None)


class Memories:
    """The memories of the channels that a worker has met of late, the last ones."""

    def __init__(self) -> None:
        self._memories: OrderedDict[str, Memory] = OrderedDict()
        self._known = 0

    def take(self, channel: str) -> Memory | None:
        """Take a channel's memory out: after a failure it is as if there were none (rule 10)."""
        memory = self._memories.pop(channel, None)
        self._known -= len(memory) + 1 if memory else 0
        return memory

    def keep(self, channel: str, memory: Memory) -> None:
        """Put a channel's memory back; forget the channels that were longest without an update."""
        self._memories[channel] = memory
        self._known += len(memory) + 1
        while self._known > MOST_KNOWN_IN_ALL:
            _, oldest = self._memories.popitem(last=False)
            self._known -= len(oldest) + 1

"""The truth about logs: what was really stored, as each write is seen from the outside."""

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from entity_push.protocol.events import Event, Identity
from entity_push.table import keys
from entity_push.table.history import OWN_ID_SECONDS, SLACK_SECONDS
from entity_push.table.log import MARGIN_SECONDS, Segment, Stored

from tests.model.services import puts_in


@dataclass
class Life:
    """One life of a channel's log.

    Attributes:
        name: its epoch.
        ends: its end, as far as anybody knows.
        segments: the segments.
        sealed: whether a seal has ended it.
    """

    name: str
    ends: int
    segments: list[Segment] = field(default_factory=list)
    sealed: bool = False

    @property
    def updates(self) -> list[Stored]:
        """The stored updates, in the order of their numbers, from 1 on."""
        return [update for segment in self.segments for update in segment.updates]


class LogTruth:
    """Observes each write.

    Args:
        now: tells the latest time of all clocks, in seconds since 1970.

    Attributes:
        looks_back: the number of segments among which at least a repeated event is recognized.
        broken: promises that were broken.
    """

    def __init__(self, now: Callable[[], float]):
        self._now = now
        self._lives: dict[str, list[Life]] = defaultdict(list)
        self._passed: dict[str, set[Identity]] = defaultdict(set)
        self.looks_back = 100
        self.broken: list[str] = []

    def wrote(self, name: str, parameters: dict[str, Any]) -> None:
        """Note the lives and segments of a successful write."""
        for item in puts_in(name, parameters):
            channel = item["pk"]["S"].removeprefix(keys.CHANNEL)
            if item["sk"]["S"] == keys.LIFE:
                self._begun(channel, item["epoch"]["S"], int(item["ttl"]["N"]))
            else:
                self._appended(channel, Segment.from_item(item))

    def passed(self, channel: str, identities: Iterable[Identity]) -> None:
        """Note updates that are pushed unstored. Who subscribes from now on does not get them."""
        self._passed[channel].update(identities)

    def lives(self, channel: str) -> list[Life]:
        """Return a channel's lives, the present one last."""
        return self._lives[channel]

    def stored(self, channel: str) -> frozenset[Identity]:
        """Return the updates so far, of all lives."""
        return frozenset(update.identity for life in self._lives[channel] for update in life.updates)

    def settled(self, channel: str) -> frozenset[Identity]:
        """Return the updates that were stored or passed so far."""
        return self.stored(channel) | self._passed[channel]

    def is_covered(self, channel: str, event: Event, known: Iterable[Event] | None = None) -> bool:
        """Tell whether an event is rightly left out: another one tells as much, or is the same by its own id.

        Args:
            channel: the channel.
            event: the event.
            known: the events among which the other one has to be; None: the stored ones.
        """
        updates = [update for life in self._lives[channel] for update in life.updates]
        if known is not None:
            identities = {other.identity for other in known}
            updates = [update for update in updates if update.identity in identities]
        return any(_stands_for(update, event) for update in updates)

    def _begun(self, channel: str, name: str, ends: int) -> None:
        lives = self._lives[channel]
        if name in [life.name for life in lives]:
            self.broken.append(f"life {name} comes back")
        if lives and not lives[-1].sealed and lives[-1].ends > self._now():
            self.broken.append(f"life {name} begins while {lives[-1].name} goes on")
        lives.append(Life(name, ends))

    def _appended(self, channel: str, segment: Segment) -> None:
        lives = self._lives[channel]
        life = lives[-1] if lives else None
        over = {one.name for one in lives if one.ends <= self._now()}
        if segment.is_seal and segment.epoch in over:
            return  # nobody goes on with that life, and its segments may be gone
        if life is None or life.name != segment.epoch or life.sealed:
            self.broken.append(f"a segment is appended to {segment.epoch}, which is over")
            return
        if segment.first != len(life.updates) + 1:
            self.broken.append(f"after {len(life.updates)} follows {segment.first}")
            return
        life.ends = max(life.ends, segment.life_ends)
        if segment.is_seal:
            life.sealed = True
            return
        self._check_once(life, segment)
        self._check_versions(life, segment)
        life.segments.append(segment)

    def _check_once(self, life: Life, segment: Segment) -> None:
        """Check ids. An own id counts among updates whose times are about right."""
        there = [one for one in life.segments if one.life_ends + MARGIN_SECONDS > self._now()]
        known = [(update, one.at) for one in there[-self.looks_back :] for update in one.updates]
        for number, update in enumerate(segment.updates, segment.first):
            for other, at in known:
                if update.identity == other.identity:
                    self.broken.append(f"{update.identity[0]} gets a second number: {number}")
                near = abs(other.time - update.time) <= OWN_ID_SECONDS and other.time <= at + SLACK_SECONDS
                if near and _own_id(update) and _own_id(update) == _own_id(other):
                    self.broken.append(f"{update.identity[0]} repeats the own id of {other.identity[0]}")
            known.append((update, segment.at))

    def _check_versions(self, life: Life, segment: Segment) -> None:
        highest = max((_version(update) for update in life.updates), default=-1)
        for update in segment.updates:
            if "version" in update.frame and _version(update) <= highest:
                self.broken.append(f"{update.identity[0]}, {_version(update)}, follows version {highest}")
            highest = max(highest, _version(update))


def _version(update: Stored | Event) -> int:
    version: int = update.frame.get("version", -1)
    return version


def _own_id(update: Stored | Event) -> tuple[str, str] | None:
    return (update.sender, update.frame["ownId"]) if "ownId" in update.frame else None


def _stands_for(update: Stored, event: Event) -> bool:
    if "version" in event.frame and _version(update) >= _version(event):
        return True
    near = abs(update.time - event.time) <= OWN_ID_SECONDS
    return near and _own_id(event) is not None and _own_id(update) == _own_id(event)

"""What was really stored, and whether a client holds what it should."""

import json
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

from entity_push.table import keys

from tests.model.services import updates_in
from tests.reference_client import Change, Heard, Place, Refetch


@dataclass
class Epoch:
    """One life of a channel's head.

    Attributes:
        name: the epoch.
        event_ids: of the updates that were stored, in the order of their numbers, from 1 on.
        lost: whether the head is gone.
    """

    name: str
    event_ids: list[str] = field(default_factory=list)
    lost: bool = False


class Truth:
    """Looks at each write, from the outside.

    Attributes:
        published: the channels and ids of all events.
        broken: promises that were broken at once, not only in the end.
    """

    def __init__(self) -> None:
        self.published: set[tuple[str, str]] = set()
        self.broken: list[str] = []
        self._epochs: dict[str, list[Epoch]] = defaultdict(list)

    def wrote(self, name: str, parameters: dict[str, Any]) -> None:
        """Take down the updates of a write that succeeded, and heads made before there is an update."""
        if name == "put_item" and parameters["Item"]["sk"]["S"] == "HEAD":
            channel = parameters["Item"]["pk"]["S"].removeprefix(keys.CHANNEL)
            self._epoch(channel, parameters["Item"]["epoch"]["S"])
        for item in updates_in(name, parameters):
            channel = item["pk"]["S"].removeprefix(keys.CHANNEL)
            frame = json.loads(item["frame"]["S"])
            self._stored(channel, Place.of(frame["cursor"]), frame["id"])

    def _stored(self, channel: str, place: Place, event_id: str) -> None:
        if event_id in [
            known for epoch in self._epochs[channel] if not epoch.lost for known in epoch.event_ids
        ]:
            self.broken.append(f"{event_id} gets a second number: {place.sequence}")
        epoch = self._epoch(channel, place.epoch)
        expected = Place(epoch.name, len(epoch.event_ids) + 1)
        if place != expected:
            self.broken.append(f"{event_id} gets {place} instead of {expected}")
        epoch.event_ids.append(event_id)

    def _epoch(self, channel: str, name: str) -> Epoch:
        """Return the channel's current epoch; begin it if the one before is lost."""
        epochs = self._epochs[channel]
        if not epochs or epochs[-1].lost:
            if name in [epoch.name for epoch in epochs]:
                self.broken.append(f"epoch {name} comes back")
            epochs.append(Epoch(name))
        return epochs[-1]

    def lost(self, channel: str) -> None:
        """Take down that a channel's head is gone."""
        for epoch in self._epochs[channel]:
            epoch.lost = True

    def stored(self, channel: str) -> frozenset[str]:
        """Return the ids of a channel's events so far, of all its epochs."""
        return frozenset(event_id for epoch in self._epochs[channel] for event_id in epoch.event_ids)

    def check_promises(self) -> None:
        """Assert that numbers have no holes, that no event has two, and so on."""
        assert not self.broken, "; ".join(self.broken)

    def check_all_stored(self) -> None:
        """Assert that every event was stored."""
        stored = {(channel, event_id) for channel in self._epochs for event_id in self.stored(channel)}
        assert stored == self.published, "an event was dropped"

    def check_unheard_of(self, who: str, channel: str, before: frozenset[str]) -> None:
        """Assert that a client that listened, and heard nothing, has missed nothing.

        Args:
            who: the client.
            channel: the channel.
            before: what was stored when it began to listen.
        """
        missing = self.stored(channel) - before
        assert not missing, f"{who} never heard of {channel}, and of {sorted(missing)}"

    def check_client(self, who: str, channel: str, changes: list[Change], before: frozenset[str]) -> None:
        """Assert that a client holds every update since it last had to fetch the channel's state.

        Args:
            who: the client.
            channel: the channel.
            changes: all it was told; something, that is.
            before: what was stored when it first heard of the channel without asking, so that it was in the
                state that it fetched then.
        """
        starts = [number for number, change in enumerate(changes) if isinstance(change, Refetch | Heard)]
        assert starts[0] == 0, f"{who} has updates of {channel} and no state"
        for start, end in zip(starts, [*starts[1:], len(changes)], strict=True):
            missing = self._missing(f"{who}, {channel}", channel, changes[start:end])
            if isinstance(changes[start], Heard):
                missing -= before
        assert not missing, f"{who}, {channel}: it misses {sorted(missing)}"

    def _missing(self, who: str, channel: str, changes: list[Change]) -> set[str]:
        """Return what was stored after all that a client was told since it had to fetch the state.

        Assert that it was told everything in between, in order.
        """
        epochs = self._epochs[channel]
        first, *others = changes
        cursor = first.cursor if isinstance(first, Refetch) else first.frame["cursor"]
        assert cursor, f"{who}: there is a history, so there is a cursor"
        name, begin = Place.of(cursor)
        (epoch,) = (epoch for epoch in epochs if epoch.name == name)
        held = []
        for change in others:
            assert not isinstance(change, Refetch)
            held.append((Place.of(change.frame["cursor"]), change.frame["id"]))
        after = list(enumerate(epoch.event_ids, 1))[begin:]
        expected = [(Place(name, number), event_id) for number, event_id in after]
        in_order = held == expected[: len(held)]
        assert in_order, f"{who}: since {cursor} it holds {held} instead of {expected}"
        newer = {event_id for later in epochs[epochs.index(epoch) + 1 :] for event_id in later.event_ids}
        return newer | {event_id for _, event_id in expected[len(held) :]}

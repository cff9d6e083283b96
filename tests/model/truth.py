"""What was really stored, and whether a client holds what it should."""

import json
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

from entity_push.table import keys

from tests.model.services import updates_in
from tests.reference_client import Applied, Place, Refetch


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
        published: the ids of all events.
        broken: promises about numbers that a write has broken.
    """

    def __init__(self) -> None:
        self.published: list[str] = []
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

    def check_numbers(self) -> None:
        """Assert that numbers have no holes, and no event has two."""
        assert not self.broken, "; ".join(self.broken)

    def check_all_stored(self) -> None:
        """Assert that every event was stored."""
        stored = {
            event_id for epochs in self._epochs.values() for epoch in epochs for event_id in epoch.event_ids
        }
        assert stored == set(self.published), "an event was dropped"

    def check_client(self, who: str, entity_id: str, changes: list[Refetch | Applied]) -> None:
        """Assert that a client holds every update since it was last told to fetch its state.

        Args:
            who: the client.
            entity_id: the entity.
            changes: all it was told.
        """
        epochs = self._epochs[f"entity/{entity_id}"]
        assert changes, f"{who} was never told anything of {entity_id}"
        for number, change in enumerate(changes):
            if isinstance(change, Refetch):
                last = not any(isinstance(later, Refetch) for later in changes[number + 1 :])
                self._check_since(f"{who}, {entity_id}", changes[number:], epochs, last=last)

    @staticmethod
    def _check_since(who: str, changes: list[Refetch | Applied], epochs: list[Epoch], *, last: bool) -> None:
        """Check what a client was told from one refetch to the next, or to the end."""
        start = changes[0]
        assert isinstance(start, Refetch)
        held = []
        for change in changes[1:]:
            if isinstance(change, Refetch):
                break
            held.append((Place.of(change.frame["cursor"]), change.frame["id"]))
        assert start.cursor, f"{who}: there is a history, so there is a cursor"
        name, begin = Place.of(start.cursor)
        (epoch,) = (epoch for epoch in epochs if epoch.name == name)
        expected = [
            (Place(name, begin + number), event_id)
            for number, event_id in enumerate(epoch.event_ids[begin:], 1)
        ]
        if not last:
            expected = expected[: len(held)]
        assert held == expected, f"{who}: since {start.cursor} it holds {held} instead of {expected}"
        newer = [later for later in epochs[epochs.index(epoch) + 1 :] if later.event_ids]
        assert not last or not newer, f"{who}: it never heard of {newer}"

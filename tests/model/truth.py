"""The truth: the updates that were really stored, compared with those that clients hold."""

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
        event_ids: the event ids of the stored updates, in the order of their numbers, from 1 on.
        lost: whether the head is gone.
    """

    name: str
    event_ids: list[str] = field(default_factory=list)
    lost: bool = False


class Truth:
    """Observes each write from the outside.

    Attributes:
        published: the channels and ids of all events.
        broken: promises that were broken at once, not only in the end.
        gone: connections whose `$disconnect` has come to its end.
    """

    def __init__(self) -> None:
        self.gone: set[str] = set()
        self.published: set[tuple[str, str]] = set()
        self.broken: list[str] = []
        self._epochs: dict[str, list[Epoch]] = defaultdict(list)

    def wrote(self, name: str, parameters: dict[str, Any]) -> None:
        """Note the updates of a successful write, and heads made before the first update."""
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
        """Return the channel's current epoch; begin a new one after a lost head."""
        epochs = self._epochs[channel]
        if not epochs or epochs[-1].lost:
            if name in [epoch.name for epoch in epochs]:
                self.broken.append(f"epoch {name} comes back")
            epochs.append(Epoch(name))
        return epochs[-1]

    def lost(self, channel: str) -> None:
        """Note that a channel's head is gone."""
        for epoch in self._epochs[channel]:
            epoch.lost = True

    def stored(self, channel: str) -> frozenset[str]:
        """Return the ids of a channel's events so far, of all its epochs."""
        return frozenset(event_id for epoch in self._epochs[channel] for event_id in epoch.event_ids)

    def check_promises(self) -> None:
        """Assert the promises of each write: numbers without holes, one number per event, and so on."""
        assert not self.broken, "; ".join(self.broken)

    def check_all_stored(self) -> None:
        """Assert that every event was stored."""
        stored = {(channel, event_id) for channel in self._epochs for event_id in self.stored(channel)}
        assert stored == self.published, "an event was dropped"

    def check_left_behind(self, items: list[dict[str, Any]]) -> None:
        """Assert that nothing is left of a connection that is gone, and that no item is half of two.

        Args:
            items: all items of the table; nobody is writing.
        """
        left = {item["sk"]["S"].rpartition("#")[2] for item in items if "#" in item["sk"]["S"]}
        left |= {item["pk"]["S"].rpartition("#")[2] for item in items if item["sk"]["S"] == "CONNECTION"}
        assert not left & self.gone, f"{left & self.gone} outlive their connections"
        for item in items:
            if item["sk"]["S"] == "CONNECTION":
                self._check_whole(item, items)

    @staticmethod
    def _check_whole(connection: dict[str, Any], items: list[dict[str, Any]]) -> None:
        connection_id = connection["pk"]["S"].removeprefix(keys.CONNECTION)
        found = {
            item["pk"]["S"].removeprefix(keys.CHANNEL)
            for item in items
            if item["sk"]["S"] == f"{keys.SUBSCRIBER}{connection_id}"
        }
        assert found == keys.channels_of(connection), f"{connection_id} is in {found}, and not only there"

    def check_unheard_of(self, who: str, channel: str, before: frozenset[str]) -> None:
        """Assert that a listening client without any frame of a channel has missed no update.

        Args:
            who: the client's name.
            channel: the channel.
            before: the event ids stored when the client began to listen.
        """
        missing = self.stored(channel) - before
        assert not missing, f"{who} never heard of {channel}, and of {sorted(missing)}"

    def check_client(self, who: str, channel: str, changes: list[Change], before: frozenset[str]) -> None:
        """Assert that a client holds every update since it last had to fetch the channel's state.

        Args:
            who: the client's name.
            channel: the channel.
            changes: all changes that the client was told; at least one.
            before: the event ids stored when the client first heard of the channel without a question. They
                are in the state that the client fetched then.
        """
        starts = [number for number, change in enumerate(changes) if isinstance(change, Refetch | Heard)]
        assert starts[0] == 0, f"{who} has updates of {channel} and no state"
        for start, end in zip(starts, [*starts[1:], len(changes)], strict=True):
            missing = self._missing(f"{who}, {channel}", channel, changes[start:end])
            if isinstance(changes[start], Heard):
                missing -= before
        assert not missing, f"{who}, {channel}: it misses {sorted(missing)}"

    def _missing(self, who: str, channel: str, changes: list[Change]) -> set[str]:
        """Return the event ids stored after a client's last change, given the changes since a fetch.

        Assert that the client was told all updates in between, in order.
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

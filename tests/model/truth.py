"""The truth: the updates that were really stored, compared with those that clients hold."""

from collections.abc import Callable
from typing import Any

from entity_push.table import keys

from tests.model.log_truth import LogTruth
from tests.reference_client import Change, Heard, Place, Refetch


class Truth:
    """Observes each write from the outside.

    Args:
        now: tells the time, in seconds since 1970.

    Attributes:
        logs: the truth about the channels' logs.
        published: the channels and ids of all events.
        broken: promises that were broken at once, not only in the end.
        gone: connections whose `$disconnect` has come to its end.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        self.logs = LogTruth(now)
        self.gone: set[str] = set()
        self.published: set[tuple[str, str]] = set()
        self.broken: list[str] = []

    def published_of(self, channel: str) -> set[str]:
        """Return the ids of a channel's events so far."""
        return {event_id for other, event_id in self.published if other == channel}

    def stored(self, channel: str) -> frozenset[str]:
        """Return the ids of a channel's events that were stored so far, or pushed unstored."""
        return frozenset(event_id for event_id, _rule in self.logs.settled(channel))

    def check_promises(self) -> None:
        """Assert the promises of each write: numbers without holes, one number per event, and so on."""
        broken = self.logs.broken + self.broken
        assert not broken, "; ".join(broken)

    def check_all_stored(self) -> None:
        """Assert that every event was stored, or pushed unstored."""
        channels = {channel for channel, _ in self.published}
        stored = {(channel, event_id) for channel in channels for event_id in self.stored(channel)}
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

    def check_knows(self, who: str, channel: str, known: set[str]) -> None:
        """Assert that a client knows every event: from its frame, or from a state that the client fetched.

        Args:
            who: the client's name.
            channel: the channel.
            known: the ids of the events that the client knows.
        """
        missing = self.published_of(channel) - known
        assert not missing, f"{who} does not know of {sorted(missing)} in {channel}"

    def _missing(self, who: str, channel: str, changes: list[Change]) -> set[str]:
        """Return the event ids stored after a client's last change, given the changes since a fetch.

        Assert that the client was told all updates in between, in order. Where updates are not stored, there
        is no order to look at.
        """
        lives = self.logs.lives(channel)
        first, *others = changes
        cursor = first.cursor if isinstance(first, Refetch) else first.frame.get("cursor")
        if cursor is None:
            return set()
        name, begin = Place.of(cursor)
        (life,) = (life for life in lives if life.name == name)
        held = []
        for change in others:
            assert not isinstance(change, Refetch)
            if "cursor" in change.frame:
                held.append((Place.of(change.frame["cursor"]), change.frame["id"]))
        after = list(enumerate((update.frame["id"] for update in life.updates), 1))[begin:]
        expected = [(Place(name, number), event_id) for number, event_id in after]
        in_order = held == expected[: len(held)]
        assert in_order, f"{who}: since {cursor} it holds {held} instead of {expected}"
        newer = {update.frame["id"] for later in lives[lives.index(life) + 1 :] for update in later.updates}
        return newer | {event_id for _, event_id in expected[len(held) :]}

"""The truth: the updates that were really stored, compared with those that clients hold."""

from collections.abc import Callable, Sequence
from typing import Any

from entity_push.protocol.channels import entity_channel
from entity_push.table import keys
from entity_push_client import Reset, Update
from entity_push_client.changes import Change
from entity_push_client.ordering import split_cursor

from tests.model.devices import Event, State
from tests.model.log_truth import LogTruth

Changes = Sequence[Change[State, Any]]


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

    def check_client(self, who: str, channel: str, changes: Changes) -> None:
        """Assert that a client holds every update since its last reset, in order, and knows every event.

        Args:
            who: the client's name.
            channel: the channel that it follows.
            changes: all changes that the client was told.
        """
        missing: set[str] = set()
        for some in _from_reset_to_reset(f"{who}, {channel}", changes):
            missing = self._missing(f"{who}, {channel}", channel, some)
        assert not missing, f"{who}, {channel}: it misses {sorted(missing)}"
        missing = self._unknown(channel, changes)
        assert not missing, f"{who} does not know of {sorted(missing)} in {channel}"

    def check_pattern(self, who: str, channel: str, changes: Changes) -> None:
        """Assert that a client of a pattern holds the newest of an entity's updates, and steps back to none.

        An update that comes after its successor is not shown. So the client may lack what was overtaken.

        Args:
            who: the client's name, and its pattern.
            channel: the channel of an entity that the pattern covers.
            changes: all changes that the client was told.
        """
        newest: dict[str, int] = {}
        for some in _from_reset_to_reset(who, changes):
            newest.clear()
            for change in some:
                if isinstance(change, Update) and change.cursor and _channel(change) == channel:
                    life, number = split_cursor(change.cursor)
                    assert number > newest.get(life, 0), f"{who}: {change} comes after {newest}"
                    newest[life] = number
        overtaken = {
            update.frame["id"]
            for life in self.logs.lives(channel)
            for update in list(life.updates)[: newest.get(f"{life.name}.", 0)]
        }
        missing = self._unknown(channel, changes) - overtaken
        assert not missing, f"{who} does not know of {sorted(missing)} in {channel}"

    def _unknown(self, channel: str, changes: Changes) -> set[str]:
        """Return the ids of events that no update and no fetched state of a client shows."""
        known: set[Event] = set()
        for change in changes:
            known |= change.state if isinstance(change, Reset) else {(channel, change.id)}
        return {event_id for other, event_id in self.published - known if other == channel}

    def _missing(self, who: str, channel: str, changes: Changes) -> set[str]:
        """Return the event ids stored after a client's last change, given the changes since a reset.

        Assert that the client was told all updates in between, in order. Where updates are not stored, there
        is no order to look at.
        """
        lives = self.logs.lives(channel)
        first, *others = changes
        if first.cursor is None:
            return set()
        place, begin = split_cursor(first.cursor)
        (life,) = (life for life in lives if f"{life.name}." == place)
        updates = [change for change in others if isinstance(change, Update)]
        held = [(update.cursor, update.id) for update in updates if update.cursor]
        after = list(enumerate((update.frame["id"] for update in life.updates), 1))[begin:]
        expected = [(f"{place}{number}", event_id) for number, event_id in after]
        in_order = held == expected[: len(held)]
        assert in_order, f"{who}: since {first.cursor} it holds {held} instead of {expected}"
        newer = {update.frame["id"] for later in lives[lives.index(life) + 1 :] for update in later.updates}
        return newer | {event_id for _, event_id in expected[len(held) :]}


def _channel(update: Update[Any]) -> str:
    return entity_channel(update.entity_id)


def _from_reset_to_reset(who: str, changes: Changes) -> list[Changes]:
    """Return the changes in pieces, each of which begins with a reset."""
    starts = [number for number, change in enumerate(changes) if isinstance(change, Reset)]
    assert starts[:1] == [0], f"{who} has updates and no state"
    return [changes[start:end] for start, end in zip(starts, [*starts[1:], len(changes)], strict=True)]

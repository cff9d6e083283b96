"""What a subscription has shown its application, held against the contract."""

from collections.abc import Mapping
from typing import Any

from entity_push.protocol.cursors import Cursor

Update = Mapping[str, Any]


class Shown:
    """One subscription to something with a history.

    Its state, as `getState` answers it, is the cursor of the head at that moment, or None before the first
    update. So it is known which updates a state covers, and which ones still have to be shown.

    Attributes:
        place: how far the application has got; None before the first reset, or before the first update.
        resets: how many there were.
        updates: how many were shown.
        replayed: how many of them came in an answer.
        problems: what went against the contract.
    """

    def __init__(self, name: str):
        self.name = name
        self.place: Cursor | None = None
        self.resets = self.updates = self.replayed = 0
        self.problems: list[str] = []
        self._last: Cursor | None = None  # the last update since the reset

    def reset(self, state: str | None) -> None:
        """Take a reset, with the state that was fetched for it."""
        self.resets += 1
        self._last = None
        self.place = Cursor.parse(state) if state else None

    def update(self, update: Update) -> None:
        """Take an update."""
        place = Cursor.parse(update["cursor"])
        self.updates += 1
        self.replayed += bool(update["replayed"])
        if not self.resets:
            self.problems.append(f"{self.name}: {place} before the first reset")
        elif self._last and place != Cursor(self._last.epoch, self._last.sequence + 1):
            self.problems.append(f"{self.name}: {place} after {self._last}")
        elif not self._last and not self._follows_the_state(place):
            self.problems.append(f"{self.name}: {place} after a state at {self.place}")
        self._last = place
        if not self.place or place.sequence > self.place.sequence:
            self.place = place

    def _follows_the_state(self, place: Cursor) -> bool:
        """Tell whether a first update leaves no hole after the state, which may have it already."""
        if self.place is None:
            return place.sequence == 1
        return place.epoch == self.place.epoch and place.sequence <= self.place.sequence + 1

    def ends_at(self, head: str | None) -> bool:
        """Tell whether the application has all there is."""
        return bool(self.resets) and self.place == (Cursor.parse(head) if head else None)


class ShownOfPattern:
    """One subscription to a pattern, which has no past: it shows no entity's number twice, nor a smaller one.

    Attributes: as those of `Shown`. It has no place.
    """

    place = None

    def __init__(self, name: str):
        self.name = name
        self.resets = self.updates = self.replayed = 0
        self.problems: list[str] = []
        self._last: dict[str, Cursor] = {}

    def reset(self, _state: str | None) -> None:
        """Take a reset."""
        self.resets += 1

    def update(self, update: Update) -> None:
        """Take an update."""
        place, entity_id = Cursor.parse(update["cursor"]), update["entityId"]
        self.updates += 1
        last = self._last.get(entity_id)
        if last and (place.epoch != last.epoch or place.sequence <= last.sequence):
            self.problems.append(f"{self.name}: of {entity_id} {place} after {last}")
        self._last[entity_id] = place

    def ends_at(self, _head: str | None) -> bool:
        """Tell whether it has begun: nothing that was pushed while it was away is owed."""
        return bool(self.resets)

"""What a subscription has shown its application, held against the contract."""

from collections.abc import Mapping
from typing import Any, NamedTuple

Update = Mapping[str, Any]


class Place(NamedTuple):
    """A place in a history: its life, and a number in it."""

    life: str
    number: int

    @classmethod
    def of(cls, cursor: str) -> "Place":
        """Return the place that a cursor names."""
        life, _, number = cursor.rpartition(".")
        return cls(life, int(number))


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
        self.place: Place | None = None
        self.resets = self.updates = self.replayed = 0
        self.problems: list[str] = []
        self._last: Place | None = None  # the last update since the reset

    def reset(self, state: str | None) -> None:
        """Take a reset, with the state that was fetched for it."""
        self.resets += 1
        self._last = None
        self.place = Place.of(state) if state else None

    def update(self, update: Update) -> None:
        """Take an update."""
        place = Place.of(update["cursor"])
        self.updates += 1
        self.replayed += bool(update["replayed"])
        if not self.resets:
            self.problems.append(f"{self.name}: {place} before the first reset")
        elif self._last and place != (self._last.life, self._last.number + 1):
            self.problems.append(f"{self.name}: {place} after {self._last}")
        elif not self._last and place.number > (self.place.number if self.place else 0) + 1:
            self.problems.append(f"{self.name}: {place} after a state at {self.place}")
        self._last = place
        if not self.place or place.number > self.place.number:
            self.place = place

    def ends_at(self, head: str | None) -> bool:
        """Tell whether the application has all there is."""
        return bool(self.resets) and self.place == (Place.of(head) if head else None)


class ShownOfPattern:
    """One subscription to a pattern, which has no past: it shows no entity's number twice, nor a smaller one.

    Attributes: as those of `Shown`. It has no place.
    """

    place = None

    def __init__(self, name: str):
        self.name = name
        self.resets = self.updates = self.replayed = 0
        self.problems: list[str] = []
        self._last: dict[str, Place] = {}

    def reset(self, _state: str | None) -> None:
        """Take a reset."""
        self.resets += 1

    def update(self, update: Update) -> None:
        """Take an update."""
        place, entity_id = Place.of(update["cursor"]), update["entityId"]
        self.updates += 1
        last = self._last.get(entity_id)
        if last and (place.life != last.life or place.number <= last.number):
            self.problems.append(f"{self.name}: of {entity_id} {place} after {last}")
        self._last[entity_id] = place

    def ends_at(self, _head: str | None) -> bool:
        """Tell whether it has begun: nothing that was pushed while it was away is owed."""
        return bool(self.resets)

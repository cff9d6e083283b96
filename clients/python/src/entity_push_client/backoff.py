"""How long to wait before trying again: full jitter, so that many clients never come together."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Backoff:
    """Pauses that double.

    Attributes:
        first: the longest first pause, in seconds.
        most: the longest pause of all, in seconds.
    """

    first: float = 0.5
    most: float = 30.0

    def pause(self, attempt: int, random: Callable[[], float]) -> float:
        """Return a pause, in seconds.

        Args:
            attempt: which one in a row, from 1.
            random: gives a number from 0 to 1.
        """
        doublings = min(attempt - 1, 60)  # beyond it, a float has no room
        return random() * min(self.most, self.first * 2.0**doublings)

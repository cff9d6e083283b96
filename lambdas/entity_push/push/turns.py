"""Whose turn it is: updates that other workers have numbered before go first.

A number says which update comes first. Of updates that are put at once, several workers each have some. If
all posted at once, a client would get them interleaved. Clients that look at numbers don't care. A client
that shows what comes last would show an old state. So a worker whose updates follow another one's lets those
go first. Nobody tells it when they are through: it reckons with as long as its own posts have taken of late.
"""

import time
from collections.abc import Callable, Iterable

from entity_push.push.delivery import Delivery
from entity_push.table.memory import Ahead

LONGEST_SECONDS = 0.5
"""The longest wait. Whoever would have to wait longer does not wait: then throughput counts, not order."""

BEFORE_POSTS_SECONDS = 0.06
"""What is between storing and the first post: the answers to two calls, and as long again for a busy worker.
Less lets twice as many frames overtake each other, and more no fewer (`python -m benchmarks.order`)."""

FIRST_GUESS_SECONDS = 0.01
"""What an update's posts take, as long as none were made."""

_SLOWEST_SECONDS = 0.1  # a client that is slower says nothing about the next update's posts
_WEIGHT = 0.2  # of the last update among all


class Turns:
    """Reckons when a channel's posts may begin.

    Args:
        clock: monotonic seconds, as the delivery engine's; tests replace it.
        wall_clock: seconds since 1970; tests replace it, too.

    Attributes:
        pace: about what one update's posts take, in seconds.
    """

    def __init__(
        self, clock: Callable[[], float] = time.monotonic, wall_clock: Callable[[], float] = time.time
    ) -> None:
        self._clock, self._wall_clock = clock, wall_clock
        self.pace = FIRST_GUESS_SECONDS

    def begins(self, ahead: Iterable[Ahead]) -> float:
        """Return the time by the clock before which no post may begin; 0 if nobody goes first."""
        through = 0.0
        for at, count in ahead:
            through = max(through, at + BEFORE_POSTS_SECONDS) + count * self.pace
        left = through - self._wall_clock()
        return self._clock() + left if 0 < left <= LONGEST_SECONDS else 0.0

    def learner(self) -> Callable[[Delivery], None]:
        """Return a function that is told of each delivery of a run when its posts have ended."""
        began = self._clock()
        ended: dict[str, float] = {}

        def note(delivery: Delivery) -> None:
            if not delivery.delivered:
                return  # its posts failed, or were held back by one that did
            channel, now = delivery.update.channel, self._clock()
            took = now - ended.get(channel, max(began, delivery.begins))
            ended[channel] = now
            self.pace += _WEIGHT * (min(took, _SLOWEST_SECONDS) - self.pace)

        return note

"""In which order the updates of a batch go to each connection: those of one channel one after the other.

An update goes to a connection as soon as the channel's update before it has gone to this connection, not when
it has gone to everybody: who does not answer holds up nobody else.
"""

from collections import defaultdict, deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from entity_push.posting.posts import Outcome, Post, Result
from entity_push.push.settlement import Delivery

_HELD_BACK = frozenset((Outcome.RETRY, Outcome.UNSENT, Outcome.GONE))


@dataclass(frozen=True, slots=True, eq=False)
class _Place:
    """A delivery, and those of later updates of its channel: the tag of its posts."""

    delivery: Delivery
    later: "tuple[_Place, ...]"

    def has(self, connection_id: str) -> bool:
        """Tell whether the delivery is for a connection."""
        return connection_id in self.delivery.chunk.subscribers


class Sequencer:
    """The posts of a batch of deliveries, drawn one by one while the results of earlier ones are noted.

    Iterating yields None when no post is due before another result has been noted.

    Args:
        deliveries: the deliveries, in any order.
    """

    def __init__(self, deliveries: Iterable[Delivery]):
        by_channel: dict[str, list[Delivery]] = defaultdict(list)
        for delivery in deliveries:
            by_channel[delivery.update.channel].append(delivery)
        self._lines = [_line(together) for together in by_channel.values()]
        self._due: deque[Post] = deque()
        self._unsettled = 0

    def __length_hint__(self) -> int:
        return sum(len(place.delivery.chunk.subscribers) for line in self._lines for place in line)

    def __iter__(self) -> Iterator[Post | None]:
        for line in self._lines:
            for number, place in enumerate(line):
                earlier = line[:number]
                for connection_id in place.delivery.chunk.subscribers:
                    while self._due:  # whose turn it is does not wait for all who have yet to begin
                        yield self._due.popleft()
                    if not (earlier and any(other.has(connection_id) for other in earlier)):
                        self._unsettled += 1
                        yield _post(place, connection_id)
        while self._unsettled:
            yield self._due.popleft() if self._due else None

    def note(self, result: Result) -> None:
        """Take down what became of a post: the connection's next one is due, or held back with it."""
        place, connection_id = result.tag, result.connection_id
        assert isinstance(place, _Place)
        place.delivery.note(result)
        later = [other for other in place.later if other.has(connection_id)]
        if result.outcome in _HELD_BACK:
            for other in later:
                other.delivery.hold_back(connection_id, result.outcome)
        elif later:
            self._due.append(_post(later[0], connection_id))
            return
        self._unsettled -= 1


def _line(deliveries: list[Delivery]) -> list[_Place]:
    """Return the places of a channel's deliveries, by number; without numbers, as they came."""
    ordered = sorted(deliveries, key=lambda delivery: delivery.update.sequence)
    line: list[_Place] = []
    for delivery in reversed(ordered):
        line.insert(0, _Place(delivery, tuple(line)))
    return line


def _post(place: _Place, connection_id: str) -> Post:
    delivery = place.delivery
    return Post(connection_id, delivery.update.frame, place, delivery.chunk.subscribers[connection_id])

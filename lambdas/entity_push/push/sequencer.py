"""The order of a batch's posts: each connection gets one channel's updates one after the other.

A connection's next post is due as soon as its post of the channel's update before has ended. Other
connections' posts don't matter, so a slow client never delays others.
"""

from collections import defaultdict, deque
from collections.abc import Iterable, Iterator

from entity_push.posting.posts import NOT_YET, NotYet, Outcome, Post, Result
from entity_push.push.delivery import Delivery

_HELD_BACK = frozenset((Outcome.RETRY, Outcome.SILENT, Outcome.UNSENT, Outcome.GONE))


class Sequencer:
    """The posts of a batch of deliveries, drawn one by one while the results of earlier posts are noted.

    Iterating yields `NOT_YET` while no post is due before another result.

    Args:
        deliveries: the deliveries, in any order.
    """

    def __init__(self, deliveries: Iterable[Delivery]):
        by_channel: dict[str, list[Delivery]] = defaultdict(list)
        for delivery in deliveries:
            by_channel[delivery.update.channel].append(delivery)
        # Each channel's deliveries are in the order of their numbers; without numbers, in the given order.
        self._lines = [
            sorted(together, key=lambda delivery: delivery.update.sequence)
            for together in by_channel.values()
        ]
        self._later = {
            delivery: line[number:] for line in self._lines for number, delivery in enumerate(line, 1)
        }
        self._due: deque[Post] = deque()
        self._unsettled = 0

    def __length_hint__(self) -> int:
        return sum(len(delivery.chunk.subscribers) for line in self._lines for delivery in line)

    def __iter__(self) -> Iterator[Post | NotYet]:
        for line in self._lines:
            for number, delivery in enumerate(line):
                earlier = line[:number]
                for connection_id in delivery.chunk.subscribers:
                    while self._due:  # a due post goes before the first posts of other connections
                        yield self._due.popleft()
                    if not (earlier and any(connection_id in other.chunk.subscribers for other in earlier)):
                        self._unsettled += 1
                        yield _post(delivery, connection_id)
        while self._unsettled:
            yield self._due.popleft() if self._due else NOT_YET

    def note(self, result: Result) -> list[Delivery]:
        """Note a post's result; return the deliveries that it was the last one of.

        The connection's next post is then due, or held back after a failure.
        """
        delivery, connection_id = result.tag, result.connection_id
        assert isinstance(delivery, Delivery)
        delivery.note(result)
        later = [other for other in self._later[delivery] if connection_id in other.chunk.subscribers]
        ended = [delivery]
        if result.outcome in _HELD_BACK:
            for other in later:
                other.hold_back(connection_id, result.outcome)
            ended += later
        if later and result.outcome not in _HELD_BACK:
            self._due.append(_post(later[0], connection_id))
        else:
            self._unsettled -= 1
        return [each for each in ended if each.is_settled]


def _post(delivery: Delivery, connection_id: str) -> Post:
    """Return a delivery's post for a connection, with the delivery as its tag."""
    chunk = delivery.chunk
    return Post(
        connection_id,
        chunk.update.frame,
        delivery,
        chunk.subscribers[connection_id],
        chunk.has_failed,
        delivery.begins,
    )

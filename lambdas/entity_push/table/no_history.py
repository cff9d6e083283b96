"""Updates that are neither numbered nor stored (setting `replayHours` = 0)."""

import time
from collections.abc import Sequence

from entity_push.protocol.events import Event
from entity_push.runtime.aws_errors import RefusedError
from entity_push.table.conflicts import StillConflictingError, is_passing
from entity_push.table.history import Appended
from entity_push.table.log import Log, Segment

_RACES = 100  # other workers, of the version before, that still append


class NoHistory:
    """Lets updates through without numbers, and ends logs from the time when updates were stored.

    A log that goes on later would promise that nothing happened meanwhile. So a seal at its end ends its
    life, before an update passes unstored (rule 5). Nothing is deleted: a worker that still appends meets
    the seal.

    Args:
        name: the table's name.
    """

    def __init__(self, name: str):
        self._log = Log(name)

    async def append(self, events: Sequence[Event]) -> Appended:
        """Return events of one channel as updates without numbers, each event once, in their order.

        Raises:
            StillConflictingError: other workers appended in every try.
        """
        await self.seal(events[0].channel)
        in_order = sorted(events, key=lambda event: (event.time, event.sent_at))
        once = {event.identity: event for event in in_order}
        return Appended([event.at(None) for event in once.values()])

    async def seal(self, channel: str) -> None:
        """End the life of a channel's log, if it has one.

        Raises:
            StillConflictingError: other workers appended in every try.
        """
        life = await self._log.life(channel)
        if life is None:
            return
        tail = await self._log.tail(channel, life.epoch)
        for _ in range(_RACES):
            if tail is not None and tail.is_seal:
                return
            last, ends = (tail.last, max(life.ends, tail.life_ends)) if tail else (0, life.ends)
            try:
                tail = await self._log.append(channel, Segment(life.epoch, last + 1, [], time.time(), ends))
            except RefusedError as error:
                if not is_passing(error):
                    raise
            else:
                if tail is None:
                    return
        raise StillConflictingError(f"other workers kept numbering {channel}")

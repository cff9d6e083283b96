"""Updates that are neither numbered nor stored (setting `replayHours` = 0)."""

from collections.abc import Sequence
from typing import Any

from entity_push.protocol.events import Event, Update
from entity_push.table import keys

_REMEMBERED = 10_000


class NoHistory:
    """Lets updates through without numbers.

    A channel may have a head from the time when updates were stored. If storing is switched on again, that
    head would promise clients that nothing happened meanwhile. So the first unstored update removes the head.
    A worker does that once per channel (it remembers 10,000). Switching on again starts new workers.

    Args:
        client: a DynamoDB client (botocore or boto3).
        name: the table's name.
    """

    def __init__(self, client: Any, name: str):
        self._client, self._name = client, name
        self._without_head: set[str] = set()

    def append(self, events: Sequence[Event]) -> list[Update]:
        """Return events of one channel as updates without numbers, each event once, in the given order."""
        channel = events[0].channel
        if channel not in self._without_head:
            self._client.delete_item(TableName=self._name, Key=keys.head(channel))
            if len(self._without_head) >= _REMEMBERED:
                self._without_head.clear()
            self._without_head.add(channel)
        return [event.at(None) for event in {event.identity: event for event in events}.values()]

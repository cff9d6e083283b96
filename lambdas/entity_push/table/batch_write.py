"""Writes of many items at once."""

import itertools
from collections.abc import Iterable, Sequence
from typing import Any

from entity_push.table.conflicts import MOST_TRIES, ConflictRetries, StillConflictingError
from entity_push.table.keys import Item

BATCH_WRITE_LIMIT = 25
"""Items in one BatchWriteItem (DynamoDB API Reference)."""


class BatchWriter:
    """Puts and deletes items in as few calls as possible. Unprocessed items are tried again.

    Args:
        client: a DynamoDB client.
        name: the table's name.
        retries: waits between tries.
    """

    def __init__(self, client: Any, name: str, retries: ConflictRetries):
        self._client, self._name, self._retries = client, name, retries

    def put(self, items: Iterable[Item]) -> None:
        """Put items.

        Raises:
            StillConflictingError: DynamoDB left some items unprocessed in every try.
        """
        self._write({"PutRequest": {"Item": item}} for item in items)

    def delete(self, keys: Iterable[Item]) -> None:
        """Delete items. Missing items are no error.

        Raises:
            StillConflictingError: DynamoDB left some items unprocessed in every try.
        """
        self._write({"DeleteRequest": {"Key": key}} for key in keys)

    def _write(self, requests: Iterable[Item]) -> None:
        rest = iter(requests)
        while batch := list(itertools.islice(rest, BATCH_WRITE_LIMIT)):
            self._write_batch(batch)

    def _write_batch(self, batch: Sequence[Item]) -> None:
        for tries in range(MOST_TRIES):
            answer = self._client.batch_write_item(RequestItems={self._name: batch})
            batch = answer.get("UnprocessedItems", {}).get(self._name, [])
            if not batch:
                return
            self._retries.back_off(tries)
        raise StillConflictingError(f"{len(batch)} writes were not processed")

"""DynamoDB queries through a client that makes one at a time."""

from collections.abc import Callable, Sequence
from typing import Any

from entity_push.table.keys import Item


def one_by_one(client: Any) -> Callable[[Sequence[Item]], list[Item]]:
    """Return what reads subscribers through a client of boto3's."""
    return lambda queries: [client.query(**query) for query in queries]

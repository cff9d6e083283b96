"""DynamoDB queries through a client that makes one query at a time."""

from collections.abc import Callable, Sequence
from typing import Any

from entity_push.table.keys import Item


def one_by_one(client: Any) -> Callable[[Sequence[Item]], list[Item]]:
    """Return a function that makes queries one after the other, for `Subscribers`, with a boto3 client."""
    return lambda queries: [client.query(**query) for query in queries]

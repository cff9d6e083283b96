"""A channel's subscribers, with the end of each one's right to updates."""

import contextlib
import gc
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass

from entity_push.protocol.channels import subscriber_lists
from entity_push.runtime.json_client import Call
from entity_push.table import keys
from entity_push.table.calls import at_once
from entity_push.table.keys import Item

NEVER = 2**53
"""The end of a subscription without a ttl, in seconds since 1970."""


@dataclass(frozen=True, slots=True)
class Page:
    """Some of a channel's subscribers.

    Attributes:
        subscribers: the end of the right to updates, in seconds since 1970, by connection id.
        last: whether this is the last page.
    """

    subscribers: dict[str, int]
    last: bool


NOBODY = Page({}, last=True)


class Subscribers:
    """Reads subscription items.

    Args:
        name: the table's name.
    """

    def __init__(self, name: str):
        self._name = name

    async def pages(self, channel: str, *, after: str | None = None) -> AsyncIterator[Page]:
        """Yield a channel's subscribers page by page, strongly consistent, each connection once.

        Subscribers may be in several lists: the channel's own, and those of patterns that cover the channel.
        All lists are in the order of the connection ids, and are merged while they are read. A page ends
        where the list that was read least far ends. A page is read when the caller asks for it. One Query
        returns at most 1 MB, about 10,000 subscribers.

        Args:
            channel: the channel.
            after: a connection id; the pages begin behind it, in the table's order. None: at the beginning.
        """
        queries = [self._query(name, after) for name in subscriber_lists(channel)]
        to_read = list(range(len(queries)))
        reached: dict[int, str] = {}  # the last id read, of each list that goes on
        waiting: dict[str, int] = {}
        while True:
            answers = await at_once(Call("query", queries[number]) for number in to_read)
            with _without_collection():
                for number, answer in zip(to_read, answers, strict=True):
                    waiting |= _subscribers(answer["Items"])
                    reached.pop(number, None)
                    if goes_on := answer.get("LastEvaluatedKey"):
                        queries[number]["ExclusiveStartKey"] = goes_on
                        reached[number] = goes_on["sk"]["S"].removeprefix(keys.SUBSCRIBER)
            if not reached:
                yield Page(waiting, last=True)
                return
            frontier = min(reached.values())
            ready = [connection_id for connection_id in sorted(waiting) if connection_id <= frontier]
            yield Page({connection_id: waiting.pop(connection_id) for connection_id in ready}, last=False)
            to_read = [number for number, read_to in reached.items() if read_to == frontier]

    def _query(self, name: str, after: str | None) -> Item:
        query = subscribers_query(self._name, name)
        query["ProjectionExpression"] = "sk, #ttl"
        if after is not None:
            query["ExclusiveStartKey"] = keys.subscription(name, after)
        return query


def subscribers_query(table: str, channel: str) -> Item:
    """Return a query for a channel's own list of subscribers. `#ttl` stands for the reserved word."""
    return {
        "TableName": table,
        "KeyConditionExpression": "pk = :pk AND begins_with(sk, :subscriber)",
        "ExpressionAttributeNames": {"#ttl": "ttl"},
        "ExpressionAttributeValues": {
            ":pk": {"S": f"{keys.CHANNEL}{channel}"},
            ":subscriber": {"S": keys.SUBSCRIBER},
        },
        "ConsistentRead": True,
    }


def _subscribers(items: list[Item]) -> dict[str, int]:
    start = len(keys.SUBSCRIBER)
    return {
        item["sk"]["S"][start:]: int(item["ttl"]["N"]) if "ttl" in item else NEVER  # in the table's order
        for item in items
    }


@contextlib.contextmanager
def _without_collection() -> Iterator[None]:
    """Stop the garbage collector. It would double the time for 30,000 new objects, which hold no cycles."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()

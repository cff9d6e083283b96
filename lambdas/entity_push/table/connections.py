"""Connection items: who is connected, what they may do, and until when."""

import itertools
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

from entity_push.auth.bearer import Bearer
from entity_push.auth.grants import Grants
from entity_push.protocol.channels import subscriber_lists
from entity_push.table import keys
from entity_push.table.batch_write import BatchWriter
from entity_push.table.conflicts import MOST_TRIES, ConflictRetries, StillConflictingError
from entity_push.table.keys import Item
from entity_push.table.subscribers import subscribers_query

CONNECTION_SECONDS = 2 * 60 * 60
"""API Gateway's limit of a WebSocket connection's life ("Amazon API Gateway quotas")."""

TTL_MARGIN_SECONDS = 10 * 60
"""Clocks differ, and an item that goes too early would cut off a client that is still there."""

OPENING_SECONDS = 30
"""A connection younger than this that seems gone may only be opening: its `$connect` has not returned."""

BATCH_GET_LIMIT = 100
"""Items in one BatchGetItem (DynamoDB API Reference)."""


@dataclass(frozen=True, slots=True)
class Connection:
    """An open connection.

    Attributes:
        connection_id: API Gateway's id.
        connected_at: milliseconds since 1970, as API Gateway gives it.
        ip_address: the client's address.
        user_agent: the client's User-Agent header, if it sent one.
        bearer: who opened it, and what they may do.
        channels: what it is subscribed to.
    """

    connection_id: str
    connected_at: int
    ip_address: str
    user_agent: str
    bearer: Bearer
    channels: frozenset[str] = frozenset()

    @property
    def ends(self) -> int:
        """When its right to updates ends at the latest, in seconds since 1970: the ttl of all its items."""
        by_api_gateway = self.connected_at // 1000 + CONNECTION_SECONDS + TTL_MARGIN_SECONDS
        return by_api_gateway if self.bearer.expires is None else min(by_api_gateway, self.bearer.expires)

    def has_ended(self, now: float) -> bool:
        """Tell whether its right to updates has ended (seconds since 1970)."""
        return now >= self.ends

    def listening_to(self, channel: str) -> Self:
        """Return the connection with one more channel that it is subscribed to."""
        return replace(self, channels=self.channels | {channel})

    @property
    def outlives_its_token(self) -> bool:
        """Whether it would be open for longer than its token is valid, so that somebody has to close it."""
        expires = self.bearer.expires
        return expires is not None and expires < self.connected_at // 1000 + CONNECTION_SECONDS


def _to_item(connection: Connection) -> Item:
    bearer = connection.bearer
    item = {
        **keys.connection(connection.connection_id),
        "connectedAt": {"N": str(connection.connected_at)},
        "ipAddress": {"S": connection.ip_address},
        "userAgent": {"S": connection.user_agent},
        "grants": {"S": bearer.grants.to_json()},
        "ttl": {"N": str(connection.ends)},
    }
    if bearer.user_id is not None:
        item["userId"] = {"S": bearer.user_id}
    if bearer.expires is not None:
        item["expires"] = {"N": str(bearer.expires)}
    if connection.channels:  # DynamoDB has no empty sets
        item["channels"] = {"SS": sorted(connection.channels)}
    return item


def _from_item(item: Item) -> Connection:
    bearer = Bearer(
        user_id=item.get("userId", {}).get("S"),
        grants=Grants.from_json(item["grants"]["S"]),
        expires=int(item["expires"]["N"]) if "expires" in item else None,
    )
    return Connection(
        connection_id=item["pk"]["S"].removeprefix(keys.CONNECTION),
        connected_at=int(item["connectedAt"]["N"]),
        ip_address=item["ipAddress"]["S"],
        user_agent=item["userAgent"]["S"],
        bearer=bearer,
        channels=keys.channels_of(item),
    )


def dependants(connection_id: str, item: Item) -> Iterator[Item]:
    """Yield the keys of what exists only because of a connection, whose own item, maybe empty, is given."""
    for channel in sorted(keys.channels_of(item)):
        yield keys.subscription(channel, connection_id)
    if "expires" in item:
        yield keys.expiration(_minute(int(item["expires"]["N"])), connection_id)


def _minute(expires: int) -> int:
    """Return the first full minute since 1970 at which a time (seconds since 1970) has been reached."""
    return -(-expires // 60)


class Connections:
    """Connection items.

    Args:
        client: a DynamoDB client (botocore or boto3).
        name: the table's name.
        pause: sleeps for a number of seconds between tries; tests replace it.
    """

    def __init__(self, client: Any, name: str, pause: Callable[[float], None] = time.sleep):
        self._client, self._name, self._retries = client, name, ConflictRetries(pause)
        self._writer = BatchWriter(client, name, self._retries)

    def open(self, connection: Connection) -> None:
        """Write a connection that is being opened, and its subscriptions to the channels that it begins with.

        No transaction, which would cost twice as much: of a connection whose opening fails half way, what was
        written goes with its ttl, or when the first push finds that it is gone. The connection comes first: a
        push that found a subscription without it would forget it.
        """
        self._writer.put([_to_item(connection)])
        ttl = {"N": str(connection.ends)}
        items = [
            {**keys.subscription(channel, connection.connection_id), "ttl": ttl}
            for channel in sorted(connection.channels)
        ]
        if connection.outlives_its_token:
            assert connection.bearer.expires is not None
            minute = _minute(connection.bearer.expires)
            later = {"N": str(connection.bearer.expires + CONNECTION_SECONDS)}  # not before it is read
            expires = {"N": str(connection.bearer.expires)}
            key = keys.expiration(minute, connection.connection_id)
            items.append({**key, "expires": expires, "ttl": later})
        self._writer.put(items)

    def find(self, connection_id: str) -> Connection | None:
        """Return an open connection, strongly consistent; None if there is none."""
        answer = self._client.get_item(
            TableName=self._name, Key=keys.connection(connection_id), ConsistentRead=True
        )
        return _from_item(answer["Item"]) if "Item" in answer else None

    def count(self, channel: str, now: float) -> int:
        """Return how many connections are subscribed to a channel, strongly consistent.

        Those whose ttl is over (seconds since 1970) are not counted: DynamoDB deletes them hours later.
        """
        query = subscribers_query(self._name, channel) | {
            "FilterExpression": "#ttl > :now",
            "Select": "COUNT",
        }
        query["ExpressionAttributeValues"][":now"] = {"N": str(int(now))}
        count = 0
        while True:
            page = self._client.query(**query)
            count += int(page["Count"])
            if "LastEvaluatedKey" not in page:
                return count
            query["ExclusiveStartKey"] = page["LastEvaluatedKey"]

    def delete(self, connection_id: str) -> None:
        """Delete a connection and all its items. Doing it again, or for an unknown one, is harmless."""
        old = self._retries.call(
            self._client.delete_item,
            TableName=self._name,
            Key=keys.connection(connection_id),
            ReturnValues="ALL_OLD",
        ).get("Attributes", {})
        self._writer.delete(dependants(connection_id, old))

    def forget(self, connection_ids: Iterable[str], channel: str, *, opened_before: int) -> list[str]:
        """Delete connections that turned out to be gone, and their subscriptions.

        The subscription through which one gets the channel's updates goes even if the connection's own set
        does not name it, or the connection has no item: that is what a disconnect that stopped half way
        leaves behind.

        Args:
            connection_ids: the connections, each once.
            channel: the channel whose update found them.
            opened_before: milliseconds since 1970. A connection opened later is left alone, since its
                `$connect` may not have returned yet, and until then API Gateway says that it is gone.

        Returns:
            Those that were left alone.

        Raises:
            StillConflictingError: DynamoDB kept refusing some; nothing is lost, only not yet deleted.
        """
        young = []
        ids, lists = iter(connection_ids), subscriber_lists(channel)
        while batch := list(itertools.islice(ids, BATCH_GET_LIMIT)):
            items = self._items(batch)
            doomed = []
            for connection_id in batch:
                item = items.get(connection_id, {})
                if int(item.get("connectedAt", {}).get("N", 0)) >= opened_before:
                    young.append(connection_id)
                    continue
                doomed.append(keys.connection(connection_id))
                doomed += dependants(connection_id, item)
                if keys.channels_of(item).isdisjoint(lists):
                    doomed += [keys.subscription(name, connection_id) for name in lists]
            self._writer.delete(doomed)
        return young

    def _items(self, connection_ids: Sequence[str]) -> dict[str, Item]:
        """Return the items of connections, at most 100, by their ids; of some there is none."""
        wanted = {self._name: {"Keys": list(map(keys.connection, connection_ids)), "ConsistentRead": True}}
        items: dict[str, Item] = {}
        for tries in range(MOST_TRIES):
            answer = self._client.batch_get_item(RequestItems=wanted)
            for item in answer["Responses"].get(self._name, []):
                items[item["pk"]["S"].removeprefix(keys.CONNECTION)] = item
            wanted = answer.get("UnprocessedKeys", {})
            if not wanted:
                return items
            self._retries.back_off(tries)
        raise StillConflictingError("some connections could not be read")

    def expired(self, now: float, *, minutes: int) -> Iterator[tuple[int, list[str]]]:
        """Yield the connections whose token has expired in the last minutes, with the minute since 1970.

        Args:
            now: seconds since 1970.
            minutes: how many minutes to look back.
        """
        last = _minute(int(now))  # of which some are still to come
        for minute in range(last - minutes, last + 1):
            query = {
                "TableName": self._name,
                "KeyConditionExpression": "pk = :pk",
                "ExpressionAttributeValues": {":pk": {"S": f"{keys.EXPIRES}{minute}"}},
                "ProjectionExpression": "sk, expires",
            }
            while True:
                page = self._client.query(**query)
                expired = [item["sk"]["S"] for item in page["Items"] if int(item["expires"]["N"]) <= now]
                if expired:
                    yield minute, [sort_key.removeprefix(keys.CONNECTION) for sort_key in expired]
                if "LastEvaluatedKey" not in page:
                    break
                query["ExclusiveStartKey"] = page["LastEvaluatedKey"]

    def closed(self, minute: int, connection_ids: list[str]) -> None:
        """Forget that connections had to be closed."""
        self._writer.delete(keys.expiration(minute, connection_id) for connection_id in connection_ids)

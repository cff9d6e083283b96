"""Connection items: each open connection, its bearer's rights, and their end."""

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
"""Added to the ttl, since clocks differ: an item that goes too early would cut off its client."""

OPENING_SECONDS = 30
"""A younger connection that seems gone may only be opening: its `$connect` may still be running."""

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
        subscribes: how many subscriptions its frames have made, ended ones included.
    """

    connection_id: str
    connected_at: int
    ip_address: str
    user_agent: str
    bearer: Bearer
    channels: frozenset[str] = frozenset()
    subscribes: int = 0

    @property
    def ends(self) -> int:
        """The end of the right to updates, in seconds since 1970; the ttl of the item and subscriptions."""
        by_api_gateway = self.connected_at // 1000 + CONNECTION_SECONDS + TTL_MARGIN_SECONDS
        return by_api_gateway if self.bearer.expires is None else min(by_api_gateway, self.bearer.expires)

    def has_ended(self, now: float) -> bool:
        """Tell whether the connection's right to updates has ended at `now` (seconds since 1970)."""
        return now >= self.ends

    def listening_to(self, channel: str) -> Self:
        """Return the connection with one more channel."""
        return replace(self, channels=self.channels | {channel})

    @property
    def outlives_its_token(self) -> bool:
        """Whether the token ends before API Gateway's limit, so that the expire function has to close it."""
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


def from_item(item: Item) -> Connection:
    """Return the connection that an item holds."""
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
        subscribes=int(item["subscribes"]["N"]) if "subscribes" in item else 0,
    )


def dependants(connection_id: str, item: Item) -> Iterator[Item]:
    """Yield the keys of a connection's subscriptions and expiration, given its item (empty if missing)."""
    for channel in sorted(keys.channels_of(item)):
        yield keys.subscription(channel, connection_id)
    if "expires" in item:
        yield keys.expiration(_minute(int(item["expires"]["N"])), connection_id)


def _minute(expires: int) -> int:
    """Return a time (seconds since 1970) in minutes since 1970, rounded up."""
    return -(-expires // 60)


class Connections:
    """Connection items.

    Args:
        client: a DynamoDB client.
        name: the table's name.
        pause: sleeps for a number of seconds between tries; tests replace it.
    """

    def __init__(self, client: Any, name: str, pause: Callable[[float], None] = time.sleep):
        self._client, self._name, self._retries = client, name, ConflictRetries(pause)
        self._writer = BatchWriter(client, name, self._retries)

    def open(self, connection: Connection) -> None:
        """Write a connection that is being opened, with its first subscriptions and its expiration.

        A transaction would cost twice as much. If opening fails half way, `$connect` deletes what is written.
        If that fails too, the items go with their ttl, or when the first push finds the connection gone. The
        connection's item comes first. A push that found a subscription without the item would delete the
        subscription.

        Raises:
            StillConflictingError: DynamoDB left some items unprocessed in every try.
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
            later = {"N": str(connection.bearer.expires + CONNECTION_SECONDS)}  # long after its use
            expires = {"N": str(connection.bearer.expires)}
            key = keys.expiration(minute, connection.connection_id)
            items.append({**key, "expires": expires, "ttl": later})
        self._writer.put(items)

    def find(self, connection_id: str) -> Connection | None:
        """Return an open connection, strongly consistent; None if the connection has no item."""
        answer = self._client.get_item(
            TableName=self._name, Key=keys.connection(connection_id), ConsistentRead=True
        )
        return from_item(answer["Item"]) if "Item" in answer else None

    def count(self, channel: str, now: float) -> int:
        """Return the number of connections in a channel's list of subscribers, strongly consistent.

        Only subscriptions whose ttl is after `now` (seconds since 1970) count: DynamoDB deletes expired ones
        hours later.
        """
        query = {**self._unexpired(channel, now), "Select": "COUNT"}
        return sum(int(page["Count"]) for page in self._pages(query))

    def listed(self, channel: str, now: float) -> Iterator[tuple[int, str]]:
        """Yield the connections that `count` counts: the end of each one's right, as its ttl, and its id."""
        query = {**self._unexpired(channel, now), "ProjectionExpression": "sk, #ttl"}
        for page in self._pages(query):
            for item in page["Items"]:
                yield int(item["ttl"]["N"]), item["sk"]["S"].removeprefix(keys.SUBSCRIBER)

    def _unexpired(self, channel: str, now: float) -> Item:
        query = {**subscribers_query(self._name, channel), "FilterExpression": "#ttl > :now"}
        query["ExpressionAttributeValues"][":now"] = {"N": str(int(now))}
        return query

    def _pages(self, query: Item) -> Iterator[Item]:
        """Yield the answers to a query, page by page."""
        while True:
            page = self._client.query(**query)
            yield page
            if "LastEvaluatedKey" not in page:
                return
            query["ExclusiveStartKey"] = page["LastEvaluatedKey"]

    def delete(self, connection_id: str) -> None:
        """Delete a connection and all its items; harmless if repeated, or for an unknown connection.

        Raises:
            StillConflictingError: other writers kept changing the connection, or some items were unprocessed.
        """
        old = self._retries.call(
            self._client.delete_item,
            TableName=self._name,
            Key=keys.connection(connection_id),
            ReturnValues="ALL_OLD",
        ).get("Attributes", {})
        self._writer.delete(dependants(connection_id, old))

    def forget(self, connection_ids: Iterable[str], channel: str, *, opened_before: int) -> list[str]:
        """Delete connections that turned out to be gone, and their subscriptions.

        A disconnect that stopped half way leaves subscriptions behind: the connection's set does not name
        them, or the connection has no item. So the subscriptions to the channel, and to patterns that cover
        it, are deleted in that case too.

        Args:
            connection_ids: the connections, each once.
            channel: the channel whose update found the connections gone.
            opened_before: milliseconds since 1970. A connection opened at this time or later stays: API
                Gateway answers 410 for it until its `$connect` has returned.

        Returns:
            The ids of the connections that stay.

        Raises:
            StillConflictingError: DynamoDB kept refusing some items, which wait for ttl or another push.
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
        """Return the items of at most 100 connections, by id; connections without an item are left out."""
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
        """Yield connections whose token has expired of late: the minute since 1970, and the ids.

        Args:
            now: the time, in seconds since 1970.
            minutes: the number of minutes to look back.
        """
        last = _minute(int(now))  # some expirations of this minute are still to come
        for minute, ends in self._expirations(range(last - minutes, last + 1)):
            if expired := [connection_id for connection_id, expires in ends if expires <= now]:
                yield minute, expired

    def expiring(self, now: float, *, seconds: int) -> Iterator[tuple[str, int]]:
        """Yield connections whose token is about to expire: the id, and when, in seconds since 1970.

        Args:
            now: the time, in seconds since 1970.
            seconds: how soon.
        """
        soon = now + seconds
        for _, ends in self._expirations(range(_minute(int(now)), _minute(int(soon)) + 1)):
            yield from ((connection_id, expires) for connection_id, expires in ends if now < expires <= soon)

    def _expirations(self, minutes: Iterable[int]) -> Iterator[tuple[int, list[tuple[str, int]]]]:
        """Yield the lists of these minutes since 1970, page by page: ids, and when each token expires."""
        for minute in minutes:
            query = {
                "TableName": self._name,
                "KeyConditionExpression": "pk = :pk",
                "ExpressionAttributeValues": {":pk": {"S": f"{keys.EXPIRES}{minute}"}},
                "ProjectionExpression": "sk, expires",
            }
            for page in self._pages(query):
                ends = [
                    (item["sk"]["S"].removeprefix(keys.CONNECTION), int(item["expires"]["N"]))
                    for item in page["Items"]
                ]
                yield minute, ends

    def closed(self, minute: int, connection_ids: list[str]) -> None:
        """Delete the expirations of closed connections, which are in the list of a minute since 1970."""
        self._writer.delete(keys.expiration(minute, connection_id) for connection_id in connection_ids)

"""Connections, and what they are subscribed to."""

import itertools
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from entity_push.table import keys
from entity_push.table.attempts import MOST, Attempts, StillConflictingError, reasons
from entity_push.table.keys import Item

CONNECTION_SECONDS = 2 * 60 * 60
"""API Gateway's limit of a WebSocket connection's life ("Amazon API Gateway quotas")."""

TTL_MARGIN_SECONDS = 10 * 60
"""Clocks differ, and an item that goes too early would cut off a client that is still there."""

BATCH_GET_LIMIT = 100
"""Items in one BatchGetItem (DynamoDB API Reference)."""

BATCH_WRITE_LIMIT = 25
"""Items in one BatchWriteItem (DynamoDB API Reference)."""


class ConnectionGoneError(Exception):
    """There is no item of this connection: it was closed, or never opened."""


class TooManySubscriptionsError(Exception):
    """The connection has as many subscriptions as the deployment allows."""


@dataclass(frozen=True, slots=True)
class Page:
    """Some of a channel's subscribers.

    Attributes:
        connection_ids: who is subscribed.
        last: whether no page follows.
    """

    connection_ids: list[str]
    last: bool


@dataclass(frozen=True, slots=True)
class Connection:
    """An open connection.

    Attributes:
        connection_id: API Gateway's id.
        connected_at: milliseconds since 1970, as API Gateway gives it.
        ip_address: the client's address.
        user_agent: the client's User-Agent header, if it sent one.
    """

    connection_id: str
    connected_at: int
    ip_address: str
    user_agent: str


def expiry(connected_at: int) -> int:
    """Return the ttl, in seconds since 1970, of all items of a connection opened then (milliseconds)."""
    return connected_at // 1000 + CONNECTION_SECONDS + TTL_MARGIN_SECONDS


def _channels(connection: Item) -> list[str]:
    """Return the channels in a connection's item."""
    return sorted(connection.get("channels", {}).get("SS", ()))


class Subscriptions:
    """Connection and subscription items.

    Args:
        client: a DynamoDB client (botocore or boto3).
        name: the table's name.
        pause: sleeps for a number of seconds between attempts; tests replace it.
    """

    def __init__(self, client: Any, name: str, pause: Callable[[float], None] = time.sleep):
        self._client, self._name, self._attempts = client, name, Attempts(pause)

    def put_connection(self, connection: Connection) -> None:
        """Write the item of a connection that is being opened."""
        item = {
            **keys.connection(connection.connection_id),
            "connectedAt": {"N": str(connection.connected_at)},
            "ipAddress": {"S": connection.ip_address},
            "userAgent": {"S": connection.user_agent},
            "ttl": {"N": str(expiry(connection.connected_at))},
        }
        self._client.put_item(TableName=self._name, Item=item)

    def delete_connection(self, connection_id: str) -> None:
        """Delete a connection and its subscriptions. Doing it again, or for an unknown one, is harmless."""
        old = self._attempts.call(
            self._client.delete_item,
            TableName=self._name,
            Key=keys.connection(connection_id),
            ReturnValues="ALL_OLD",
        ).get("Attributes", {})
        self._delete(keys.subscription(name, connection_id) for name in _channels(old))

    def forget(self, connection_ids: Iterable[str], channel: str, *, opened_before: int) -> list[str]:
        """Delete connections that turned out to be gone, and their subscriptions.

        The subscription to ``channel`` goes even if the connection's own set does not name it, or the
        connection has no item: that is what a disconnect that stopped half way leaves behind.

        Args:
            connection_ids: the connections, each once.
            channel: through which they were found.
            opened_before: milliseconds since 1970. A connection opened later is left alone, since its
                ``$connect`` may not have returned yet, and until then API Gateway says that it is gone.

        Returns:
            Those that were left alone.

        Raises:
            StillConflictingError: DynamoDB kept refusing some; nothing is lost, only not yet deleted.
        """
        young = []
        ids = iter(connection_ids)
        while batch := list(itertools.islice(ids, BATCH_GET_LIMIT)):
            items = self._connections(batch)
            doomed = []
            for connection_id in batch:
                item = items.get(connection_id, {})
                if int(item.get("connectedAt", {}).get("N", 0)) >= opened_before:
                    young.append(connection_id)
                    continue
                doomed.append(keys.connection(connection_id))
                for name in sorted({*_channels(item), channel}):
                    doomed.append(keys.subscription(name, connection_id))
            self._delete(doomed)
        return young

    def subscribe(self, connection_id: str, channel: str, *, connected_at: int, limit: int) -> bool:
        """Subscribe a connection to a channel; return whether it already was.

        One transaction adds the channel to the connection's set and puts the subscription, so a
        subscription can't outlive its connection.

        Args:
            connection_id: the connection.
            channel: the channel.
            connected_at: when the connection was opened, in milliseconds since 1970.
            limit: how many subscriptions one connection may have.

        Raises:
            ConnectionGoneError: the connection is not there any more.
            TooManySubscriptionsError: it has ``limit`` subscriptions, and not this one.
            StillConflictingError: other writers kept changing the same items.
        """
        subscription = {
            **keys.subscription(channel, connection_id),
            "ttl": {"N": str(expiry(connected_at))},
        }
        old = self._change_channels(
            "ADD",
            connection_id,
            channel,
            condition="attribute_exists(pk) AND NOT contains(channels, :channel)"
            " AND (attribute_not_exists(channels) OR size(channels) < :limit)",
            values={":limit": {"N": str(limit)}},
            subscription_write={"Put": {"TableName": self._name, "Item": subscription}},
        )
        if old is None:
            return False
        if not old:
            raise ConnectionGoneError(connection_id)
        if channel not in _channels(old):
            raise TooManySubscriptionsError(connection_id)
        return True

    def unsubscribe(self, connection_id: str, channel: str) -> bool:
        """End a subscription; return whether there was one.

        Raises:
            StillConflictingError: other writers kept changing the same items.
        """
        old = self._change_channels(
            "DELETE",
            connection_id,
            channel,
            condition="contains(channels, :channel)",
            values={},
            subscription_write={
                "Delete": {
                    "TableName": self._name,
                    "Key": keys.subscription(channel, connection_id),
                }
            },
        )
        return old is None

    def subscribers(self, channel: str, *, after: str | None = None) -> Iterator[Page]:
        """Yield who is subscribed to a channel, page by page, strongly consistent.

        A page is what one Query returns: at most 1 MB, about 10,000 ids. Each is read when it is asked for.
        With ``after``, a connection id, only those behind it in the table's order.
        """
        query = {
            "TableName": self._name,
            "KeyConditionExpression": "pk = :pk AND begins_with(sk, :subscriber)",
            "ExpressionAttributeValues": {
                ":pk": {"S": f"{keys.CHANNEL}{channel}"},
                ":subscriber": {"S": keys.SUBSCRIBER},
            },
            "ProjectionExpression": "sk",
            "ConsistentRead": True,
        }
        if after is not None:
            query["ExclusiveStartKey"] = keys.subscription(channel, after)
        while True:
            page = self._client.query(**query)
            last = "LastEvaluatedKey" not in page
            start = len(keys.SUBSCRIBER)
            yield Page([item["sk"]["S"][start:] for item in page["Items"]], last)
            if last:
                return
            query["ExclusiveStartKey"] = page["LastEvaluatedKey"]

    def _change_channels(
        self,
        verb: str,
        connection_id: str,
        channel: str,
        *,
        condition: str,
        values: Item,
        subscription_write: Item,
    ) -> Item | None:
        """Add a channel to, or delete it from, a connection's set, along with its subscription.

        Returns None when done; else the connection's item that did not meet the condition, empty if
        there is none.
        """
        change = {
            "TableName": self._name,
            "Key": keys.connection(connection_id),
            "UpdateExpression": f"{verb} channels :channels",
            "ConditionExpression": condition,
            "ExpressionAttributeValues": {
                ":channels": {"SS": [channel]},
                ":channel": {"S": channel},
                **values,
            },
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }
        try:
            self._attempts.call(
                self._client.transact_write_items,
                TransactItems=[{"Update": change}, subscription_write],
            )
        except ClientError as error:
            first = next(iter(reasons(error)), {})
            if first.get("Code") != "ConditionalCheckFailed":
                raise
            return first.get("Item", {}) or {}
        return None

    def _connections(self, connection_ids: Sequence[str]) -> dict[str, Item]:
        """Return the items of connections, at most 100, by their ids; of some there is none."""
        wanted = {self._name: {"Keys": list(map(keys.connection, connection_ids)), "ConsistentRead": True}}
        items: dict[str, Item] = {}
        for attempt in range(MOST):
            answer = self._client.batch_get_item(RequestItems=wanted)
            for item in answer["Responses"].get(self._name, []):
                items[item["pk"]["S"].removeprefix(keys.CONNECTION)] = item
            wanted = answer.get("UnprocessedKeys", {})
            if not wanted:
                return items
            self._attempts.back_off(attempt)
        raise StillConflictingError("some connections could not be read")

    def _delete(self, keys: Iterable[Item]) -> None:
        requests = ({"DeleteRequest": {"Key": key}} for key in keys)
        while batch := list(itertools.islice(requests, BATCH_WRITE_LIMIT)):
            self._write_batch(batch)

    def _write_batch(self, batch: Sequence[Item]) -> None:
        for attempt in range(MOST):
            answer = self._client.batch_write_item(RequestItems={self._name: batch})
            batch = answer.get("UnprocessedItems", {}).get(self._name, [])
            if not batch:
                return
            self._attempts.back_off(attempt)
        raise StillConflictingError(f"{len(batch)} deletes were not processed")

"""Subscriptions: the items that put connections into channels' lists of subscribers."""

import time
from collections.abc import Callable
from typing import Any

from botocore.exceptions import ClientError

from entity_push.table import keys
from entity_push.table.conflicts import ConflictRetries, reasons
from entity_push.table.keys import Item


class ConnectionGoneError(Exception):
    """The connection has no item: it was closed, or never opened."""


class TooManySubscriptionsError(Exception):
    """The connection has as many channels as the caller allows."""


class Subscriptions:
    """Subscription items.

    Args:
        client: a DynamoDB client (botocore or boto3).
        name: the table's name.
        pause: sleeps for a number of seconds between tries; tests replace it.
    """

    def __init__(self, client: Any, name: str, pause: Callable[[float], None] = time.sleep):
        self._client, self._name, self._retries = client, name, ConflictRetries(pause)

    def subscribe(self, connection_id: str, channel: str, *, ends: int, limit: int) -> bool:
        """Subscribe a connection to a channel; return whether the connection was subscribed already.

        One transaction adds the channel to the connection's set and puts the subscription. So a subscription
        can't outlive its connection.

        Args:
            connection_id: the connection.
            channel: the channel.
            ends: the end of the connection's right to updates, in seconds since 1970.
            limit: the most channels in the connection's set, the user's and everyone's included.

        Raises:
            ConnectionGoneError: the connection has no item any more.
            TooManySubscriptionsError: the connection has `limit` channels, and this one is not among them.
            StillConflictingError: other writers kept changing the same items.
        """
        subscription = {
            **keys.subscription(channel, connection_id),
            "ttl": {"N": str(ends)},
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
        if channel not in keys.channels_of(old):
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
        """Add a channel to a connection's set, or delete it there, along with the subscription.

        Returns:
            None when done; else the connection's item, which did not meet the condition, empty if there is
            none.
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
            self._retries.call(
                self._client.transact_write_items,
                TransactItems=[{"Update": change}, subscription_write],
            )
        except ClientError as error:
            first = next(iter(reasons(error)), {})
            if first.get("Code") != "ConditionalCheckFailed":
                raise
            return first.get("Item", {}) or {}
        return None

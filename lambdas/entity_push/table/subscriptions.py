"""Subscriptions: which connection is in which channel's list of subscribers.

All that one frame changes is one transaction: the connection's set of channels, and the subscriptions. So a
subscription can't outlive its connection, and nothing is ever half done. Frames of one connection that are
answered at once do not refuse each other by their conditions, unless a limit is near.
"""

import itertools
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any, TypeVar

from entity_push.protocol.channels import is_entity
from entity_push.protocol.ids import MAX_ENTITY_ID_BYTES
from entity_push.runtime.aws_errors import RefusedError
from entity_push.table import keys
from entity_push.table.conflicts import ConflictRetries, StillConflictingError, is_passing, reasons
from entity_push.table.connections import Connection, from_item
from entity_push.table.keys import Item

MAX_CHANNELS_BYTES = 64 * 1024
"""What the names in a connection's set take at most: each subscribe writes and pays for the whole item."""

MAX_CHANNEL_BYTES = MAX_ENTITY_ID_BYTES + 13
"""No name that a frame can add takes more: the longest id, as a pattern, in the channel of an entity."""

PATIENCE_SECONDS = 10.0
"""How long other writers may be in the way: the reads that follow have to fit into the route's 15 s."""

_Result = TypeVar("_Result")

_MOST_DOUBLINGS = 6
"""The longest pause is 640 ms, so that nobody sleeps through the end of a rush."""


class ConnectionGoneError(Exception):
    """The connection has no item: it was closed, or never opened."""


class Outcome(Enum):
    """What became of the wish to subscribe to a channel."""

    SUBSCRIBED = auto()
    ALREADY = auto()
    TOO_MANY = auto()
    """The connection has as many subscriptions as the deployment allows."""
    TOO_LARGE = auto()
    """The names of its channels would take more than `MAX_CHANNELS_BYTES`."""


@dataclass(frozen=True, slots=True)
class Subscribed:
    """What became of a frame's wishes.

    Attributes:
        outcomes: of each channel.
        may_begin: whether the connection may still begin the histories of channels that have none.
    """

    outcomes: dict[str, Outcome]
    may_begin: bool


class Subscriptions:
    """Subscription items.

    Args:
        client: a DynamoDB client.
        name: the table's name.
        pause: sleeps for a number of seconds between tries; tests replace it.
        clock: tells the seconds that have passed; tests replace it.
    """

    def __init__(
        self,
        client: Any,
        name: str,
        pause: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ):
        self._client, self._name, self._clock = client, name, clock
        self._retries = ConflictRetries(pause)

    def subscribe(
        self, connection: Connection, channels: Sequence[str], *, limit: int, histories: int
    ) -> Subscribed:
        """Subscribe a connection to channels: to all that fit, in their order, in one transaction.

        Args:
            connection: the connection, as it was read of late.
            channels: the channels; one that is named twice counts once.
            limit: how many entities and patterns one connection may be subscribed to.
            histories: after how many subscriptions, ended ones included, it begins no more histories.

        Raises:
            ConnectionGoneError: the connection is not there any more.
            StillConflictingError: other writers kept changing the same items; nothing was written.
        """

        def plan(held: Connection) -> tuple[list[Item], Subscribed]:
            outcomes = _outcomes(held.channels, channels, limit)
            new = [channel for channel, outcome in outcomes.items() if outcome is Outcome.SUBSCRIBED]
            may_begin = held.subscribes + len(new) <= histories
            actions = [self._add(held, new, limit, histories if may_begin else None)] if new else []
            actions += [self._put(held, channel) for channel in new]
            return actions, Subscribed(outcomes, may_begin)

        return self._change(connection, plan)

    def unsubscribe(self, connection: Connection, channels: Sequence[str]) -> frozenset[str]:
        """End a connection's subscriptions in one transaction; return the channels of those there were.

        Raises:
            StillConflictingError: other writers kept changing the same items; nothing was written.
        """

        def plan(held: Connection) -> tuple[list[Item], frozenset[str]]:
            ended = sorted(held.channels.intersection(channels))
            actions = [self._take_out(held, ended)] if ended else []
            actions += [self._delete(held, channel) for channel in ended]
            return actions, frozenset(ended)

        try:
            return self._change(connection, plan)
        except ConnectionGoneError:
            return frozenset()

    def _change(self, held: Connection, plan: Callable[[Connection], tuple[list[Item], _Result]]) -> _Result:
        """Do what a plan says for the connection as it stands; plan anew when that has changed meanwhile."""
        gives_up = self._clock() + PATIENCE_SECONDS
        for tries in itertools.count():
            actions, result = plan(held)
            if not actions:
                return result
            try:
                self._client.transact_write_items(TransactItems=actions)
            except RefusedError as error:
                held = _as_found(error, held)
            else:
                return result
            if self._clock() >= gives_up:
                break
            self._retries.back_off(min(tries, _MOST_DOUBLINGS))
        raise StillConflictingError(f"other writers kept changing connection {held.connection_id}")

    def _add(self, held: Connection, new: Sequence[str], limit: int, histories: int | None) -> Item:
        """Return the change of the connection's item that adds channels.

        `subscribes` only grows. So a bound of it bounds what other frames can have added since the connection
        was read: the names still fit, and no more histories are begun than may be.
        """
        after = held.channels.union(new)
        room = MAX_CHANNELS_BYTES - channels_bytes(after)
        most_subscribes = held.subscribes + room // MAX_CHANNEL_BYTES
        if histories is not None:
            most_subscribes = min(most_subscribes, histories - len(new))
        uncounted = sum(not is_entity(channel) for channel in after)
        return self._update(
            held,
            "ADD channels :channels, subscribes :count",
            "attribute_exists(pk) AND (attribute_not_exists(channels) OR size(channels) <= :most)"
            " AND (attribute_not_exists(subscribes) OR subscribes <= :most_subscribes)",
            {
                ":channels": {"SS": list(new)},
                ":count": {"N": str(len(new))},
                ":most": {"N": str(limit + uncounted - len(new))},
                ":most_subscribes": {"N": str(most_subscribes)},
            },
        )

    def _take_out(self, held: Connection, ended: Sequence[str]) -> Item:
        """Return the change of the connection's item that takes channels out."""
        values = {":channels": {"SS": list(ended)}}
        return self._update(held, "DELETE channels :channels", "attribute_exists(pk)", values)

    def _update(self, held: Connection, change: str, condition: str, values: Item) -> Item:
        return {
            "Update": {
                "TableName": self._name,
                "Key": keys.connection(held.connection_id),
                "UpdateExpression": change,
                "ConditionExpression": condition,
                "ExpressionAttributeValues": values,
                "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
            }
        }

    def _put(self, held: Connection, channel: str) -> Item:
        item = {**keys.subscription(channel, held.connection_id), "ttl": {"N": str(held.ends)}}
        return {"Put": {"TableName": self._name, "Item": item}}

    def _delete(self, held: Connection, channel: str) -> Item:
        key = keys.subscription(channel, held.connection_id)
        return {"Delete": {"TableName": self._name, "Key": key}}


def channels_bytes(channels: Iterable[str]) -> int:
    """Return what names of channels take in a connection's set, each with a byte of DynamoDB's own."""
    return sum(len(channel.encode()) + 1 for channel in channels)


def _outcomes(held: frozenset[str], wanted: Iterable[str], limit: int) -> dict[str, Outcome]:
    """Return what becomes of each channel that a connection with certain channels wants."""
    places, room = limit - sum(map(is_entity, held)), MAX_CHANNELS_BYTES - channels_bytes(held)
    outcomes: dict[str, Outcome] = {}
    for channel in dict.fromkeys(wanted):
        counts, size = is_entity(channel), channels_bytes([channel])
        if channel in held:
            outcomes[channel] = Outcome.ALREADY
        elif counts and places <= 0:
            outcomes[channel] = Outcome.TOO_MANY
        elif size > room:
            outcomes[channel] = Outcome.TOO_LARGE
        else:
            outcomes[channel] = Outcome.SUBSCRIBED
            places, room = places - counts, room - size
    return outcomes


def _as_found(error: RefusedError, held: Connection) -> Connection:
    """Return the connection as a refused transaction found it, or as it was known if it did not look.

    Raises:
        ConnectionGoneError: it is not there any more.
        RefusedError: something else than another writer was in the way.
    """
    first = next(iter(reasons(error)), {})
    if first.get("Code") == "ConditionalCheckFailed":
        if not first.get("Item"):
            raise ConnectionGoneError(held.connection_id) from error
        return from_item(first["Item"])
    if not is_passing(error):
        raise error
    return held

"""The keys of all items."""

from typing import Any

Item = dict[str, Any]

CONNECTION = "CONNECTION#"
CHANNEL = "CHANNEL#"
SUBSCRIBER = "SUBSCRIBER#"
UPDATE = "UPDATE#"
EVENT = "EVENT#"
EXPIRES = "EXPIRES#"

PARTITIONS = (CONNECTION, CHANNEL, EXPIRES)
"""What the partition keys of all items begin with."""


def _key(pk: str, sk: str) -> Item:
    return {"pk": {"S": pk}, "sk": {"S": sk}}


def connection(connection_id: str) -> Item:
    """Return the key of a connection."""
    return _key(f"{CONNECTION}{connection_id}", "CONNECTION")


def subscription(channel: str, connection_id: str) -> Item:
    """Return the key of a connection's subscription to a channel."""
    return _key(f"{CHANNEL}{channel}", f"{SUBSCRIBER}{connection_id}")


def head(channel: str) -> Item:
    """Return the key of a channel's head."""
    return _key(f"{CHANNEL}{channel}", "HEAD")


def update(channel: str, epoch: str, sequence: int) -> Item:
    """Return the key of a channel's update. 16 digits make keys sort as numbers do."""
    return _key(f"{CHANNEL}{channel}", f"{UPDATE}{epoch}#{sequence:016}")


def channels_of(connection: Item) -> frozenset[str]:
    """Return the channels in a connection's item; none for an empty item."""
    return frozenset(connection.get("channels", {}).get("SS", ()))


def sequence_of(item: Item) -> int:
    """Return the number of an update item."""
    return int(item["sk"]["S"].rpartition("#")[2])


def marker(channel: str, event_id: str, rule: str = "") -> Item:
    """Return the key of what tells that an event, as a rule reads it, has its number already."""
    of_rule = f"#{_part(rule)}" if rule else ""
    return _key(f"{CHANNEL}{channel}", f"{EVENT}{_part(event_id)}{of_rule}")


def _part(text: str) -> str:
    """Return a text as a part of a key: without the sign that separates parts."""
    return text.replace("%", "%25").replace("#", "%23")


def expiration(minute: int, connection_id: str) -> Item:
    """Return the key of a connection's expiration; `minute` is the token's end in minutes since 1970."""
    return _key(f"{EXPIRES}{minute}", f"{CONNECTION}{connection_id}")

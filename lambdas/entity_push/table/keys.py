"""The keys of all items."""

from typing import Any

Item = dict[str, Any]

CONNECTION = "CONNECTION#"
CHANNEL = "CHANNEL#"
SUBSCRIBER = "SUBSCRIBER#"
LIFE = "LIFE"
LOG = "LOG#"
EXPIRES = "EXPIRES#"

PARTITIONS = (CONNECTION, CHANNEL, EXPIRES)
"""What the partition keys of all items begin with."""

MOST = 10**16 - 1
"""The highest number that a key has room for."""


def _key(pk: str, sk: str) -> Item:
    return {"pk": {"S": pk}, "sk": {"S": sk}}


def connection(connection_id: str) -> Item:
    """Return the key of a connection."""
    return _key(f"{CONNECTION}{connection_id}", "CONNECTION")


def subscription(channel: str, connection_id: str) -> Item:
    """Return the key of a connection's subscription to a channel."""
    return _key(f"{CHANNEL}{channel}", f"{SUBSCRIBER}{connection_id}")


def life(channel: str) -> Item:
    """Return the key of a channel's life."""
    return _key(f"{CHANNEL}{channel}", LIFE)


def segment(channel: str, epoch: str, first: int) -> Item:
    """Return the key of the segment that begins with a number. 16 digits make keys sort as numbers do."""
    return _key(f"{CHANNEL}{channel}", f"{LOG}{epoch}#{first:016}")


def channels_of(connection: Item) -> frozenset[str]:
    """Return the channels in a connection's item; none for an empty item."""
    return frozenset(connection.get("channels", {}).get("SS", ()))


def expiration(minute: int, connection_id: str) -> Item:
    """Return the key of a connection's expiration; `minute` is the token's end in minutes since 1970."""
    return _key(f"{EXPIRES}{minute}", f"{CONNECTION}{connection_id}")

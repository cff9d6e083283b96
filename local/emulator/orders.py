"""The sort keys of partitions, kept in order, so that a binary search finds a range of them."""

import threading
from bisect import bisect_left, bisect_right, insort_right
from collections.abc import Iterator
from operator import itemgetter
from typing import Any

from local.emulator.seams import dynamodb

Table = dict[str, Any]
Item = dict[str, Any]

_ORDERS = "_sort_key_orders"
"""The key of a table's orders in the table itself, so that the orders end with the table."""

lock = threading.RLock()
"""Held while items or orders are used, since MiniStack deletes expired items in another thread."""

_value_of = itemgetter(0)


class Order:
    """The sort keys of one partition, in order.

    Attributes:
        partition: MiniStack's items of the partition, by the sort key's text.
    """

    def __init__(self, table: Table, partition: dict[str, Item]) -> None:
        self.partition = partition
        self._name = table["sk_name"]
        self._type = dynamodb._get_attr_type(table, self._name)
        # Each entry is (value, text), since numbers and bytes have another order than their texts.
        self._entries = sorted(
            ((self.value(item.get(self._name)), text) for text, item in partition.items()), key=_value_of
        )

    def __len__(self) -> int:
        return len(self._entries)

    def value(self, attribute: Item | None) -> Any:
        """Return the value that an attribute is sorted by."""
        return dynamodb._sort_key_value(attribute, self._type)

    def add(self, text: str, item: Item) -> None:
        """Add an item that is new in the partition."""
        insort_right(self._entries, (self.value(item.get(self._name)), text), key=_value_of)

    def remove(self, text: str, item: Item) -> None:
        """Remove an item that has left the partition."""
        value = self.value(item.get(self._name))
        del self._entries[self._entries.index((value, text), self.first(value))]

    def first(self, value: Any) -> int:
        """Return the position of the first item at or above a value."""
        return bisect_left(self._entries, value, key=_value_of)

    def behind(self, value: Any) -> int:
        """Return the position of the first item above a value."""
        return bisect_right(self._entries, value, key=_value_of)

    def behind_prefix(self, prefix: Any) -> int:
        """Return the position of the first item above all items that begin with a prefix."""
        return bisect_right(self._entries, prefix, key=lambda entry: entry[0][: len(prefix)])

    def items(self, positions: range) -> Iterator[Item]:
        """Yield the items at some positions."""
        return (self.partition[self._entries[position][1]] for position in positions)


def order_of(table: Table, partition_key: str) -> Order:
    """Return a partition's order; make it on the first call."""
    order = _known_order(table, partition_key)
    if order is None:
        order = Order(table, table["items"].get(partition_key, {}))
        if order.partition:
            table.setdefault(_ORDERS, {})[partition_key] = order
    return order


def keep_up_with_writes() -> None:
    """Let each write update the order of its partition."""
    set_item = dynamodb._set_item
    remove_item = dynamodb._remove_item

    def set_in_order(table: Table, partition_key: str, text: str, item: Item) -> Item | None:
        with lock:
            old: Item | None = set_item(table, partition_key, text, item)
            order = _known_order(table, partition_key)
            if order is not None and old is None:
                order.add(text, item)
            return old

    def remove_in_order(table: Table, partition_key: str, text: str) -> Item | None:
        with lock:
            old: Item | None = remove_item(table, partition_key, text)
            order = _known_order(table, partition_key)
            if order is None:  # the partition may have gone with its last item
                table.get(_ORDERS, {}).pop(partition_key, None)
            elif old is not None:
                order.remove(text, old)
            return old

    dynamodb._set_item = set_in_order
    dynamodb._remove_item = remove_in_order


def _known_order(table: Table, partition_key: str) -> Order | None:
    order: Order | None = table.get(_ORDERS, {}).get(partition_key)
    # MiniStack may have replaced the partition, for instance by a restored backup.
    return order if order is not None and order.partition is table["items"].get(partition_key) else None

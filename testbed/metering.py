"""A meter of capacity units: DynamoDB's rules, applied to the items that are really written and read.

A write unit is 1 KB, a strongly consistent read unit 4 KB. A transaction's writes count twice. A query reads
the sum of its items, projected or not. A missing item still costs a unit.

Source: Amazon DynamoDB Developer Guide, "DynamoDB item sizes and formats" and "DynamoDB read and write
operations": a write unit is 1 KB, a strongly consistent read unit 4 KB; a transaction's writes count twice; a
query reads the sum of its items, projected or not; an item that is not there still costs a unit. A write
costs what the larger of the old and the new item takes, and so does one whose condition fails.
"""

import base64
import math
from typing import Any

Item = dict[str, Any]


def attribute_size(value: Item) -> int:
    """Return the bytes of an attribute's value."""
    ((kind, content),) = value.items()
    match kind:
        case "S":
            return len(content.encode())
        case "B":
            return len(content) if isinstance(content, bytes) else len(base64.b64decode(content))
        case "N":
            return (len(content.lstrip("-").strip("0")) + 1) // 2 + 1
        case "SS":
            return 3 + sum(len(text.encode()) + 1 for text in content)
    raise NotImplementedError(kind)


def item_size(item: Item) -> int:
    """Return the bytes of an item."""
    return sum(len(name.encode()) + attribute_size(value) for name, value in item.items())


class Metered:
    """A DynamoDB client that counts capacity units.

    Attributes:
        write_units: the write units so far.
        read_units: the read units so far.
        largest: the bytes of the largest item written, by the kind of its sort key.
    """

    def __init__(self, client: Any, table: str):
        self._client, self._table = client, table
        self.write_units = self.read_units = 0
        self.largest: dict[str, int] = {}

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(f"{name} is not metered")

    def get_item(self, **parameters: Any) -> Any:
        answer = self._client.get_item(**parameters)
        self.read_units += max(1, math.ceil(item_size(answer.get("Item", {})) / 4096))
        assert parameters["ConsistentRead"]
        return answer

    def query(self, **parameters: Any) -> Any:
        assert parameters["ConsistentRead"]
        whole = _whole_items(parameters)
        size = sum(map(item_size, self._client.query(**whole)["Items"]))
        self.read_units += max(1, math.ceil(size / 4096))
        return self._client.query(**parameters)

    def put_item(self, **parameters: Any) -> Any:
        # A put whose condition fails costs the same.
        self.write_units += self._written(self._stored(parameters["Item"]), parameters["Item"])
        return self._client.put_item(**parameters)

    def transact_write_items(self, TransactItems: list[Item]) -> Any:  # noqa: N803 - AWS's name
        written = [what for action in TransactItems for what in action.values()]
        old = [self._stored(what.get("Key") or what["Item"]) for what in written]
        try:
            return self._client.transact_write_items(TransactItems=TransactItems)
        finally:  # a transaction that is refused is counted as if it had been done
            for what, before in zip(written, old, strict=True):
                key = what.get("Key") or what["Item"]
                self.write_units += 2 * self._written(before, what.get("Item") or self._stored(key))

    def _stored(self, item: Item) -> Item:
        """Return the item that is stored under an item's key; the key if there is none."""
        key = {name: item[name] for name in ("pk", "sk")}
        stored: Item = self._client.get_item(TableName=self._table, Key=key).get("Item", key)
        return stored

    def _written(self, *versions: Item) -> int:
        kind = versions[0]["sk"]["S"].partition("#")[0]
        size = max(map(item_size, versions))
        self.largest[kind] = max(size, self.largest.get(kind, 0))
        return math.ceil(size / 1024)

    def delete_item(self, **parameters: Any) -> Any:
        self.write_units += self._written(self._stored(parameters["Key"]))
        return self._client.delete_item(**parameters)

    def batch_write_item(self, **parameters: Any) -> Any:
        for request in parameters["RequestItems"][self._table]:
            new = request["PutRequest"]["Item"] if "PutRequest" in request else None
            self.write_units += self._written(new or self._stored(request["DeleteRequest"]["Key"]))
        return self._client.batch_write_item(**parameters)


def _whole_items(query: Item) -> Item:
    """Return a query that answers with whole items, neither projected nor only counted."""
    whole = {name: value for name, value in query.items() if name not in ("ProjectionExpression", "Select")}
    names = query.get("ExpressionAttributeNames", {})
    conditions = whole["KeyConditionExpression"] + whole.get("FilterExpression", "")
    used = {name: attribute for name, attribute in names.items() if name in conditions}
    return (
        {**whole, "ExpressionAttributeNames": used} if used else _without(whole, "ExpressionAttributeNames")
    )


def _without(query: Item, name: str) -> Item:
    return {other: value for other, value in query.items() if other != name}

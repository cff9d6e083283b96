"""A meter of capacity units: DynamoDB's rules, applied to the items that are really written and read.

A write unit is 1 KB, a strongly consistent read unit 4 KB. A transaction's writes count twice. A query reads
the sum of its items, projected or not. A missing item still costs a unit.

Source: Amazon DynamoDB Developer Guide, "DynamoDB item sizes and formats" and "DynamoDB read and write
operations".
"""

import math
from typing import Any

Item = dict[str, Any]


def attribute_size(value: Item) -> int:
    """Return the bytes of an attribute's value."""
    ((kind, content),) = value.items()
    match kind:
        case "S":
            return len(content.encode())
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
        whole = {name: value for name, value in parameters.items() if name != "ProjectionExpression"}
        size = sum(map(item_size, self._client.query(**whole)["Items"]))
        self.read_units += max(1, math.ceil(size / 4096))
        return self._client.query(**parameters)

    def put_item(self, **parameters: Any) -> Any:
        self.write_units += self._written(parameters["Item"])
        return self._client.put_item(**parameters)

    def transact_write_items(self, TransactItems: list[Item]) -> Any:  # noqa: N803 - AWS's name
        answer = self._client.transact_write_items(TransactItems=TransactItems)
        for action in TransactItems:
            ((kind, what),) = action.items()
            key = what.get("Key") or {name: what["Item"][name] for name in ("pk", "sk")}
            item = self._client.get_item(TableName=self._table, Key=key).get("Item", key)
            self.write_units += 2 * self._written(item)
            assert kind in ("Put", "Update", "Delete")
        return answer

    def _written(self, item: Item) -> int:
        kind = item["sk"]["S"].partition("#")[0]
        size = item_size(item)
        self.largest[kind] = max(size, self.largest.get(kind, 0))
        return math.ceil(size / 1024)

    def batch_write_item(self, **parameters: Any) -> Any:
        for request in parameters["RequestItems"][self._table]:
            self.write_units += self._written(request["PutRequest"]["Item"])
        return self._client.batch_write_item(**parameters)

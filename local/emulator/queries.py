"""The cost of a query: as much as its page, whatever the size of the partition.

For every query MiniStack sorts the whole partition, and parses the key condition anew for each item. Here
MiniStack still checks the request and writes the answer. Only the page is found in another way.
Source: DynamoDB developer guide, "Querying tables in DynamoDB".
"""

import functools
from itertools import islice
from types import FunctionType
from typing import Any, NamedTuple

from local.emulator import orders
from local.emulator.orders import Item, Order, Table
from local.emulator.seams import dynamodb

Request = dict[str, Any]
Token = tuple[str, str]

_REMEMBERED_EXPRESSIONS = 1000


def install() -> None:
    """Make DynamoDB's work grow with a request's page instead of the partition."""
    expressions_are_parsed_once()
    orders.keep_up_with_writes()
    queries_read_their_page()


def expressions_are_parsed_once() -> None:
    """Parse an expression once; MiniStack parses an expression anew for every item."""
    remembered = functools.lru_cache(_REMEMBERED_EXPRESSIONS)
    tokens = remembered(dynamodb._tokenize)
    dynamodb._tokenize = lambda expression: list(tokens(expression))
    dynamodb._condition_syntax_error = remembered(dynamodb._condition_syntax_error)


def queries_read_their_page() -> None:
    """Let a query of a table read its page alone. Queries of an index stay MiniStack's."""
    query = dynamodb._query

    def query_page(request: Request) -> Any:
        name = dynamodb._normalize_table_name(request.get("TableName"))
        table = dynamodb._tables.get(name) if isinstance(name, str) else None
        condition = _sort_key_condition(table, request) if table else None
        if not table or not condition:
            return query(request)
        page = Page(table, condition, request)
        # The code is MiniStack's. For this code, the page stands for all items and cuts them.
        names = {"_tables": {name: {**table, "items": page}}, "_paginate_evaluated_items": page.cut}
        with orders.lock:
            return FunctionType(query.__code__, {**vars(dynamodb), **names})(request)

    dynamodb._query = query_page


class Condition(NamedTuple):
    """One condition of a key condition expression, such as `sk BETWEEN :first AND :last`.

    Attributes:
        name: the attribute's name.
        operator: `EQ`, `LT`, `LE`, `GT`, `GE`, `BETWEEN`, `BEGINS_WITH`; `ANY` allows every value.
        operands: the attribute values to compare with.
    """

    name: str
    operator: str
    operands: list[Any]


class Page:
    """The page that one query reads."""

    def __init__(self, table: Table, condition: Condition, request: Request) -> None:
        self._table = table
        self._condition = condition
        self._request = request
        self._order: Order

    def get(self, partition_key: str, _default: object) -> dict[str, Item]:
        """Return one item instead of a partition. With the item, MiniStack finds faults in the condition."""
        self._order = orders.order_of(self._table, partition_key)
        return dict(islice(self._order.partition.items(), 1))

    def cut(self, _items: list[Item], limit: Any, *where: Any) -> tuple[list[Item], bool]:
        """Return the range's items as MiniStack's pagination takes them, and whether it stopped early."""
        read: tuple[list[Item], bool] = dynamodb._paginate_evaluated_items(
            self._order.items(self._positions()), limit, *where
        )
        return read

    def _positions(self) -> range:
        first, behind = _range(self._order, self._condition)
        forward = self._request.get("ScanIndexForward", True)
        if start := self._request.get("ExclusiveStartKey"):
            value = self._order.value(start[self._condition.name])
            if forward:
                first = max(first, self._order.behind(value))
            else:
                behind = min(behind, self._order.first(value))
        positions = range(first, behind)
        return positions if forward else positions[::-1]


def _range(order: Order, condition: Condition) -> tuple[int, int]:
    """Return the first position whose item meets a condition, and the position behind the last."""
    values = [order.value(operand) for operand in condition.operands]
    match condition.operator, values:
        case "LT", [value]:
            found = 0, order.first(value)
        case "LE", [value]:
            found = 0, order.behind(value)
        case "GT", [value]:
            found = order.behind(value), len(order)
        case "GE", [value]:
            found = order.first(value), len(order)
        case "BEGINS_WITH", [prefix]:
            found = order.first(prefix), order.behind_prefix(prefix)
        case (("EQ" | "BETWEEN"), [low, *_]):
            found = order.first(low), order.behind(values[-1])
        case _:
            found = 0, len(order)
    return found


def _sort_key_condition(table: Table, request: Request) -> Condition | None:
    """Read a request's condition on the sort key.

    Returns:
        The condition; None for requests left to MiniStack: indexes, older parameters, unusual or faulty
            conditions.
    """
    expression = request.get("KeyConditionExpression")
    if not table["sk_name"] or not isinstance(expression, str) or not expression:
        return None
    if request.get("IndexName") or request.get("KeyConditions"):
        return None
    written = dynamodb._key_condition_clauses(dynamodb._tokenize(expression))
    conditions = {read.name: read for tokens in written if (read := _condition(tokens, request))}
    if len(conditions) < len(written):
        return None
    partition = conditions.pop(table["pk_name"], None)
    sort = conditions.pop(table["sk_name"], Condition(table["sk_name"], "ANY", []))
    if not partition or partition.operator != "EQ" or conditions:
        return None
    key_type = dynamodb._get_attr_type(table, sort.name)
    fitting = all(isinstance(operand, dict) and [*operand] == [key_type] for operand in sort.operands)
    return sort if fitting else None


def _condition(tokens: list[Token], request: Request) -> Condition | None:
    """Return one condition; None if the tokens have no usual form."""
    names = request.get("ExpressionAttributeNames") or {}
    values = request.get("ExpressionAttributeValues") or {}
    operator: str
    match tokens:
        case [(_, name), (("EQ" | "LT" | "LE" | "GT" | "GE") as operator, _), ("VALUE_REF", value)]:
            operands = [value]
        case [(_, name), ("IDENT", word), ("VALUE_REF", low), ("IDENT", joint), ("VALUE_REF", high)] if (
            word.upper() == "BETWEEN" and joint.upper() == "AND"
        ):
            operator, operands = "BETWEEN", [low, high]
        case [
            ("IDENT", word),
            ("LPAREN", _),
            (_, name),
            ("COMMA", _),
            ("VALUE_REF", value),
            ("RPAREN", _),
        ] if word.lower() == "begins_with":
            operator, operands = "BEGINS_WITH", [value]
        case _:
            return None
    return Condition(names.get(name, name), operator, [values.get(operand) for operand in operands])

"""What a DynamoDB query answers, and what it costs."""

import base64
import itertools
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.local.two_dynamodbs import TwoDynamoDbs

Value = dict[str, str]

SHORT, LONG = 10, 1000
"""How many items two partitions hold: the narrow reads below find the same in both."""

PAGES: list[dict[str, Any]] = [
    {"condition": "sk = :low"},
    {"condition": "sk BETWEEN :low AND :high"},
    {"condition": "begins_with(sk, :low)"},
    {"condition": "sk >= :low", "Limit": 3},
    {"condition": "sk < :high", "Limit": 3, "ScanIndexForward": False},
    {"Limit": 3},
    {"Limit": 3, "ScanIndexForward": False, "Select": "COUNT"},
    {"Limit": 3, "ExclusiveStartKey": ":low"},
    {"Limit": 3, "ExclusiveStartKey": ":low", "ScanIndexForward": False},
]

VALUES: dict[str, list[str]] = {
    "S": ["a", "ab", "abc", "b", "ba", "B", "#", "é", "😀", "\uffff"],
    "N": ["-10", "-2", "-1.5", "0", "0.5", "1", "2", "10", "1E2", "2.50"],
    "B": [base64.b64encode(value).decode() for value in (b"\0", b"\0\1", b"\1", b"a", b"\x7f", b"\xff\0")],
}
"""Sort keys whose order is not everywhere that of their texts."""

UNUSUAL: list[dict[str, Any]] = [
    {"condition": ":low = sk"},
    {"condition": "(sk = :low)"},
    {"condition": "sk between :low and :high"},
    {"condition": "BEGINS_WITH(sk, :low)"},
    {"condition": "between(sk, :low)"},
    {"condition": "sk BETWEEN :low OR :high"},
    {"condition": "sk BETWEEN :high AND :low"},
    {"condition": "sk <> :low"},
    {"condition": "sk IN (:low)"},
    {"condition": "sk = :undefined"},
    {"condition": "sk = :number"},
    {"condition": "sk BETWEEN :low AND :number"},
    {"condition": "begins_with(sk, :number)"},
    {"condition": "sk = :low AND sk = :high"},
    {"condition": "pk = :low"},
    {"condition": "other = :low"},
    {"condition": "#alias > :low", "ExpressionAttributeNames": {"#alias": "sk"}},
    {"condition": "#alias > :low", "ExpressionAttributeNames": {"#alias": "other"}},
    {"condition": "sk > :low", "ExclusiveStartKey": {"pk": {"S": "few"}, "sk": {"S": "0"}}},
    {"ExclusiveStartKey": {"pk": {"S": "other"}, "sk": {"S": "0"}}},
    {"ExclusiveStartKey": {"sk": {"S": "0"}}},
    {"KeyConditionExpression": ""},
    {"KeyConditionExpression": "sk = :low"},
    {"KeyConditionExpression": "pk > :pk"},
    {"KeyConditionExpression": "pk = :pk OR sk = :low"},
    {"KeyConditionExpression": "NOT pk = :pk"},
    {"KeyConditionExpression": "pk = :pk AND"},
    {"Limit": 0},
    {"Limit": 10**6, "ReturnConsumedCapacity": "INDEXES", "ConsistentRead": True},
    {"FilterExpression": "sk = = :low"},
    {"FilterExpression": "size(sk) > :number"},
    {"ProjectionExpression": "sk, name"},
    {"ProjectionExpression": "sk", "Select": "COUNT"},
    {"IndexName": "global", "KeyConditionExpression": "other = :pk"},
    {"IndexName": "local", "condition": "other > :low"},
    {"IndexName": "none"},
    {"TableName": "nowhere"},
    {"TableName": "hash-only"},
    {"TableName": "reserved", "condition": "name > :low"},
]


@pytest.fixture(scope="module")
def dynamodbs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TwoDynamoDbs]:
    """Both implementations, with a table for each type of sort key and some for special cases."""
    with TwoDynamoDbs(tmp_path_factory.mktemp("dynamodbs")) as both:
        for kind in VALUES:
            both.done("CreateTable", table(f"table-{kind}", kind=kind))
        both.done("CreateTable", table("reserved", "name"))
        both.done("CreateTable", table("hash-only", ""))
        for size in (SHORT, LONG):
            for number in range(size):
                put(both, "table-S", f"of {size}", {"S": f"{number:04}"})
        for number in range(5):
            put(both, "table-S", "few", {"S": str(number)}, other={"S": "few"})
            item = {"pk": {"S": "few"}, "name": {"S": str(number)}}
            both.done("PutItem", {"TableName": "reserved", "Item": item})
            both.done("PutItem", {"TableName": "hash-only", "Item": item})
        yield both


def table(name: str, sort_key: str = "sk", kind: str = "S") -> dict[str, Any]:
    """Give the request for a table; those with a sort key have indexes, too."""
    types = {"pk": "S", sort_key: kind, "other": "S"} if sort_key else {"pk": "S"}
    keys = [key_schema("pk"), key_schema(sort_key, "RANGE")] if sort_key else [key_schema("pk")]
    request: dict[str, Any] = {"TableName": name, "KeySchema": keys, "BillingMode": "PAY_PER_REQUEST"}
    if sort_key:
        request["GlobalSecondaryIndexes"] = [index("global", key_schema("other"))]
        request["LocalSecondaryIndexes"] = [index("local", keys[0], key_schema("other", "RANGE"))]
    definitions = [{"AttributeName": attribute, "AttributeType": type_} for attribute, type_ in types.items()]
    return {**request, "AttributeDefinitions": definitions}


def key_schema(name: str, kind: str = "HASH") -> dict[str, str]:
    return {"AttributeName": name, "KeyType": kind}


def index(name: str, *keys: dict[str, str]) -> dict[str, Any]:
    return {"IndexName": name, "KeySchema": keys, "Projection": {"ProjectionType": "ALL"}}


def put(dynamodbs: TwoDynamoDbs, table: str, partition: str, sort_key: Value, **others: Value) -> None:
    item = {"pk": {"S": partition}, "sk": sort_key, **others}
    dynamodbs.done("PutItem", {"TableName": table, "Item": item})


def delete(dynamodbs: TwoDynamoDbs, table: str, partition: str, sort_key: Value) -> None:
    dynamodbs.done("DeleteItem", {"TableName": table, "Key": {"pk": {"S": partition}, "sk": sort_key}})


def query(partition: str, values: dict[str, Value], **parameters: Any) -> dict[str, Any]:
    """Give the request for a query; `condition` is the one on the sort key."""
    expression = "pk = :pk"
    if condition := parameters.pop("condition", ""):
        expression += f" AND {condition}"
    request = {"TableName": "table-S", "KeyConditionExpression": expression, **parameters}
    used = "".join(str(request.get(name)) for name in ("KeyConditionExpression", "FilterExpression"))
    values = {name: value for name, value in {":pk": {"S": partition}, **values}.items() if name in used}
    return {**request, "ExpressionAttributeValues": values} if values else request


def narrow(size: int, **parameters: Any) -> dict[str, Any]:
    """Give the request for a few items in the middle of a partition."""
    low, high = {"S": f"{size // 2:04}"}, {"S": f"{size // 2 + 2:04}"}
    if "ExclusiveStartKey" in parameters:
        parameters["ExclusiveStartKey"] = {"pk": {"S": f"of {size}"}, "sk": low}
    return query(f"of {size}", {":low": low, ":high": high}, **parameters)


@pytest.mark.parametrize("parameters", PAGES)
def test_a_query_is_no_more_work_in_a_long_partition(
    dynamodbs: TwoDynamoDbs, parameters: dict[str, Any]
) -> None:
    work = {}
    for size in (SHORT, LONG):
        dynamodbs.same("Query", narrow(size, **parameters))
        # A write doesn't make the next query begin anew.
        put(dynamodbs, "table-S", f"of {size}", {"S": "~"})
        delete(dynamodbs, "table-S", f"of {size}", {"S": "~"})
        answer = dynamodbs.same("Query", narrow(size, **parameters))
        assert answer.body["Count"] > 0
        work[size] = answer.work
    assert work[LONG] < 1.1 * work[SHORT]


def test_a_write_is_no_more_work_in_a_long_partition(dynamodbs: TwoDynamoDbs) -> None:
    work = {}
    for size in (SHORT, LONG):
        dynamodbs.same("Query", narrow(size))
        item = {"pk": {"S": f"of {size}"}, "sk": {"S": "0004~"}}
        written = dynamodbs.same("PutItem", {"TableName": "table-S", "Item": item})
        deleted = dynamodbs.same("DeleteItem", {"TableName": "table-S", "Key": item})
        work[size] = written.work + deleted.work
    assert work[LONG] < 1.1 * work[SHORT]


def test_an_expression_is_parsed_once(dynamodbs: TwoDynamoDbs) -> None:
    values: dict[str, Value] = {":low": {"S": "0003"}, ":filter": {"S": "5"}}
    request = query(
        f"of {SHORT}", values, condition="sk > :low", FilterExpression="sk > :filter OR attribute_exists(sk)"
    )
    assert dynamodbs.same("Query", request).parsed == 2
    assert dynamodbs.same("Query", request).parsed == 0


@pytest.mark.parametrize("parameters", UNUSUAL, ids=str)
@pytest.mark.parametrize("partition", ["few", "empty"])
def test_an_unusual_query_is_answered_as_without_the_adaptation(
    dynamodbs: TwoDynamoDbs, partition: str, parameters: dict[str, Any]
) -> None:
    values: dict[str, Value] = {":low": {"S": "1"}, ":high": {"S": "3"}, ":number": {"N": "3"}}
    dynamodbs.same("Query", query(partition, values, **parameters))


CONDITIONS = [
    *(f"sk {operator} :low" for operator in ("=", "<", "<=", ">", ">=")),
    "begins_with(sk, :low)",
    "sk BETWEEN :low AND :high",
]
"""The conditions that queries can put on a sort key."""


@pytest.mark.parametrize("kind", VALUES)
@pytest.mark.parametrize("condition", CONDITIONS)
def test_a_range_begins_and_ends_as_without_the_adaptation(
    dynamodbs: TwoDynamoDbs, kind: str, condition: str
) -> None:
    for value in VALUES[kind][::2]:
        put(dynamodbs, f"table-{kind}", "every other", {kind: value})
    for low, high in itertools.product(VALUES[kind], repeat=2):
        values = {":low": {kind: low}, ":high": {kind: high}}
        dynamodbs.same("Query", query("every other", values, TableName=f"table-{kind}", condition=condition))


_partitions = itertools.count()


@st.composite
def histories(draw: st.DrawFn) -> tuple[str, list[tuple[str, Any]]]:
    """Draw a type of sort key, and puts, deletes and queries of one partition."""
    kind = draw(st.sampled_from([*VALUES]))
    values = st.sampled_from(VALUES[kind]).map(lambda value: {kind: value})
    steps = st.one_of(
        st.tuples(st.just("put"), values),
        st.tuples(st.just("put"), values),
        st.tuples(st.just("delete"), values),
        st.tuples(st.just("query"), st.fixed_dictionaries({}, optional=_parameters(values))),
    )
    return kind, draw(st.lists(steps, min_size=1, max_size=30))


def _parameters(values: st.SearchStrategy[Value]) -> dict[str, st.SearchStrategy[Any]]:
    return {
        "condition": st.sampled_from(CONDITIONS),
        ":low": values,
        ":high": values,
        "Limit": st.integers(1, 4),
        "ScanIndexForward": st.booleans(),
        "ExclusiveStartKey": values,
        "FilterExpression": st.sampled_from(["version > :version", "attribute_exists(version)"]),
        "ProjectionExpression": st.just("sk"),
        "Select": st.just("COUNT"),
        "ConsistentRead": st.booleans(),
    }


@settings(deadline=None, max_examples=100)
@given(history=histories())
def test_queries_answer_as_without_the_adaptation(
    dynamodbs: TwoDynamoDbs, history: tuple[str, list[tuple[str, Any]]]
) -> None:
    kind, steps = history
    table, partition = f"table-{kind}", f"drawn {next(_partitions)}"
    for version, (step, drawn) in enumerate(steps):
        if step == "put":
            put(dynamodbs, table, partition, drawn, version={"N": str(version)})
        elif step == "delete":
            delete(dynamodbs, table, partition, drawn)
        else:
            default = {kind: VALUES[kind][2]}
            values = {":low": drawn.pop(":low", default), ":high": drawn.pop(":high", default)}
            if start := drawn.get("ExclusiveStartKey"):
                drawn["ExclusiveStartKey"] = {"pk": {"S": partition}, "sk": start}
            values[":version"] = {"N": str(len(steps) // 2)}
            dynamodbs.same("Query", query(partition, values, TableName=table, **drawn))


@pytest.mark.parametrize("forward", [True, False])
@pytest.mark.parametrize("filtered", [{}, {"FilterExpression": "attribute_not_exists(sk)"}])
def test_a_page_ends_at_1_mb(dynamodbs: TwoDynamoDbs, forward: bool, filtered: dict[str, Any]) -> None:
    for number in range(7):
        put(dynamodbs, "table-S", "large", {"S": str(number)}, padding={"S": "x" * 300_000})
    request = query("large", {}, ScanIndexForward=forward, **filtered)
    read = []
    while True:
        page = dynamodbs.same("Query", request).body
        read.append(page["ScannedCount"])
        if "LastEvaluatedKey" not in page:
            break
        request["ExclusiveStartKey"] = page["LastEvaluatedKey"]
    assert read == [3, 3, 1]


def test_queries_see_what_replaces_a_tables_items(dynamodbs: TwoDynamoDbs) -> None:
    def read() -> list[str]:
        answer = dynamodbs.same("Query", query("replaced", {}, TableName="replaced"))
        return [item["sk"]["S"] for item in answer.body["Items"]]

    dynamodbs.done("CreateTable", table("replaced"))
    put(dynamodbs, "replaced", "replaced", {"S": "1"})
    assert read() == ["1"]
    insert = "INSERT INTO \"replaced\" VALUE {{'pk': 'replaced', 'sk': '{}'}}"
    statements = [{"Statement": insert.format(sort_key)} for sort_key in ("2", "1")]
    refused = dynamodbs.both("ExecuteTransaction", {"TransactStatements": statements})[1]
    assert refused.body["__type"].endswith("TransactionCanceledException")
    put(dynamodbs, "replaced", "replaced", {"S": "0"})
    assert read() == ["0", "1"]
    dynamodbs.done("DeleteTable", {"TableName": "replaced"})
    dynamodbs.done("CreateTable", table("replaced"))
    put(dynamodbs, "replaced", "replaced", {"S": "3"})
    assert read() == ["3"]

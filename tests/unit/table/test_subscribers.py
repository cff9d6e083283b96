from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from entity_push.protocol.channels import subscriber_lists
from entity_push.runtime import aws
from entity_push.runtime.json_client import Call, JsonClient
from entity_push.runtime.signing import Credentials
from entity_push.table.calls import MakeCalls, each, one_by_one
from entity_push.table.subscribers import NEVER, Page, Subscribers
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.conftest import TABLE_NAME
from tests.unit.runtime.standin_service import StandIn, answer

CHANNEL = "user/alice"  # one list alone


def pages_of(channel: str, make: MakeCalls, after: str | None = None) -> Iterator[Page]:
    return each(Subscribers(TABLE_NAME).pages(channel, after=after), make)


def put(dynamodb: Any, channel: str, ends: dict[str, int | None]) -> None:
    """Write subscription items; None is one without a ttl."""
    puts = [
        {
            "pk": {"S": f"CHANNEL#{channel}"},
            "sk": {"S": f"SUBSCRIBER#{name}"},
            **({} if end is None else {"ttl": {"N": str(end)}}),
        }
        for name, end in ends.items()
    ]
    for start in range(0, len(puts), 25):
        batch = [{"PutRequest": {"Item": item}} for item in puts[start : start + 25]]
        dynamodb.batch_write_item(RequestItems={TABLE_NAME: batch})


def test_subscribers_are_those_of_the_channel_alone_with_the_end_of_their_right(dynamodb: Any) -> None:
    put(dynamodb, CHANNEL, {"c1": 1_800_000_000, "c2": None})
    put(dynamodb, f"{CHANNEL}/x", {"c3": 1_800_000_000})
    for sk in ("LIFE", "LOG#x#1", "SEAL"):
        dynamodb.put_item(TableName=TABLE_NAME, Item={"pk": {"S": f"CHANNEL#{CHANNEL}"}, "sk": {"S": sk}})
    (page,) = pages_of(CHANNEL, one_by_one(dynamodb))
    assert page == Page({"c1": 1_800_000_000, "c2": NEVER}, last=True)


def test_a_channel_without_subscribers_has_one_empty_page(dynamodb: Any) -> None:
    assert list(pages_of(CHANNEL, one_by_one(dynamodb))) == [Page({}, last=True)]


def test_2500_subscribers_are_read_over_more_than_one_page_in_the_tables_order(dynamodb: Any) -> None:
    # 2,500 items of over 420 bytes are more than the 1 MB that one Query returns.
    ids = [f"{number:04}{'x' * 400}" for number in range(2500)]
    put(dynamodb, CHANNEL, dict.fromkeys(ids))
    make = one_by_one(dynamodb)
    pages = list(pages_of(CHANNEL, make))
    assert [page.last for page in pages] == [False] * (len(pages) - 1) + [True]
    assert len(pages) > 1
    assert [name for page in pages for name in page.subscribers] == ids
    behind = [name for page in pages_of(CHANNEL, make, ids[100]) for name in page.subscribers]
    assert behind == ids[101:]


@pytest.mark.parametrize("subscribers", [0, 3])
def test_pages_over_the_wire_are_read_as_they_are_asked_for(subscribers: int) -> None:
    def page(number: int, **more: Any) -> bytes:
        items = [
            {"sk": {"S": f"SUBSCRIBER#{number}-{i}"}, "ttl": {"N": f"{1000 + i}"}} for i in range(subscribers)
        ]
        return answer(200, {"Items": items, "Count": subscribers, **more})

    behind = {"pk": {"S": "x"}, "sk": {"S": "y"}}
    with StandIn([page(1, LastEvaluatedKey=behind), page(2)]) as standin:
        client = JsonClient(aws.SERVICES["dynamodb"], standin.url, "eu-west-1", lambda: Credentials("a", "b"))
        pages = pages_of(CHANNEL, client.at_once)
        first = next(pages)
        assert len(standin.calls) == 1
        second = next(pages)
    assert first == Page({f"1-{i}": 1000 + i for i in range(subscribers)}, last=False)
    assert second == Page({f"2-{i}": 1000 + i for i in range(subscribers)}, last=True)
    asked = [call.parameters for call in standin.calls]
    assert [parameters.get("ExclusiveStartKey") for parameters in asked] == [None, behind]
    assert {parameters["ConsistentRead"] for parameters in asked} == {True}


LISTS = st.lists(
    st.dictionaries(st.text("abcdXY=-_", min_size=1, max_size=3), st.just(7), max_size=12),
    min_size=3,
    max_size=3,
)


@given(lists=LISTS, size=st.integers(1, 4), start=st.none() | st.text("abcdXY", min_size=1, max_size=3))
def test_several_lists_are_merged_each_connection_once_and_any_page_may_be_the_last_that_was_read(
    lists: list[dict[str, int]], size: int, start: str | None
) -> None:
    names = subscriber_lists("entity/a/b")
    stored = {name: sorted(ends) for name, ends in zip(names, lists, strict=True)}

    def read(calls: Sequence[Call]) -> list[Any]:
        return [one_page(call.parameters) for call in calls]

    def one_page(query: Any) -> Any:
        ids = stored[query["ExpressionAttributeValues"][":pk"]["S"].removeprefix("CHANNEL#")]
        after = query.get("ExclusiveStartKey", {}).get("sk", {}).get("S", "").removeprefix("SUBSCRIBER#")
        behind = [name for name in ids if name > after]
        items = [{"sk": {"S": f"SUBSCRIBER#{name}"}, "ttl": {"N": "7"}} for name in behind[:size]]
        more = {"LastEvaluatedKey": items[-1]} if len(behind) >= size else {}
        return {"Items": items, **more}

    expected = sorted({name for ids in stored.values() for name in ids if start is None or name > start})
    pages = list(pages_of("entity/a/b", read, start))
    assert sorted(name for page in pages for name in page.subscribers) == expected
    assert [page.last for page in pages] == [False] * (len(pages) - 1) + [True]
    seen: list[str] = []
    for page in pages[:-1]:
        seen += page.subscribers
        assert seen == expected[: len(seen)], "in order, so that one can go on after the last"
        if page.subscribers:
            rest = [name for more in pages_of("entity/a/b", read, seen[-1]) for name in more.subscribers]
            assert sorted(rest) == expected[len(seen) :]


def test_the_lists_of_a_channel_are_read_at_once() -> None:
    asked: list[int] = []

    def read(calls: Sequence[Call]) -> list[Any]:
        asked.append(len(calls))
        return [{"Items": []} for _ in calls]

    assert list(pages_of("entity/a/b/c/d/e", read)) == [Page({}, last=True)]
    assert asked == [6]

"""What is written of a connection, and that nothing of it is left."""

from typing import Any

import pytest
from entity_push.auth.bearer import ANONYMOUS, Bearer
from entity_push.auth.grants import Grants
from entity_push.protocol.channels import everyone_list
from entity_push.table.calls import each, one_by_one
from entity_push.table.connections import Connection, Connections
from entity_push.table.subscribers import Subscribers
from entity_push.table.subscriptions import Subscriptions

from tests.unit.conftest import TABLE_NAME, all_items

CONNECTED_AT = 1_700_000_000_123


@pytest.fixture
def table(dynamodb: Any) -> Connections:
    return Connections(dynamodb, TABLE_NAME, pause=lambda _seconds: None)


def connection(connection_id: str, *channels: str, bearer: Bearer = ANONYMOUS) -> Connection:
    return Connection(connection_id, CONNECTED_AT, "192.0.2.1", "wscat", bearer, frozenset(channels))


@pytest.mark.parametrize(
    "bearer", [ANONYMOUS, Bearer("müller|1", Grants(("a/*", "b"), ()), CONNECTED_AT // 1000 + 60)]
)
def test_a_connection_is_found_as_it_was_opened(table: Connections, bearer: Bearer) -> None:
    opened = connection("c1", "user/x", "entity/e1", bearer=bearer)
    table.open(opened)
    assert table.find("c1") == opened
    assert table.find("c2") is None


def test_deleting_removes_every_item(table: Connections, dynamodb: Any) -> None:
    subscriptions = Subscriptions(dynamodb, TABLE_NAME)
    for connection_id in ("c1", "c2"):
        opened = connection(connection_id, bearer=Bearer("alice", Grants(), CONNECTED_AT // 1000 + 60))
        table.open(opened)
        channels = [f"entity/e{number}" for number in range(60)]  # more than two batches of deletes
        subscriptions.subscribe(opened, channels, limit=100, histories=200)
    table.delete("c1")
    assert {item["sk"] for item in all_items(dynamodb)} == {"CONNECTION", "SUBSCRIBER#c2", "CONNECTION#c2"}
    table.delete("c1")
    table.delete("c2")
    assert all_items(dynamodb) == []


def test_forgetting_removes_the_gone_and_what_was_left_behind(table: Connections, dynamodb: Any) -> None:
    gone = [f"c{number}" for number in range(130)]  # more than one batch of reads
    for connection_id in [*gone, "stays"]:
        table.open(connection(connection_id, "entity/e1", "entity/e2"))
    dynamodb.delete_item(TableName=TABLE_NAME, Key={"pk": {"S": "CONNECTION#c0"}, "sk": {"S": "CONNECTION"}})
    assert table.forget([*gone, "never was"], "entity/e1", opened_before=CONNECTED_AT + 1) == []
    # Only what nothing names any more is left: c0's other subscription, until a push to it or its ttl.
    left = [(item["pk"], item["sk"]) for item in all_items(dynamodb) if "stays" not in str(item)]
    assert left == [("CHANNEL#entity/e2", "SUBSCRIBER#c0")]


@pytest.mark.parametrize(
    ("channel", "found_in"),
    [("entity/a/b", "entity/a/*"), ("entity/a/b", "entity/*"), ("everyone", everyone_list("c1"))],
)
def test_what_was_left_behind_is_removed_from_whatever_list_it_was_found_in(
    table: Connections, dynamodb: Any, channel: str, found_in: str
) -> None:
    table.open(connection("c1", found_in))
    dynamodb.delete_item(TableName=TABLE_NAME, Key={"pk": {"S": "CONNECTION#c1"}, "sk": {"S": "CONNECTION"}})
    table.forget(["c1"], channel, opened_before=CONNECTED_AT + 1)
    assert all_items(dynamodb) == []


def test_a_connection_that_may_still_be_opening_is_not_forgotten(table: Connections, dynamodb: Any) -> None:
    table.open(connection("c1", "entity/e1"))
    before = all_items(dynamodb)
    assert table.forget(["c1"], "entity/e1", opened_before=CONNECTED_AT) == ["c1"]
    assert all_items(dynamodb) == before


def test_what_was_not_processed_is_sent_again(dynamodb: Any) -> None:
    class Throttled:
        calls = 0

        def __getattr__(self, name: str) -> Any:
            return getattr(dynamodb, name)

        def batch_write_item(self, RequestItems: dict[str, Any]) -> Any:  # noqa: N803 - AWS's name
            self.calls += 1
            batch = RequestItems[TABLE_NAME]
            dynamodb.batch_write_item(RequestItems={TABLE_NAME: batch[:1]})
            return {"UnprocessedItems": {TABLE_NAME: batch[1:]} if batch[1:] else {}}

    client = Throttled()
    table = Connections(client, TABLE_NAME, pause=lambda _seconds: None)
    table.open(connection("c1", "entity/e1", "entity/e2"))
    assert client.calls == 3
    assert len(all_items(dynamodb)) == 3
    table.delete("c1")
    assert all_items(dynamodb) == []
    assert client.calls == 5


def test_a_push_that_comes_while_a_connection_opens_does_not_forget_it(dynamodb: Any) -> None:
    class Pushed:
        """A client between whose writes an update finds the connection gone: its `$connect` is not over."""

        def __getattr__(self, name: str) -> Any:
            return getattr(dynamodb, name)

        def batch_write_item(self, RequestItems: dict[str, Any]) -> Any:  # noqa: N803 - AWS's name
            for request in reversed(RequestItems[TABLE_NAME]):  # in whatever order DynamoDB likes
                dynamodb.batch_write_item(RequestItems={TABLE_NAME: [request]})
                other = Connections(dynamodb, TABLE_NAME)
                pages = each(Subscribers(TABLE_NAME).pages("entity/e1"), one_by_one(dynamodb))
                found = [name for page in pages for name in page.subscribers]
                assert other.forget(found, "entity/e1", opened_before=CONNECTED_AT - 29_000) == found
            return {}

    opened = connection("c1", "entity/e1", "user/alice")
    Connections(Pushed(), TABLE_NAME).open(opened)
    assert len(all_items(dynamodb)) == 3

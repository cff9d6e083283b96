from typing import Any

import pytest
from botocore.exceptions import ClientError
from entity_push.table.attempts import StillConflictingError
from entity_push.table.subscriptions import (
    Connection,
    ConnectionGoneError,
    Subscriptions,
    TooManySubscriptionsError,
)

from tests.unit.conftest import TABLE_NAME, all_items

CONNECTED_AT = 1_700_000_000_123
TTL = "1700007800"  # 2 h and 10 minutes later


def connect(table: Subscriptions, connection_id: str) -> None:
    table.put_connection(Connection(connection_id, CONNECTED_AT, "192.0.2.1", "wscat"))


def subscribe(table: Subscriptions, connection_id: str, channel: str, limit: int = 3) -> bool:
    return table.subscribe(connection_id, channel, connected_at=CONNECTED_AT, limit=limit)


def subscribers(table: Subscriptions, channel: str) -> list[str]:
    return [connection_id for page in table.subscribers(channel) for connection_id in page.connection_ids]


def test_items_are_as_documented(table: Subscriptions, dynamodb: Any) -> None:
    connect(table, "c1")
    subscribe(table, "c1", "entity/e1")
    assert all_items(dynamodb) == [
        {"pk": "CHANNEL#entity/e1", "sk": "SUBSCRIBER#c1", "ttl": TTL},
        {
            "pk": "CONNECTION#c1",
            "sk": "CONNECTION",
            "connectedAt": str(CONNECTED_AT),
            "ipAddress": "192.0.2.1",
            "userAgent": "wscat",
            "channels": ["entity/e1"],
            "ttl": TTL,
        },
    ]


def test_subscribing_twice_changes_nothing_and_says_so(table: Subscriptions, dynamodb: Any) -> None:
    connect(table, "c1")
    assert subscribe(table, "c1", "entity/e1") is False
    before = all_items(dynamodb)
    assert subscribe(table, "c1", "entity/e1") is True
    assert all_items(dynamodb) == before


def test_a_connection_that_is_gone_leaves_no_item(table: Subscriptions, dynamodb: Any) -> None:
    with pytest.raises(ConnectionGoneError):
        subscribe(table, "c1", "entity/e1")
    assert all_items(dynamodb) == []


def test_the_limit_holds_and_what_is_there_may_be_repeated(table: Subscriptions) -> None:
    connect(table, "c1")
    subscribe(table, "c1", "entity/e1", limit=2)
    subscribe(table, "c1", "entity/e2", limit=2)
    with pytest.raises(TooManySubscriptionsError):
        subscribe(table, "c1", "entity/e3", limit=2)
    assert subscribe(table, "c1", "entity/e2", limit=2) is True
    assert subscribers(table, "entity/e3") == []
    table.unsubscribe("c1", "entity/e1")
    assert subscribe(table, "c1", "entity/e3", limit=2) is False


def test_unsubscribing_ends_it_and_says_whether_there_was_one(table: Subscriptions) -> None:
    connect(table, "c1")
    subscribe(table, "c1", "entity/e1")
    assert table.unsubscribe("c1", "entity/e1") is True
    assert table.unsubscribe("c1", "entity/e1") is False
    assert table.unsubscribe("nobody", "entity/e1") is False
    assert subscribers(table, "entity/e1") == []


def test_disconnecting_removes_every_item(table: Subscriptions, dynamodb: Any) -> None:
    for connection_id in ("c1", "c2"):
        connect(table, connection_id)
        for number in range(60):  # more than two batches of deletes
            subscribe(table, connection_id, f"entity/e{number}", limit=100)
    table.delete_connection("c1")
    assert {item["sk"] for item in all_items(dynamodb)} == {"CONNECTION", "SUBSCRIBER#c2"}
    table.delete_connection("c1")
    table.delete_connection("c2")
    assert all_items(dynamodb) == []


def test_forgetting_removes_the_gone_and_what_was_left_behind(table: Subscriptions, dynamodb: Any) -> None:
    gone = [f"c{number}" for number in range(130)]  # more than one batch of reads
    for connection_id in [*gone, "stays"]:
        connect(table, connection_id)
        subscribe(table, connection_id, "entity/e1")
        subscribe(table, connection_id, "entity/e2")
    dynamodb.delete_item(TableName=TABLE_NAME, Key={"pk": {"S": "CONNECTION#c0"}, "sk": {"S": "CONNECTION"}})
    assert table.forget([*gone, "never was"], "entity/e1", opened_before=CONNECTED_AT + 1) == []
    # Only what nothing names any more is left: c0's other subscription, until a push to it or its ttl.
    left = [(item["pk"], item["sk"]) for item in all_items(dynamodb) if "stays" not in str(item)]
    assert left == [("CHANNEL#entity/e2", "SUBSCRIBER#c0")]


def test_a_connection_that_may_still_be_opening_is_not_forgotten(table: Subscriptions, dynamodb: Any) -> None:
    connect(table, "c1")
    subscribe(table, "c1", "entity/e1")
    before = all_items(dynamodb)
    assert table.forget(["c1"], "entity/e1", opened_before=CONNECTED_AT) == ["c1"]
    assert all_items(dynamodb) == before


def test_subscribers_are_those_of_the_channel_alone(table: Subscriptions) -> None:
    for connection_id in ("c1", "c2", "c3"):
        connect(table, connection_id)
    subscribe(table, "c1", "entity/e1")
    subscribe(table, "c2", "entity/e1")
    subscribe(table, "c3", "entity/e1/x")
    assert subscribers(table, "entity/e1") == ["c1", "c2"]


def test_2500_subscribers_are_read_over_more_than_one_page(table: Subscriptions, dynamodb: Any) -> None:
    # 2,500 items of over 420 bytes are more than the 1 MB that one Query returns.
    ids = [f"{number:04}{'x' * 400}" for number in range(2500)]
    for start in range(0, len(ids), 25):
        puts = [
            {"PutRequest": {"Item": {"pk": {"S": "CHANNEL#entity/e1"}, "sk": {"S": f"SUBSCRIBER#{name}"}}}}
            for name in ids[start : start + 25]
        ]
        dynamodb.batch_write_item(RequestItems={TABLE_NAME: puts})
    pages = list(table.subscribers("entity/e1"))
    assert len(pages) > 1
    assert [connection_id for page in pages for connection_id in page.connection_ids] == ids
    assert [page.last for page in pages] == [False] * (len(pages) - 1) + [True]


class Conflicting:
    """A DynamoDB client whose first calls meet another transaction."""

    def __init__(self, client: Any, conflicts: int):
        self.client, self.conflicts = client, conflicts

    def __getattr__(self, name: str) -> Any:
        call = getattr(self.client, name)
        if name not in ("transact_write_items", "delete_item"):
            return call

        def conflicting(**parameters: Any) -> Any:
            self.conflicts -= 1
            if self.conflicts < 0:
                return call(**parameters)
            if name == "delete_item":
                raise ClientError({"Error": {"Code": "TransactionConflictException"}}, name)
            raise ClientError(
                {
                    "Error": {"Code": "TransactionCanceledException"},
                    "CancellationReasons": [{"Code": "None"}, {"Code": "TransactionConflict"}],
                },
                name,
            )

        return conflicting


def test_conflicts_with_other_writers_are_tried_again(dynamodb: Any) -> None:
    pauses: list[float] = []
    client = Conflicting(dynamodb, 3)
    table = Subscriptions(client, TABLE_NAME, pause=pauses.append)
    connect(table, "c1")
    assert subscribe(table, "c1", "entity/e1") is False
    assert len(pauses) == 3
    client.conflicts = 3
    table.delete_connection("c1")
    assert all_items(dynamodb) == []


def test_a_conflict_that_does_not_end_is_an_error(dynamodb: Any) -> None:
    table = Subscriptions(Conflicting(dynamodb, 1000), TABLE_NAME, pause=lambda _seconds: None)
    connect(table, "c1")
    with pytest.raises(StillConflictingError):
        subscribe(table, "c1", "entity/e1")


def test_deletes_that_were_not_processed_are_sent_again(dynamodb: Any) -> None:
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
    table = Subscriptions(client, TABLE_NAME, pause=lambda _seconds: None)
    connect(table, "c1")
    for number in range(3):
        subscribe(table, "c1", f"entity/e{number}")
    table.delete_connection("c1")
    assert all_items(dynamodb) == []
    assert client.calls == 3

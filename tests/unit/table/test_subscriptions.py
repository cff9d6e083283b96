from typing import Any

import pytest
from botocore.exceptions import ClientError
from entity_push.auth.bearer import ANONYMOUS
from entity_push.table.conflicts import StillConflictingError
from entity_push.table.connections import Connection, Connections
from entity_push.table.subscribers import Subscribers
from entity_push.table.subscriptions import (
    ConnectionGoneError,
    Subscriptions,
    TooManySubscriptionsError,
)

from tests.one_by_one import one_by_one
from tests.unit.conftest import TABLE_NAME, all_items

CONNECTED_AT = 1_700_000_000_123
TTL = "1700007800"  # 2 h and 10 minutes later


def connect(dynamodb: Any, connection_id: str) -> None:
    connection = Connection(connection_id, CONNECTED_AT, "192.0.2.1", "wscat", ANONYMOUS)
    Connections(dynamodb, TABLE_NAME).open(connection)


def subscribe(table: Subscriptions, connection_id: str, channel: str, limit: int = 3) -> bool:
    return table.subscribe(connection_id, channel, ends=int(TTL), limit=limit)


def subscribers(dynamodb: Any, channel: str) -> list[str]:
    pages = Subscribers(one_by_one(dynamodb), TABLE_NAME).pages(channel)
    return [name for page in pages for name in page.subscribers]


def test_items_are_as_documented(table: Subscriptions, dynamodb: Any) -> None:
    connect(dynamodb, "c1")
    subscribe(table, "c1", "entity/e1")
    assert all_items(dynamodb) == [
        {"pk": "CHANNEL#entity/e1", "sk": "SUBSCRIBER#c1", "ttl": TTL},
        {
            "pk": "CONNECTION#c1",
            "sk": "CONNECTION",
            "connectedAt": str(CONNECTED_AT),
            "ipAddress": "192.0.2.1",
            "userAgent": "wscat",
            "grants": '{"subscribe":["*"],"publish":["*"]}',
            "channels": ["entity/e1"],
            "ttl": TTL,
        },
    ]


def test_subscribing_twice_changes_nothing_and_says_so(table: Subscriptions, dynamodb: Any) -> None:
    connect(dynamodb, "c1")
    assert subscribe(table, "c1", "entity/e1") is False
    before = all_items(dynamodb)
    assert subscribe(table, "c1", "entity/e1") is True
    assert all_items(dynamodb) == before


def test_a_connection_that_is_gone_leaves_no_item(table: Subscriptions, dynamodb: Any) -> None:
    with pytest.raises(ConnectionGoneError):
        subscribe(table, "c1", "entity/e1")
    assert all_items(dynamodb) == []


def test_the_limit_holds_and_what_is_there_may_be_repeated(table: Subscriptions, dynamodb: Any) -> None:
    connect(dynamodb, "c1")
    subscribe(table, "c1", "entity/e1", limit=2)
    subscribe(table, "c1", "entity/e2", limit=2)
    with pytest.raises(TooManySubscriptionsError):
        subscribe(table, "c1", "entity/e3", limit=2)
    assert subscribe(table, "c1", "entity/e2", limit=2) is True
    assert subscribers(dynamodb, "entity/e3") == []
    table.unsubscribe("c1", "entity/e1")
    assert subscribe(table, "c1", "entity/e3", limit=2) is False


def test_unsubscribing_ends_it_and_says_whether_there_was_one(table: Subscriptions, dynamodb: Any) -> None:
    connect(dynamodb, "c1")
    subscribe(table, "c1", "entity/e1")
    assert table.unsubscribe("c1", "entity/e1") is True
    assert table.unsubscribe("c1", "entity/e1") is False
    assert table.unsubscribe("nobody", "entity/e1") is False
    assert subscribers(dynamodb, "entity/e1") == []


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
    connect(dynamodb, "c1")
    assert subscribe(table, "c1", "entity/e1") is False
    assert len(pauses) == 3
    client.conflicts = 3
    Connections(client, TABLE_NAME, pause=pauses.append).delete("c1")
    assert all_items(dynamodb) == []


def test_a_conflict_that_does_not_end_is_an_error(dynamodb: Any) -> None:
    table = Subscriptions(Conflicting(dynamodb, 1000), TABLE_NAME, pause=lambda _seconds: None)
    connect(dynamodb, "c1")
    with pytest.raises(StillConflictingError):
        subscribe(table, "c1", "entity/e1")

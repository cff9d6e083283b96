"""Every message route's handler, from API Gateway's event to its response."""

import importlib
import json
from collections.abc import Callable
from typing import Any

import pytest
from entity_push import aws
from entity_push.table.subscriptions import Connection, Subscriptions

from tests.unit.conftest import all_items

Send = Callable[..., dict[str, Any]]


@pytest.fixture
def send(dynamodb: Any, monkeypatch: pytest.MonkeyPatch) -> Send:
    """Send a frame, as text or as what becomes JSON, to a route's handler; return its answer."""
    monkeypatch.setattr(aws, "client", lambda _service: dynamodb)

    def send(module: str, frame: Any, connection_id: str = "c1") -> dict[str, Any]:
        event = {
            "requestContext": {"connectionId": connection_id, "connectedAt": 1_700_000_000_123},
            "body": frame if isinstance(frame, str) else json.dumps(frame),
        }
        response = importlib.reload(importlib.import_module(module)).handler(event, None)
        assert response["statusCode"] == 200
        answer: dict[str, Any] = json.loads(response["body"])
        return answer

    return send


@pytest.fixture
def connected(table: Subscriptions) -> Subscriptions:
    table.put_connection(Connection("c1", 1_700_000_000_123, "192.0.2.1", "wscat"))
    return table


@pytest.mark.usefixtures("connected")
def test_subscribe_and_unsubscribe_are_acknowledged(send: Send) -> None:
    frame = {"action": "subscribe", "entityId": "e1", "requestId": "r1"}
    expected = {
        "type": "subscribed",
        "entityId": "e1",
        "alreadySubscribed": False,
        "requestId": "r1",
        **{"recovered": False, "updates": [], "more": False, "latest": None},
    }
    answer = send("subscribe", frame)
    cursor = answer.pop("cursor")
    assert cursor.endswith(".0")
    assert answer == expected
    again = send("subscribe", {**frame, "since": cursor})
    assert again == {**expected, "alreadySubscribed": True, "cursor": cursor, "recovered": True}
    frame = {"action": "unsubscribe", "entityId": "e1"}
    expected = {"type": "unsubscribed", "entityId": "e1", "wasSubscribed": True}
    assert send("unsubscribe", frame) == expected
    assert send("unsubscribe", frame) == {**expected, "wasSubscribed": False}


def test_a_connection_that_is_gone_gets_a_code_and_leaves_no_item(send: Send, dynamodb: Any) -> None:
    answer = send("subscribe", {"action": "subscribe", "entityId": "e1"})
    assert answer["code"] == "connection_gone"
    assert all_items(dynamodb) == []


@pytest.mark.usefixtures("connected")
def test_the_limit_of_subscriptions_has_a_code(send: Send) -> None:
    for number in range(3):
        send("subscribe", {"action": "subscribe", "entityId": f"e{number}"})
    answer = send("subscribe", {"action": "subscribe", "entityId": "e3"})
    assert answer["code"] == "too_many_subscriptions"
    assert "at most 3" in answer["message"]


@pytest.mark.parametrize("module", ["subscribe", "unsubscribe"])
@pytest.mark.parametrize("fields", [{}, {"entityId": None}, {"entityId": "a b"}, {"entityId": ["e1"]}])
def test_an_unusable_entity_id_has_a_code_and_changes_nothing(
    send: Send, connected: Subscriptions, dynamodb: Any, module: str, fields: dict[str, Any]
) -> None:
    before = all_items(dynamodb)
    answer = send(module, {"action": module, "requestId": 5, **fields})
    assert answer["type"] == "error"
    assert answer["code"] == "invalid_entity_id"
    assert answer["requestId"] == 5
    assert all_items(dynamodb) == before
    assert connected is not None


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        ("hello", "invalid_json"),
        ("[1]", "invalid_frame"),
        ({"requestId": []}, "invalid_request_id"),
        ({"hello": 1}, "missing_action"),
        ({"action": "fly"}, "unknown_action"),
        ({"action": None}, "unknown_action"),
    ],
)
def test_default_says_what_is_wrong(send: Send, frame: Any, code: str) -> None:
    answer = send("default", frame)
    assert (answer["type"], answer["code"]) == ("error", code)


def test_a_failure_of_ours_is_an_error_frame_too(send: Send, dynamodb: Any) -> None:
    dynamodb.delete_table(TableName="table")
    answer = send("subscribe", {"action": "subscribe", "entityId": "e1", "requestId": "r1"})
    assert answer["code"] == "internal_error"
    assert answer["requestId"] == "r1"


def test_connect_and_disconnect(dynamodb: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aws, "client", lambda _service: dynamodb)
    context = {
        "connectionId": "c1",
        "connectedAt": 1_700_000_000_123,
        "identity": {"sourceIp": "192.0.2.1", "userAgent": "wscat"},
    }
    connect = importlib.reload(importlib.import_module("connect")).handler
    event = {"requestContext": context, "headers": {"Sec-WebSocket-Protocol": "websocket"}}
    assert connect(event, None) == {"statusCode": 200, "headers": {"Sec-WebSocket-Protocol": "websocket"}}
    assert connect({"requestContext": context, "headers": {}}, None) == {"statusCode": 200, "headers": {}}
    assert [item["pk"] for item in all_items(dynamodb)] == ["CONNECTION#c1"]
    disconnect = importlib.reload(importlib.import_module("disconnect")).handler
    assert disconnect({"requestContext": context}, None) == {"statusCode": 200}
    assert all_items(dynamodb) == []

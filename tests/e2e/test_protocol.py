"""What clients may send, and what they get for it."""

import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed

from stacks.settings import Settings
from tests.e2e.client import Client
from tests.e2e.conftest import App, eventually

Connect = Callable[..., Client]

LARGEST = Settings().client_frame_kilobytes * 1024


@pytest.mark.parametrize(
    ("offered", "chosen"), [((), None), (("websocket",), "websocket"), (("mqtt", "websocket"), "websocket")]
)
def test_the_known_subprotocol_is_echoed(
    connect: Connect, offered: tuple[str, ...], chosen: str | None
) -> None:
    assert connect(*offered).socket.subprotocol == chosen


def test_an_unknown_subprotocol_is_not_echoed(connect: Connect) -> None:
    assert connect("mqtt").socket.subprotocol is None


def test_connecting_and_leaving_writes_and_removes_every_item(app: App) -> None:
    eventually(lambda: not app.items())  # the tests before have left
    # The token outlives the connection, which nobody therefore has to close.
    with app.client(user="alice", minutes=180) as client:
        by_connecting = len(app.items())
        for number in range(30):
            client.subscribe(f"many/{number}")
        assert len(app.items()) == by_connecting + 30
        connection = next(item for item in app.items() if "channels" in item)
        assert len(connection["channels"]["SS"]) == len(app.items()) - 1
        assert connection["userId"]["S"] == "alice"
        assert connection["ipAddress"]["S"] == "127.0.0.1"
        assert int(connection["ttl"]["N"]) - int(connection["connectedAt"]["N"]) // 1000 == 2 * 3600 + 600
    eventually(lambda: not app.items())


def test_subscribing_twice_and_unsubscribing_twice_say_so(connect: Connect) -> None:
    client = connect()
    frame: dict[str, Any] = {"action": "subscribe", "entityId": "new", "requestId": "r1"}
    expected = {
        **{"type": "subscribed", "entityId": "new", "alreadySubscribed": False, "requestId": "r1"},
        **{"recovered": False, "updates": [], "more": False, "latest": None},
    }
    answer = client.ask(frame)
    cursor = answer.pop("cursor")
    assert answer == expected
    again = client.ask({**frame, "since": cursor})
    assert again == {**expected, "alreadySubscribed": True, "cursor": cursor, "recovered": True}
    frame = {"action": "unsubscribe", "entityId": "new", "requestId": 2}
    assert client.ask(frame)["wasSubscribed"] is True
    answer = client.ask(frame)
    assert answer == {"type": "unsubscribed", "entityId": "new", "wasSubscribed": False, "requestId": 2}


def test_ping_is_answered(connect: Connect) -> None:
    assert connect().ask({"action": "ping"}) == {"type": "pong"}


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        ("hello", "invalid_json"),
        ("", "invalid_json"),
        ("[]", "invalid_frame"),
        ({}, "missing_action"),
        ({"action": "fly"}, "unknown_action"),
        ({"action": "subscribe"}, "invalid_entity_id"),
        ({"action": "subscribe", "entityId": "a\nb"}, "invalid_entity_id"),
        ({"action": "unsubscribe", "entityId": 7}, "invalid_entity_id"),
        ({"action": "subscribe", "entityId": "e1", "requestId": {}}, "invalid_request_id"),
        ({"action": "subscribe", "entityId": "e1", "since": "yesterday"}, "invalid_cursor"),
        ({"action": "subscribe", "entityId": "e1", "since": 7}, "invalid_cursor"),
    ],
    ids=str,
)
def test_bad_frames_get_a_code_and_the_connection_lives(connect: Connect, frame: Any, code: str) -> None:
    client = connect()
    answer = client.ask(frame)
    assert (answer["type"], answer["code"]) == ("error", code)
    assert client.ask({"action": "ping"}) == {"type": "pong"}


def test_an_errors_request_id_is_the_frames(connect: Connect) -> None:
    assert connect().ask({"action": "fly", "requestId": "r9"})["requestId"] == "r9"


@pytest.mark.parametrize(("frame", "close_code"), [(b"\x00\x01", 1003), ("x" * (128 * 1024 + 1), 1009)])
def test_frames_that_api_gateway_does_not_take_close_the_connection(
    connect: Connect, frame: str | bytes, close_code: int
) -> None:
    client = connect()
    client.send(frame)
    with pytest.raises(ConnectionClosed) as closed:
        client.receive()
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == close_code


@pytest.mark.parametrize(
    ("size", "code"),
    [(LARGEST, "unknown_action"), (LARGEST + 1, "frame_too_large"), (128 * 1024, "frame_too_large")],
)
def test_the_largest_message_is_taken_and_a_larger_one_answered(
    connect: Connect, size: int, code: str
) -> None:
    frame = json.dumps({"action": "fly", "padding": ""})
    message = frame[:-2] + "x" * (size - len(frame)) + '"}'
    client = connect()
    # In WebSocket frames of 32 KB, the most that API Gateway takes in one.
    client.socket.send(message[start : start + 32 * 1024] for start in range(0, len(message), 32 * 1024))
    assert client.receive()["code"] == code
    assert client.ask({"action": "ping"}) == {"type": "pong"}


def test_subscribing_on_a_connection_that_is_gone_is_refused_and_leaves_no_item(
    app: App, connect: Connect
) -> None:
    client = connect()
    client.subscribe("gone/1")
    connection = next(item for item in app.items() if "entity/gone/1" in str(item.get("channels")))
    dynamodb: Any = app.aws.client("dynamodb")
    key = {"pk": connection["pk"], "sk": connection["sk"]}
    dynamodb.delete_item(TableName=app.outputs.table_name, Key=key)
    assert client.ask({"action": "subscribe", "entityId": "gone/2"})["code"] == "connection_gone"
    assert "gone/2" not in str(app.items())
    # What it has besides goes as it closes.
    connection["channels"]["SS"].remove("entity/gone/1")
    dynamodb.put_item(TableName=app.outputs.table_name, Item=connection)
    client.socket.close()

    def repaired() -> bool:
        """What this test broke, the next push to the channel repairs, once the connection is closed."""
        app.put_event({"entityId": "gone/1"})
        time.sleep(0.5)
        return "gone/1" not in str(app.items())

    eventually(repaired)

from typing import Any

import pytest
from entity_push.handshake import accepted_subprotocol, connection_of
from entity_push.table.subscriptions import Connection

CONTEXT: dict[str, Any] = {
    "connectionId": "L0SM9cOFvHcCIhw=",
    "connectedAt": 1_700_000_000_123,
    "identity": {"sourceIp": "192.0.2.1", "userAgent": "wscat"},
}


def test_the_connection_is_read_from_the_event() -> None:
    assert connection_of({"requestContext": CONTEXT}) == Connection(
        "L0SM9cOFvHcCIhw=", 1_700_000_000_123, "192.0.2.1", "wscat"
    )


def test_a_client_without_user_agent_is_fine() -> None:
    context = {**CONTEXT, "identity": {"sourceIp": "192.0.2.1", "userAgent": None}}
    assert connection_of({"requestContext": context}).user_agent == ""


def test_repeated_lines_of_the_header_are_all_read() -> None:
    lines = {"Sec-WebSocket-Protocol": ["websocket", "mqtt"]}
    event = {"headers": {"Sec-WebSocket-Protocol": "mqtt"}, "multiValueHeaders": lines}
    assert accepted_subprotocol(event) == "websocket"


@pytest.mark.parametrize(
    ("headers", "accepted"),
    [
        ({"Sec-WebSocket-Protocol": "websocket"}, "websocket"),
        ({"sec-websocket-protocol": "websocket"}, "websocket"),
        ({"Sec-WebSocket-Protocol": "mqtt, websocket"}, "websocket"),
        ({"Sec-WebSocket-Protocol": "mqtt"}, None),
        ({"Sec-WebSocket-Protocol": "WebSocket"}, None),
        ({}, None),
        (None, None),
    ],
)
def test_only_the_known_subprotocol_is_accepted(headers: Any, accepted: str | None) -> None:
    assert accepted_subprotocol({"headers": headers}) == accepted

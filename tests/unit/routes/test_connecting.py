from typing import Any

import pytest
from entity_push.auth.bearer import ANONYMOUS, Bearer
from entity_push.auth.grants import Grants
from entity_push.routes.connecting import accepted_subprotocol, connection_of
from entity_push.table.connections import Connection

CONTEXT: dict[str, Any] = {
    "connectionId": "L0SM9cOFvHcCIhw=",
    "connectedAt": 1_700_000_000_123,
    "identity": {"sourceIp": "192.0.2.1", "userAgent": "wscat"},
}


BEARER = Bearer("alice", Grants(("orders/*",)), 1_700_003_600)


def test_the_connection_and_its_bearer_are_read_from_the_event() -> None:
    event = {"requestContext": {**CONTEXT, "authorizer": {**BEARER.to_context(), "principalId": "alice"}}}
    assert connection_of(event, anybody=False) == Connection(
        "L0SM9cOFvHcCIhw=",
        1_700_000_000_123,
        "192.0.2.1",
        "wscat",
        BEARER,
        frozenset(("user/alice",)),
    )


def test_a_client_without_user_agent_is_fine() -> None:
    context = {**CONTEXT, "identity": {"sourceIp": "192.0.2.1", "userAgent": None}}
    assert connection_of({"requestContext": context}, anybody=True).user_agent == ""


def test_without_authorization_nobody_has_a_name() -> None:
    event = {"requestContext": {**CONTEXT, "authorizer": BEARER.to_context()}}
    connection = connection_of(event, anybody=True)
    assert (connection.bearer, connection.channels) == (ANONYMOUS, frozenset())


@pytest.mark.parametrize("authorizer", [{}, {"principalId": "alice"}, {**BEARER.to_context(), "grants": "*"}])
def test_what_did_not_come_through_the_authorizer_opens_nothing(authorizer: Any) -> None:
    with pytest.raises((KeyError, ValueError)):
        connection_of({"requestContext": {**CONTEXT, "authorizer": authorizer}}, anybody=False)
    with pytest.raises(KeyError):
        connection_of({"requestContext": CONTEXT}, anybody=False)


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


def test_a_token_after_the_subprotocol_is_not_echoed() -> None:
    assert accepted_subprotocol({"headers": {"Sec-WebSocket-Protocol": "websocket, t.o.k"}}) == "websocket"


def test_of_a_long_user_agent_the_start_is_kept() -> None:
    context = {**CONTEXT, "identity": {"sourceIp": "192.0.2.1", "userAgent": "x" + "ü" * 9000}}
    assert connection_of({"requestContext": context}, anybody=True).user_agent == "x" + "ü" * 255

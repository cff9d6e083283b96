from typing import Any

import pytest
from entity_push.auth.bearer import ANONYMOUS, Bearer
from entity_push.auth.grants import Grants
from entity_push.auth.handshake import MAX_TOKEN_LENGTH, accepted_subprotocol, access_token, connection_of
from entity_push.auth.refusals import Refusal, RefusedTokenError
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


def handshake(*lines: tuple[str, str], query: tuple[str, ...] = ()) -> dict[str, Any]:
    """Return what API Gateway makes of header lines and `access_token` parameters."""
    repeated: dict[str, list[str]] = {}
    for name, value in lines:
        repeated.setdefault(name, []).append(value)
    return {
        "headers": dict(lines) or None,
        "multiValueHeaders": repeated or None,
        "queryStringParameters": {"access_token": query[-1]} if query else None,
        "multiValueQueryStringParameters": {"access_token": list(query)} if query else None,
    }


PROTOCOL = "Sec-WebSocket-Protocol"


@pytest.mark.parametrize(
    "event",
    [
        handshake(("Authorization", "Bearer t.o.k")),
        handshake(("authorization", "bearer   t.o.k ")),
        handshake(("AUTHORIZATION", "BEARER t.o.k"), (PROTOCOL, "websocket")),
        handshake(("Authorization", "Basic YTpi"), ("Authorization", "Bearer t.o.k")),
        handshake((PROTOCOL, "websocket, t.o.k")),
        handshake((PROTOCOL, "websocket,t.o.k")),
        handshake((PROTOCOL, "websocket"), (PROTOCOL, "t.o.k")),
        handshake((PROTOCOL.lower(), "websocket"), (PROTOCOL.lower(), "t.o.k")),
        handshake((PROTOCOL, "websocket, t.o.k"), ("Authorization", "Basic YTpi")),
        handshake(query=("t.o.k",)),
        handshake((PROTOCOL, "websocket"), ("Authorization", "Basic YTpi"), query=("t.o.k",)),
        handshake((PROTOCOL, "mqtt, wamp"), query=("t.o.k",)),
        {"headers": {"Authorization": "Bearer t.o.k"}},
        {"queryStringParameters": {"access_token": "t.o.k"}},
    ],
)
def test_each_place_of_a_token_is_enough(event: dict[str, Any]) -> None:
    assert access_token(event) == "t.o.k"


@pytest.mark.parametrize(
    ("event", "why"),
    [
        ({}, Refusal.NO_TOKEN),
        (handshake(), Refusal.NO_TOKEN),
        (handshake(("Authorization", "Basic YTpi")), Refusal.NO_TOKEN),
        (handshake(("Authorization", "BearerX t.o.k")), Refusal.NO_TOKEN),
        (handshake(("Authorization", "Bearer")), Refusal.NO_TOKEN),
        (handshake(("Authorization", "t.o.k")), Refusal.NO_TOKEN),
        (handshake(("X-Authorization", "Bearer t.o.k")), Refusal.NO_TOKEN),
        (handshake((PROTOCOL, "websocket")), Refusal.NO_TOKEN),
        (handshake((PROTOCOL, "websocket,")), Refusal.NO_TOKEN),
        (handshake((PROTOCOL, "t.o.k")), Refusal.NO_TOKEN),
        (handshake((PROTOCOL, "t.o.k, websocket")), Refusal.NO_TOKEN),
        (handshake((PROTOCOL, "mqtt, t.o.k")), Refusal.NO_TOKEN),
        (handshake(query=("",)), Refusal.NO_TOKEN),
        ({"queryStringParameters": {"ACCESS_TOKEN": "t.o.k"}}, Refusal.NO_TOKEN),
        (handshake(query=("t.o.k", "t.o.k")), Refusal.SEVERAL_TOKENS),
        (handshake((PROTOCOL, "websocket, t.o.k, t.o.k")), Refusal.SEVERAL_TOKENS),
        (handshake((PROTOCOL, "websocket, t.o.k"), (PROTOCOL, "mqtt")), Refusal.SEVERAL_TOKENS),
        (handshake((PROTOCOL, "mqtt, wamp, stomp"), query=("t.o.k",)), Refusal.SEVERAL_TOKENS),
        (handshake(("Authorization", "Bearer t.o.k"), query=("t.o.k",)), Refusal.SEVERAL_TOKENS),
        (handshake(("Authorization", "Bearer t.o.k"), query=("",)), Refusal.SEVERAL_TOKENS),
        (
            handshake(("Authorization", "Bearer t.o.k"), (PROTOCOL, "websocket, t.o.k")),
            Refusal.SEVERAL_TOKENS,
        ),
        (handshake((PROTOCOL, "websocket, t.o.k"), query=("t.o.k",)), Refusal.SEVERAL_TOKENS),
        (
            handshake(("Authorization", "Bearer t.o.k"), ("Authorization", "Bearer t.o.k")),
            Refusal.SEVERAL_TOKENS,
        ),
        (
            handshake(("Authorization", "Bearer t.o.k"), ("authorization", "Bearer t.o.k")),
            Refusal.SEVERAL_TOKENS,
        ),
        (handshake(query=("t" * (MAX_TOKEN_LENGTH + 1),)), Refusal.TOO_LONG),
    ],
)
def test_no_token_or_more_than_one_is_refused(event: dict[str, Any], why: Refusal) -> None:
    with pytest.raises(RefusedTokenError) as raised:
        access_token(event)
    assert raised.value.reason is why


def test_the_longest_token_is_taken() -> None:
    assert access_token(handshake(query=("t" * MAX_TOKEN_LENGTH,))) == "t" * MAX_TOKEN_LENGTH

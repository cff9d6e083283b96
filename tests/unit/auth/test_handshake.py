from typing import Any

import pytest
from entity_push.auth.handshake import MAX_TOKEN_LENGTH, access_token
from entity_push.auth.refusals import Refusal, RefusedTokenError


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

"""A handshake's token, and the subprotocols that it offers."""

from typing import Any

from entity_push.auth.refusals import Refusal, RefusedTokenError

SUBPROTOCOL = "websocket"

MAX_TOKEN_LENGTH = 8192
"""The longest token, in characters; a longer one is refused unread. All headers together have at most 10,240
bytes ("Amazon API Gateway quotas")."""


def offered_subprotocols(event: dict[str, Any]) -> list[str]:
    """Return the values of `Sec-WebSocket-Protocol`, in the client's order (RFC 6455, 4.1)."""
    return [value.strip() for line in _lines(event, "sec-websocket-protocol") for value in line.split(",")]


def _lines(event: dict[str, Any], name: str) -> list[str]:
    """Return the lines of a header, given in small letters. The event may have any case (RFC 9110, 5.1)."""
    # Of repeated lines, `headers` keeps the last one only.
    headers: dict[str, list[str]] = event.get("multiValueHeaders") or {
        header: [value] for header, value in (event.get("headers") or {}).items()
    }
    return [line for header, lines in headers.items() if header.lower() == name for line in lines]


def access_token(event: dict[str, Any]) -> str:
    """Return the token of a `$connect` event.

    The token has three possible places (RFC 6750, 2), of which a client must use one:

    - `Authorization: Bearer <token>`;
    - `Sec-WebSocket-Protocol: websocket, <token>`, since browsers can't set headers of a WebSocket;
    - `access_token` in the query.

    Raises:
        RefusedTokenError: there is no token, or more than one, or one longer than `MAX_TOKEN_LENGTH`.
    """
    found = [*_authorization(event), *_after_subprotocol(event), *_query(event)]
    if len(found) > 1:
        raise RefusedTokenError(Refusal.SEVERAL_TOKENS)
    if not found or not found[0]:
        raise RefusedTokenError(Refusal.NO_TOKEN)
    if len(found[0]) > MAX_TOKEN_LENGTH:
        raise RefusedTokenError(Refusal.TOO_LONG)
    return found[0]


def _authorization(event: dict[str, Any]) -> list[str]:
    lines = [line.strip().partition(" ") for line in _lines(event, "authorization")]
    return [token.strip() for scheme, _, token in lines if scheme.lower() == "bearer"]


def _after_subprotocol(event: dict[str, Any]) -> list[str]:
    offered = offered_subprotocols(event)
    if len(offered) > 2:
        raise RefusedTokenError(Refusal.SEVERAL_TOKENS)
    return offered[1:] if offered[:1] == [SUBPROTOCOL] else []


def _query(event: dict[str, Any]) -> list[str]:
    # Of repeated parameters, `queryStringParameters` keeps the last one only.
    parameters: dict[str, list[str]] = event.get("multiValueQueryStringParameters") or {
        name: [value] for name, value in (event.get("queryStringParameters") or {}).items()
    }
    return parameters.get("access_token", [])

"""Reading `$connect` events: who connects, with which token, and which subprotocols are offered."""

from typing import Any

from entity_push.auth.bearer import ANONYMOUS, Bearer
from entity_push.auth.refusals import Refusal, RefusedTokenError
from entity_push.protocol.channels import user_channel
from entity_push.table.connections import Connection

SUBPROTOCOL = "websocket"

MAX_TOKEN_LENGTH = 8192
"""Characters; longer ones are not even looked at. (All headers together are 10,240 bytes at the most,
"Amazon API Gateway quotas".)"""


def is_frame(event: dict[str, Any]) -> bool:
    """Tell whether an event is neither a handshake nor a farewell, but a frame that names their route."""
    kind: str | None = event["requestContext"].get("eventType")
    return kind == "MESSAGE"


def connection_of(event: dict[str, Any], *, anybody: bool) -> Connection:
    """Return the connection that a `$connect` event opens.

    Args:
        event: the event.
        anybody: whether the deployment asks for no token. If it does, the bearer is the one whom the
            authorizer has let in, and nobody else.

    Raises:
        KeyError: there was no authorizer, although the deployment asks for a token.
        ValueError: what the authorizer says is not usable.
    """
    context = event["requestContext"]
    identity = context.get("identity", {})
    bearer = ANONYMOUS if anybody else Bearer.from_context(context["authorizer"])
    return Connection(
        connection_id=context["connectionId"],
        connected_at=int(context["connectedAt"]),
        ip_address=identity.get("sourceIp") or "",
        user_agent=identity.get("userAgent") or "",
        bearer=bearer,
        channels=frozenset() if bearer.user_id is None else frozenset((user_channel(bearer.user_id),)),
    )


def query_parameter(event: dict[str, Any], name: str) -> str | None:
    """Return a parameter of the URL that the client connects to; of a repeated one, the last."""
    value: str | None = (event.get("queryStringParameters") or {}).get(name)
    return value


def offered_subprotocols(event: dict[str, Any]) -> list[str]:
    """Return the values of `Sec-WebSocket-Protocol`, in the client's order (RFC 6455, 4.1)."""
    return [value.strip() for line in _lines(event, "sec-websocket-protocol") for value in line.split(",")]


def _lines(event: dict[str, Any], name: str) -> list[str]:
    """Return the lines of a header; its name, in small letters, may be written in any way (RFC 9110, 5.1)."""
    # `headers` keeps the last of repeated lines only.
    headers: dict[str, list[str]] = event.get("multiValueHeaders") or {
        header: [value] for header, value in (event.get("headers") or {}).items()
    }
    return [line for header, lines in headers.items() if header.lower() == name for line in lines]


def accepted_subprotocol(event: dict[str, Any]) -> str | None:
    """Return the one subprotocol to echo, or None.

    An offered one that the server does not speak must not be echoed, and a browser that offered any
    closes the connection unless exactly one of them is (RFC 6455, 4.1 and 4.2.2).
    """
    return SUBPROTOCOL if SUBPROTOCOL in offered_subprotocols(event) else None


def access_token(event: dict[str, Any]) -> str:
    """Return the token of a `$connect` event.

    It is in `Authorization: Bearer <token>`; or, since browsers can't set headers of a WebSocket, after
    `websocket` in `Sec-WebSocket-Protocol: websocket, <token>`; or in the query as `access_token`
    (RFC 6750, 2). A client must not use more than one of them.

    Raises:
        RefusedTokenError: there is no token, or more than one, or one that is longer than any of ours.
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
    # `queryStringParameters` keeps the last of repeated parameters only.
    parameters: dict[str, list[str]] = event.get("multiValueQueryStringParameters") or {
        name: [value] for name, value in (event.get("queryStringParameters") or {}).items()
    }
    return parameters.get("access_token", [])

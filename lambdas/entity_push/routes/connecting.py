"""The events of `$connect` and `$disconnect`: the connection, its bearer, its subprotocol."""

from typing import Any

from entity_push.auth.bearer import ANONYMOUS, Bearer
from entity_push.auth.handshake import SUBPROTOCOL, offered_subprotocols
from entity_push.protocol.channels import user_channel
from entity_push.table.connections import Connection

MAX_USER_AGENT_BYTES = 512
"""What is kept of a User-Agent: each frame reads the connection's item, and a subscribe writes it anew."""


def is_frame(event: dict[str, Any]) -> bool:
    """Tell whether an event is a frame that names the route `$connect` or `$disconnect`."""
    kind: str | None = event["requestContext"].get("eventType")
    return kind == "MESSAGE"


def connection_of(event: dict[str, Any], *, anybody: bool) -> Connection:
    """Return the connection that a `$connect` event opens.

    Args:
        event: the event.
        anybody: whether the deployment asks for no token. Otherwise the authorizer names the bearer.

    Raises:
        KeyError: the event has no authorizer's context, although the deployment asks for a token.
        ValueError: the authorizer's context is not usable.
    """
    context = event["requestContext"]
    identity = context.get("identity", {})
    bearer = ANONYMOUS if anybody else Bearer.from_context(context["authorizer"])
    return Connection(
        connection_id=context["connectionId"],
        connected_at=int(context["connectedAt"]),
        ip_address=identity.get("sourceIp") or "",
        user_agent=_start(identity.get("userAgent") or ""),
        bearer=bearer,
        channels=frozenset() if bearer.user_id is None else frozenset((user_channel(bearer.user_id),)),
    )


def _start(user_agent: str) -> str:
    return user_agent.encode(errors="ignore")[:MAX_USER_AGENT_BYTES].decode(errors="ignore")


def query_parameter(event: dict[str, Any], name: str) -> str | None:
    """Return a parameter of the URL that the client connects to; the last one if repeated."""
    value: str | None = (event.get("queryStringParameters") or {}).get(name)
    return value


def accepted_subprotocol(event: dict[str, Any]) -> str | None:
    """Return the one subprotocol to echo, or None.

    The server echoes only a subprotocol that it speaks. A browser that offered any closes the connection
    unless exactly one of them is echoed (RFC 6455, 4.1 and 4.2.2).
    """
    return SUBPROTOCOL if SUBPROTOCOL in offered_subprotocols(event) else None

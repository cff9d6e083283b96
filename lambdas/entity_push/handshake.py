"""Reading ``$connect`` events: who connects, and which subprotocols are offered."""

from typing import Any

from entity_push.table.subscriptions import Connection

SUBPROTOCOL = "websocket"


def connection_of(event: dict[str, Any]) -> Connection:
    """Return the connection that a ``$connect`` event opens."""
    context = event["requestContext"]
    identity = context.get("identity", {})
    return Connection(
        connection_id=context["connectionId"],
        connected_at=int(context["connectedAt"]),
        ip_address=identity.get("sourceIp") or "",
        user_agent=identity.get("userAgent") or "",
    )


def offered_subprotocols(event: dict[str, Any]) -> list[str]:
    """Return the values of ``Sec-WebSocket-Protocol``, in the client's order (RFC 6455, 4.1)."""
    # `headers` keeps the last of repeated lines only.
    headers: dict[str, list[str]] = event.get("multiValueHeaders") or {
        name: [value] for name, value in (event.get("headers") or {}).items()
    }
    return [
        value.strip()
        for name, lines in headers.items()
        if name.lower() == "sec-websocket-protocol"
        for line in lines
        for value in line.split(",")
    ]


def accepted_subprotocol(event: dict[str, Any]) -> str | None:
    """Return the one subprotocol to echo, or None.

    An offered one that the server does not speak must not be echoed, and a browser that offered any
    closes the connection unless exactly one of them is (RFC 6455, 4.1 and 4.2.2).
    """
    return SUBPROTOCOL if SUBPROTOCOL in offered_subprotocols(event) else None

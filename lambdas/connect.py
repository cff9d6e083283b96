"""``$connect``: remembers the connection, and echoes the subprotocol ``websocket`` if it was offered."""

from typing import Any

from entity_push import aws
from entity_push.environment import variable
from entity_push.handshake import accepted_subprotocol, connection_of
from entity_push.table.subscriptions import Subscriptions

table = Subscriptions(aws.client("dynamodb"), variable("TABLE_NAME"))


def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    """Accept the connection; an exception here refuses it, and the client sees a 502."""
    table.put_connection(connection_of(event))
    subprotocol = accepted_subprotocol(event)
    headers = {"Sec-WebSocket-Protocol": subprotocol} if subprotocol else {}
    return {"statusCode": 200, "headers": headers}

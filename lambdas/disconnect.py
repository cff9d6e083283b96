"""``$disconnect``: forgets the connection and its subscriptions."""

from typing import Any

from entity_push import aws
from entity_push.environment import variable
from entity_push.table.connections import Connections

table = Connections(aws.client("dynamodb"), variable("TABLE_NAME"))


def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    """Delete every item of the connection that was closed."""
    if event["requestContext"].get("eventType") == "MESSAGE":  # a frame whose action is the route's name
        return {"statusCode": 400}
    table.delete(event["requestContext"]["connectionId"])
    return {"statusCode": 200}

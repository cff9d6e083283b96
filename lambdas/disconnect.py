"""``$disconnect``: forgets the connection and its subscriptions."""

from typing import Any

from entity_push import aws
from entity_push.environment import variable
from entity_push.table.subscriptions import Subscriptions

table = Subscriptions(aws.client("dynamodb"), variable("TABLE_NAME"))


def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    """Delete every item of the connection that was closed."""
    table.delete_connection(event["requestContext"]["connectionId"])
    return {"statusCode": 200}

"""`$disconnect`: forgets the connection and its subscriptions."""

from typing import Any

from entity_push.routes.connecting import is_frame
from entity_push.runtime import aws, invocations
from entity_push.runtime.environment import DisconnectEnvironment
from entity_push.table.connections import Connections

table = Connections(aws.client("dynamodb"), DisconnectEnvironment.read().table_name)


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Delete every item of the connection that was closed."""
    invocations.begin(context)
    if is_frame(event):
        return {"statusCode": 400}
    table.delete(event["requestContext"]["connectionId"])
    return {"statusCode": 200}

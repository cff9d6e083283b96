"""Queue to clients: pushes each update on the queue to its channel's subscribers."""

from typing import Any

from entity_push.posting.deliverer import Deliverer
from entity_push.push.dead_letters import DeadLetters
from entity_push.push.fan_out import FanOut
from entity_push.push.queue import Queue
from entity_push.runtime import aws
from entity_push.runtime.environment import variable
from entity_push.table.connections import Connections
from entity_push.table.dynamodb_client import DynamoDbClient
from entity_push.table.history import History
from entity_push.table.no_history import NoHistory
from entity_push.table.subscribers import Subscribers

sqs = aws.client("sqs")
dynamodb = aws.client("dynamodb")
own_dynamodb = DynamoDbClient(dynamodb.meta.endpoint_url, dynamodb.meta.region_name, aws.credentials)
fan_out = FanOut(
    subscribers=Subscribers(own_dynamodb.queries, variable("TABLE_NAME")),
    connections=Connections(dynamodb, variable("TABLE_NAME")),
    numbers=History.from_environment(own_dynamodb) or NoHistory(dynamodb, variable("TABLE_NAME")),
    deliverer=Deliverer(variable("CALLBACK_URL"), variable("AWS_REGION"), aws.credentials),
    queue=Queue(sqs, variable("QUEUE_URL")),
    dead_letters=DeadLetters(sqs, variable("DEAD_LETTER_QUEUE_URL")),
)


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Push a batch of queue messages; those named in the answer come back (partial batch response)."""
    failed = fan_out.push(event["Records"], seconds=context.get_remaining_time_in_millis() / 1000)
    return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in failed]}

"""Queue to clients: pushes each update on the queue to its channel's subscribers."""

from typing import Any

from entity_push import aws
from entity_push.dead_letters import DeadLetters
from entity_push.delivery import Deliverer
from entity_push.environment import variable
from entity_push.fan_out import FanOut
from entity_push.queue import Queue
from entity_push.table.history import History
from entity_push.table.no_history import NoHistory
from entity_push.table.subscriptions import Subscriptions

sqs = aws.client("sqs")
dynamodb = aws.client("dynamodb")
fan_out = FanOut(
    Subscriptions(dynamodb, variable("TABLE_NAME")),
    History.from_environment(dynamodb) or NoHistory(dynamodb, variable("TABLE_NAME")),
    Deliverer(variable("CALLBACK_URL"), variable("AWS_REGION"), aws.credentials),
    Queue(sqs, variable("QUEUE_URL")),
    DeadLetters(sqs, variable("DEAD_LETTER_QUEUE_URL")),
)


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Push a batch of queue messages; those named in the answer come back (partial batch response)."""
    failed = fan_out.push(event["Records"], seconds=context.get_remaining_time_in_millis() / 1000)
    return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in failed]}

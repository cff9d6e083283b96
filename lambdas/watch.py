"""Every minute: counts what waits in the queues.

The metrics of SQS itself come up to 15 minutes late for a queue that has been idle (SQS Developer Guide,
"Monitoring Amazon SQS queues using CloudWatch"), and dead-letter queues are idle until something is wrong.
"""

from typing import Any

from entity_push.runtime import aws
from entity_push.runtime.environment import WatchEnvironment
from entity_push.runtime.telemetry import count

environment = WatchEnvironment.read()
sqs = aws.client("sqs")
queues = {
    "MessagesWaiting": environment.queue_url,
    "DeadLettersWaiting": environment.dead_letter_queue_url,
    "TargetDeadLettersWaiting": environment.target_dead_letter_queue_url,
}

VISIBLE = "ApproximateNumberOfMessages"


def handler(_event: dict[str, Any], _context: Any) -> dict[str, int]:
    """Print how many messages wait in each queue. Nothing is printed for an empty one: metrics cost money.

    Raises:
        RefusedError: SQS refused to tell; the other queues are still looked at. There is an alarm on it.
        UnansweredError: SQS could not be reached; likewise.
    """
    waiting: dict[str, int] = {}
    failed: Exception | None = None
    for metric, url in queues.items():
        try:
            answer = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=[VISIBLE])
        except Exception as error:
            failed = error
            continue
        waiting[metric] = int(answer["Attributes"][VISIBLE])
        if waiting[metric]:
            count(environment.deployment_name, metric, value=waiting[metric])
    if failed:
        raise failed
    return waiting

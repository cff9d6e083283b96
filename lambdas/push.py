"""Queue to clients: pushes each update on the queue to its channel's subscribers."""

from pathlib import Path
from typing import Any

from entity_push.posting.deliverer import Deliverer
from entity_push.push.dead_letters import DeadLetters
from entity_push.push.fan_out import FanOut
from entity_push.push.queue import Queue
from entity_push.runtime import aws
from entity_push.runtime.environment import PushEnvironment, aws_region
from entity_push.table.connections import Connections
from entity_push.table.history import History
from entity_push.table.no_history import NoHistory
from entity_push.table.subscribers import Subscribers

RULES_FILE = Path(__file__).with_name("event_rules.json")
"""The setting `eventRules`, put here when the function is bundled: it may be too large for a variable."""


def own_rules() -> dict[str, Any]:
    """Return the rules for own events, by their names."""
    if not RULES_FILE.exists():
        return {}
    # Most deployments have none, and their code would cost each cold start.
    from entity_push.protocol.event_rules import by_name, read_rules  # noqa: PLC0415

    return dict(by_name(read_rules(RULES_FILE.read_text(encoding="utf-8"))))


environment = PushEnvironment.read()
rules = own_rules()
sqs = aws.client("sqs")
dynamodb = aws.client("dynamodb")
fan_out = FanOut(
    subscribers=Subscribers(environment.table_name),
    connections=Connections(dynamodb, environment.table_name),
    numbers=History.kept(environment) or NoHistory(environment.table_name),
    make=dynamodb.at_once,
    deliverer=Deliverer(environment.callback_url, aws_region(), aws.credentials),
    queue=Queue(sqs, environment.queue_url),
    dead_letters=DeadLetters(sqs, environment.dead_letter_queue_url),
    deployment_name=environment.deployment_name,
    rules=rules,
)


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Push a batch of queue messages; those named in the answer come back (partial batch response)."""
    failed = fan_out.push(event["Records"], seconds=context.get_remaining_time_in_millis() / 1000)
    return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in failed]}

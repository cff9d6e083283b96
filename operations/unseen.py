"""An event that left no trace: what that may mean, and what the deployment itself says about it."""

import re
from collections.abc import Iterator
from typing import Any

from operations.deployment import Deployment

ADVICE = (
    "Is the id right? It is the EventId that PutEvents answers, and the `id` of `published` and of frames. "
    "An id of your own (`ownId`) is another one.",
    "Was it put before {since}? Look further back, such as --since 1d; logRetentionDays is the end of that.",
    "Was it put within the last half minute? Lines come into the log some seconds late: try again.",
    "Was it put on another bus, account or Region? This deployment sees the bus {bus} of {region}.",
)
"""What to look at first."""

NO_RULE = """\
Did a rule take it? An event that fits none leaves no trace anywhere. Compare yours with these patterns:
    aws events test-event-pattern --event-pattern '<pattern>' --event file://event.json
    make rules ARGS="try event.json"     for own events, with all rules at once
  An event of another account fits none, unless the setting eventAccounts names that account."""

_COUNTS = {
    "ApproximateNumberOfMessages": "wait",
    "ApproximateNumberOfMessagesNotVisible": "are being pushed, or come back",
    "ApproximateNumberOfMessagesDelayed": "wait for a later round",
}

_EVENTBRIDGES = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def explain(found: Deployment, event_id: str, since: str) -> Iterator[str]:
    """Yield what it may mean that nothing names an event; the deployment is asked meanwhile.

    Args:
        found: the deployment.
        event_id: the event's id.
        since: from when on was looked, for people.

    Raises:
        ClientError: the caller has no right to ask about the queue, its rules, or what takes from it.
    """
    if not _EVENTBRIDGES.fullmatch(event_id):
        yield "EventBridge's ids look like 0d079340-135a-c8c6-95c2-41fb8f496c53, and this one does not."
    region = found.session.region_name or "this Region"
    bus = found.outputs["EventBusName"]
    yield from (words.format(since=since, bus=bus, region=region) for words in ADVICE)
    queue = found.client("sqs").get_queue_attributes(
        QueueUrl=found.outputs["QueueUrl"], AttributeNames=["QueueArn", *_COUNTS]
    )["Attributes"]
    counts = ", ".join(f"{queue[name]} messages {words}" for name, words in _COUNTS.items())
    yield f"Is it on its way? On the queue, {counts}."
    yield from _takers(found, queue["QueueArn"])
    yield NO_RULE
    yield from _rules(found, queue["QueueArn"])


def _takers(found: Deployment, queue_arn: str) -> Iterator[str]:
    answer = found.client("lambda").list_event_source_mappings(EventSourceArn=queue_arn)
    states = [str(mapping["State"]) for mapping in answer["EventSourceMappings"]]
    if states != ["Enabled"]:
        yield f"Nobody takes from the queue: the event source mapping is {', '.join(states) or 'missing'}."


def _rules(found: Deployment, queue_arn: str) -> Iterator[str]:
    events: Any = found.client("events")
    bus = {"EventBusName": found.outputs["EventBusName"]}
    names = events.list_rule_names_by_target(TargetArn=queue_arn, **bus)["RuleNames"]
    if not names:
        yield "No rule of the bus leads to the queue: deploy again."
    for name in sorted(names):
        rule = events.describe_rule(Name=name, **bus)
        state = "" if rule["State"] == "ENABLED" else f" ({rule['State']}: it takes nothing)"
        yield f"The rule {name}{state} takes {rule['EventPattern']}"

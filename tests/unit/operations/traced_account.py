"""An account whose push function has printed lines: what `make trace` asks of AWS."""

from collections.abc import Iterator
from typing import Any, ClassVar

from tests.unit.conftest import TABLE_NAME
from tests.unit.push.bench import Bench

RULE = {"State": "ENABLED", "EventPattern": '{"detail-type":["Entity Updated"]}'}


class Account:
    """An account whose push function has printed lines, and whose queues and table are a bench's.

    Attributes:
        printed: when each line was printed, in seconds since 1970, and the line.
        rules: the rules that lead to the queue.
        mapping: the states of what takes from the queue.
        asked_for: the filter patterns that CloudWatch Logs got.
    """

    region_name = "eu-west-1"
    outputs: ClassVar = {
        "TableName": TABLE_NAME,
        "QueueUrl": "queue",
        "EventBusName": "default",
        "DeadLetterQueueUrl": "dead",
        "TargetDeadLetterQueueUrl": "target",
    }

    def __init__(self, bench: Bench):
        self.bench = bench
        self.printed: list[tuple[float, str]] = []
        self.rules: dict[str, dict[str, str]] = {"Shop-rule": RULE}
        self.mapping = ["Enabled"]
        self.asked_for: list[str | None] = []

    def client(self, service: str, **_options: Any) -> Any:
        return self.bench.dynamodb if service == "dynamodb" else self

    def get_paginator(self, name: str) -> Any:
        self.paginate = {"list_stack_resources": self._resources, "filter_log_events": self._lines}[name]
        return self

    def _resources(self, **_arguments: str) -> Iterator[Any]:
        for name in ("NotificationsPushLogs3FD4BBD5", "WebSocketPublishLogs1B8F6243"):
            summary = {
                "LogicalResourceId": name,
                "PhysicalResourceId": name,
                "ResourceType": "AWS::Logs::LogGroup",
            }
            yield {"StackResourceSummaries": [summary]}

    def _lines(self, **arguments: Any) -> Iterator[Any]:
        assert "PushLogs" in arguments["logGroupName"], "no other log names events"
        self.asked_for.append(arguments.get("filterPattern"))
        for at, text in self.printed:
            if at * 1000 >= arguments["startTime"]:
                yield {"events": [{"timestamp": round(at * 1000), "message": text + "\n"}]}

    def receive_message(self, **arguments: Any) -> dict[str, Any]:
        if arguments["QueueUrl"] != "dead" or self.looked:
            return {}
        self.looked = True
        codes = self.bench.sqs.codes
        return {
            "Messages": [
                {
                    "MessageId": f"m{number}",
                    "ReceiptHandle": "r",
                    "Body": body,
                    "Attributes": {"SentTimestamp": "1795900000000"},
                    "MessageAttributes": {
                        "reasonCode": {"StringValue": code},
                        "reason": {"StringValue": why},
                    },
                }
                for number, ((body, why), code) in enumerate(zip(self.bench.sqs.dead, codes, strict=True))
            ]
        }

    def change_message_visibility_batch(self, **_arguments: Any) -> None:
        self.looked = False

    looked = False

    def get_queue_attributes(self, **arguments: Any) -> dict[str, Any]:
        values = dict.fromkeys(arguments["AttributeNames"], "4")
        return {"Attributes": {**values, "QueueArn": "arn"}}

    def list_event_source_mappings(self, **_arguments: Any) -> dict[str, Any]:
        return {"EventSourceMappings": [{"State": state} for state in self.mapping]}

    def list_rule_names_by_target(self, **_arguments: Any) -> dict[str, Any]:
        return {"RuleNames": list(self.rules)}

    def describe_rule(self, **arguments: str) -> dict[str, str]:
        return self.rules[arguments["Name"]]

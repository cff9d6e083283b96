"""The dead-letter queue: a message with its reason, as far as SQS takes both."""

from typing import Any

import pytest
from entity_push.protocol.dead_letter_reasons import Reason
from entity_push.push.dead_letters import DeadLetters

MOST_BYTES = 1024 * 1024


class Sqs:
    """An SQS that refuses what is too long, attributes included, as AWS does."""

    def __init__(self) -> None:
        self.sent: list[dict[str, str]] = []

    def send_message(self, QueueUrl: str, MessageBody: str, MessageAttributes: dict[str, Any]) -> None:  # noqa: N803
        assert QueueUrl == "dead"
        size = len(MessageBody.encode())
        for name, attribute in MessageAttributes.items():
            assert attribute["StringValue"], "SQS refuses empty values"
            size += len(name) + len(attribute["DataType"]) + len(attribute["StringValue"])
        assert size <= MOST_BYTES, "InvalidParameterValue"
        self.sent.append({name: attribute["StringValue"] for name, attribute in MessageAttributes.items()})


@pytest.mark.parametrize("left", [0, 1, 20, 25, 26, 27, 30, 38, 39, 60, 500, 5000])
def test_a_message_of_any_length_becomes_a_dead_letter(left: int) -> None:
    sqs = Sqs()
    DeadLetters(sqs, "dead").send("\u00fc" + "x" * (MOST_BYTES - 2 - left), Reason.NOT_JSON, "r" * 2000)
    (attributes,) = sqs.sent
    assert attributes.get("reasonCode", "not_json") == "not_json"
    assert len(attributes.get("reason", "")) <= 1024
    if left >= 500:
        assert attributes["reasonCode"]
        assert len(attributes["reason"]) >= 400

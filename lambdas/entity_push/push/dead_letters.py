"""The dead-letter queue, for what no further attempt can help."""

from typing import Any

from entity_push.protocol.dead_letter_reasons import Reason

CODE_ATTRIBUTE = "reasonCode"
TEXT_ATTRIBUTE = "reason"
MAX_TEXT_LENGTH = 1024


class DeadLetters:
    """Sends messages to the dead-letter queue at once. Message attributes tell the reason: a code and a text.

    Leaving it to the queue's redrive policy would take several attempts, minutes apart, and lose the reason.

    Args:
        client: an SQS client.
        queue_url: the dead-letter queue.
    """

    def __init__(self, client: Any, queue_url: str):
        self._client, self._queue_url = client, queue_url

    def send(self, body: str, reason: Reason, text: str) -> None:
        """Put a message there with its reason; raises what the client raises."""
        self._client.send_message(
            QueueUrl=self._queue_url,
            MessageBody=body,
            MessageAttributes={
                CODE_ATTRIBUTE: {"DataType": "String", "StringValue": reason.value},
                TEXT_ATTRIBUTE: {"DataType": "String", "StringValue": text[:MAX_TEXT_LENGTH]},
            },
        )

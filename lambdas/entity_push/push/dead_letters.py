"""The dead-letter queue, for what no further attempt can help."""

from typing import Any

REASON_ATTRIBUTE = "reason"
MAX_REASON_LENGTH = 1024


class DeadLetters:
    """Sends messages to the dead-letter queue at once, with the reason as a message attribute.

    Leaving it to the queue's redrive policy would take several attempts, minutes apart, and lose the reason.

    Args:
        client: an SQS client.
        queue_url: the dead-letter queue.
    """

    def __init__(self, client: Any, queue_url: str):
        self._client, self._queue_url = client, queue_url

    def send(self, body: str, reason: str) -> None:
        """Put a message there; raises what the client raises."""
        self._client.send_message(
            QueueUrl=self._queue_url,
            MessageBody=body,
            MessageAttributes={
                REASON_ATTRIBUTE: {
                    "DataType": "String",
                    "StringValue": reason[:MAX_REASON_LENGTH],
                }
            },
        )

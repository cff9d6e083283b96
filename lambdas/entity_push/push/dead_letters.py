"""The dead-letter queue, for messages that no further try can help."""

from typing import Any

from entity_push.protocol.dead_letter_reasons import Reason

CODE_ATTRIBUTE = "reasonCode"
TEXT_ATTRIBUTE = "reason"
MAX_TEXT_LENGTH = 1024


class DeadLetters:
    """Sends messages to the dead-letter queue at once. Message attributes tell the reason: a code and a text.

    The queue's redrive policy would take several receives, minutes apart, and lose the reason.

    Args:
        client: an SQS client.
        queue_url: the dead-letter queue's URL.
    """

    def __init__(self, client: Any, queue_url: str):
        self._client, self._queue_url = client, queue_url

    def send(self, body: str, reason: Reason, text: str) -> None:
        """Put a message on the dead-letter queue with its reason.

        Args:
            body: the message's body.
            reason: the code.
            text: the reason in words. Escapes replace what is not ASCII: SQS refuses some characters, and
                people who read the reason can't see others. It is cut to 1,024 characters.

        Raises:
            ClientError: SQS refused the message.
            BotoCoreError: SQS could not be reached.
        """
        words = text.encode("ascii", "backslashreplace").decode("ascii")[:MAX_TEXT_LENGTH]
        self._client.send_message(
            QueueUrl=self._queue_url,
            MessageBody=body,
            MessageAttributes={
                CODE_ATTRIBUTE: {"DataType": "String", "StringValue": reason.value},
                TEXT_ATTRIBUTE: {"DataType": "String", "StringValue": words},
            },
        )

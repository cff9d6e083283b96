"""The dead-letter queue, for messages that no further try can help."""

from typing import Any

from entity_push.protocol.dead_letter_reasons import Reason
from entity_push.push.queue import MAX_BATCH_BYTES

CODE_ATTRIBUTE = "reasonCode"
TEXT_ATTRIBUTE = "reason"
MAX_TEXT_LENGTH = 1024
TYPE = "String"


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
                people who read the reason can't see others. It is cut to 1,024 characters, and to what SQS
                takes beside the body: attributes count as bytes of the message (SQS Developer Guide, "Amazon
                SQS message quotas"). A body that leaves no room goes without a reason.

        Raises:
            RefusedError: SQS refused the message.
            UnansweredError: SQS could not be reached.
        """
        words = text.encode("ascii", "backslashreplace").decode("ascii")[:MAX_TEXT_LENGTH]
        room = MAX_BATCH_BYTES - len(body.encode())
        attributes = {}
        for name, value in ((CODE_ATTRIBUTE, reason.value), (TEXT_ATTRIBUTE, words)):
            cut = value[: max(0, room - len(name) - len(TYPE))]
            if cut and (name == TEXT_ATTRIBUTE or cut == value):
                attributes[name] = {"DataType": TYPE, "StringValue": cut}
                room -= len(name) + len(TYPE) + len(cut)
        self._client.send_message(QueueUrl=self._queue_url, MessageBody=body, MessageAttributes=attributes)

"""Sending to the push queue."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from entity_push.push import retries
from entity_push.runtime.aws_errors import AwsError
from entity_push.runtime.telemetry import logger

MAX_ENTRIES = 10
"""Messages in one SendMessageBatch (SQS Developer Guide, "Amazon SQS message quotas")."""

MAX_BATCH_BYTES = 1024 * 1024
"""Bytes in one message, and in one SendMessageBatch together (the same page)."""


class NotSentError(Exception):
    """SQS refused some messages in every try."""


class Message(NamedTuple):
    """A message to send: a body of characters that SQS takes, and a delay in seconds (at most 900)."""

    body: str
    delay: int = 0


class Queue:
    """The push queue.

    Args:
        client: an SQS client.
        url: the queue's URL.
        pause: sleeps for a number of seconds between tries; tests replace it.
    """

    def __init__(self, client: Any, url: str, pause: Callable[[float], None] = time.sleep):
        self._client, self._url, self._pause = client, url, pause

    def send(self, messages: Iterable[Message]) -> int:
        """Send messages in as few calls as AWS allows; return the number of messages.

        Raises:
            NotSentError: SQS refused some messages in every try. The messages before them are sent.
        """
        count = 0
        for batch in _batches(messages):
            self._send_batch(batch)
            count += len(batch)
        return count

    def come_back_soon(self, records: Iterable[Mapping[str, Any]]) -> None:
        """Make failed records visible again within seconds or minutes, before the visibility timeout.

        This is best effort: after a failure here, the records come back later. The redrive policy limits
        their receives.

        Args:
            records: SQS records, as a Lambda event source gives them.
        """
        entries = []
        for number, record in enumerate(records):
            seconds = retries.comes_back_after(int(record["attributes"]["ApproximateReceiveCount"]))
            handle = record["receiptHandle"]
            entries.append({"Id": str(number), "ReceiptHandle": handle, "VisibilityTimeout": seconds})
        for start in range(0, len(entries), MAX_ENTRIES):
            batch = entries[start : start + MAX_ENTRIES]
            try:
                self._client.change_message_visibility_batch(QueueUrl=self._url, Entries=batch)
            except AwsError as error:
                logger.warning("failed records come back late", reason=str(error))

    def _send_batch(self, batch: list[Message]) -> None:
        left = dict(enumerate(batch))
        for tries in range(retries.SEND_TRIES):
            answer = self._client.send_message_batch(
                QueueUrl=self._url,
                Entries=[
                    {"Id": str(number), "MessageBody": message.body, "DelaySeconds": message.delay}
                    for number, message in left.items()
                ],
            )
            failed = {int(entry["Id"]): entry for entry in answer.get("Failed", [])}
            left = {number: message for number, message in left.items() if number in failed}
            if not left:
                return
            self._pause(retries.send_pause_seconds(tries))
        reasons = {entry.get("Code") for entry in failed.values()}
        raise NotSentError(f"{len(left)} messages were refused: {sorted(map(str, reasons))}")


def _batches(messages: Iterable[Message]) -> Iterator[list[Message]]:
    batch: list[Message] = []
    size = 0
    for message in messages:
        length = len(message.body.encode())
        if batch and (len(batch) == MAX_ENTRIES or size + length > MAX_BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(message)
        size += length
    if batch:
        yield batch

"""Dead letters: list them, explain them, put them back on the queue.

make redrive ARGS="list --local"
make redrive ARGS="redrive --stack EntityPush --reason 'not delivered'"
"""

import argparse
import datetime
import json
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from operations import deployment
from operations.deployment import Deployment, DeploymentError

QUEUES = {
    "DeadLetterQueueUrl": "could not be pushed",
    "TargetDeadLetterQueueUrl": "did not get from EventBridge to the queue",
}
LOOK_SECONDS = 15 * 60

ADVICE = {
    "entityId": "The event's detail names no usable entity: mend the service that puts it. "
    "Redriving won't help.",
    "not an EventBridge event": "Something else wrote to the queue. Redriving won't help.",
    "not JSON": "Something else wrote to the queue. Redriving won't help.",
    "not delivered within": "The backlog was longer than an hour. Redrive, unless the update has no meaning "
    "any more.",
    "neither reached nor closed": "API Gateway took nothing for these connections for minutes: look at "
    "throttling, then redrive.",
}
NO_REASON = "It failed several times; the push function's log has each failure under its message id. Redrive."


@dataclass(frozen=True)
class DeadLetter:
    """A message in a dead-letter queue."""

    queue_url: str
    message: dict[str, Any]

    @property
    def reason(self) -> str:
        """Why it is there: what the push function or EventBridge wrote on it."""
        attributes = self.message.get("MessageAttributes", {})
        for name in ("reason", "ERROR_MESSAGE", "ERROR_CODE"):
            if name in attributes:
                return str(attributes[name]["StringValue"])
        return "failed too often"

    @property
    def advice(self) -> str:
        """What to do about it."""
        return next((text for part, text in ADVICE.items() if part in self.reason), NO_REASON)

    def describe(self) -> str:
        """Return a few lines for people."""
        sent = datetime.datetime.fromtimestamp(
            int(self.message["Attributes"]["SentTimestamp"]) / 1000, datetime.UTC
        )
        return (
            f"{self.message['MessageId']}  since {sent:%Y-%m-%d %H:%M:%S} UTC\n"
            f"  what:   {_summary(self.message['Body'])}\n"
            f"  why:    {self.reason}\n"
            f"  advice: {self.advice}"
        )


def pages(sqs: Any, queue_url: str) -> Iterator[list[DeadLetter]]:
    """Yield the messages of a dead-letter queue; for a quarter of an hour nobody else sees them."""
    while True:
        messages = sqs.receive_message(
            QueueUrl=queue_url,
            MaxNumberOfMessages=10,
            VisibilityTimeout=LOOK_SECONDS,
            WaitTimeSeconds=1,
            MessageAttributeNames=["All"],
            AttributeNames=["SentTimestamp"],
        ).get("Messages", [])
        if not messages:
            return
        yield [DeadLetter(queue_url, message) for message in messages]


def show(found: Deployment, reason: str) -> int:
    """Print every dead letter whose reason has a text in it; return how many there are."""
    sqs, count = found.client("sqs"), 0
    for output, meaning in QUEUES.items():
        letters = [letter for page in pages(sqs, found.outputs[output]) for letter in page]
        _let_go(sqs, letters)
        chosen = [letter for letter in letters if reason in letter.reason]
        print(f"{len(chosen)} messages {meaning}")
        for letter in chosen:
            print(letter.describe())
        count += len(chosen)
    return count


def redrive(found: Deployment, reason: str) -> int:
    """Put dead letters whose reason has a text in it back on the queue; return how many.

    Each is sent before it is deleted: what stops in between may be pushed twice, and is not lost.
    """
    sqs, count = found.client("sqs"), 0
    for output in QUEUES:
        others: list[DeadLetter] = []
        for page in pages(sqs, found.outputs[output]):
            for letter in page:
                if reason not in letter.reason:
                    others.append(letter)
                    continue
                sqs.send_message(
                    QueueUrl=found.outputs["QueueUrl"], MessageBody=_as_new(letter.message["Body"])
                )
                sqs.delete_message(QueueUrl=letter.queue_url, ReceiptHandle=letter.message["ReceiptHandle"])
                count += 1
                print(f"redriven: {letter.message['MessageId']}  {_summary(letter.message['Body'])}")
        _let_go(sqs, others)
    print(f"{count} messages are back on the queue")
    return count


def _let_go(sqs: Any, letters: Sequence[DeadLetter]) -> None:
    """Make messages visible again at once that were only looked at; those that are already don't matter."""
    for start in range(0, len(letters), 10):
        some = letters[start : start + 10]
        sqs.change_message_visibility_batch(
            QueueUrl=some[0].queue_url,
            Entries=[
                {
                    "Id": str(number),
                    "ReceiptHandle": letter.message["ReceiptHandle"],
                    "VisibilityTimeout": 0,
                }
                for number, letter in enumerate(some)
            ],
        )


def _as_new(body: str) -> str:
    """Return a body whose age and attempts, if it has any, begin anew."""
    try:
        message = json.loads(body)
    except ValueError:
        return body
    for part in ("chunk", "rest"):
        if isinstance(message, dict) and isinstance(message.get(part), dict):
            message[part] |= {"sentAt": round(time.time() * 1000)} | (
                {"attempt": 0} if part == "chunk" else {}
            )
            return json.dumps(message, separators=(",", ":"))
    return body


def _summary(body: str) -> str:
    try:
        match json.loads(body):
            case {"chunk": {"channel": channel, "subscribers": dict(names), "eventId": event_id}}:
                return f"event {event_id} for {len(names)} connections of {channel}"
            case {"detail-type": kind, "id": event_id, "detail": detail}:
                return f"event {event_id} {kind!r} {json.dumps(detail)[:100]}"
    except ValueError:
        pass
    return body[:100]


def main(arguments: list[str] | None = None) -> int:
    """Run the command; return its exit status."""
    parser = argparse.ArgumentParser(
        prog="make redrive", description="List, explain and redrive what ended in a dead-letter queue."
    )
    commands = parser.add_subparsers(dest="command", required=True)
    for name, what in (
        ("list", "show each message, why it is there and what to do"),
        ("redrive", "put messages back on the queue, to be pushed"),
    ):
        command = commands.add_parser(name, help=what, description=what)
        deployment.add_arguments(command)
        command.add_argument(
            "--reason", default="", help="only messages whose reason contains this (default: all)"
        )
    chosen = parser.parse_args(arguments)
    try:
        found = deployment.find(chosen)
    except DeploymentError as error:
        print(f"redrive: {error}", file=sys.stderr)
        return 1
    {"list": show, "redrive": redrive}[chosen.command](found, chosen.reason)
    return 0


if __name__ == "__main__":
    sys.exit(main())

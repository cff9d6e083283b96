"""Dead letters: list them, explain them, put them back on the queue.

make redrive ARGS="list --local"
make redrive ARGS="redrive --stack EntityPush --reason too_old"
"""

import argparse
import datetime
import email.utils
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from entity_push.protocol.dead_letter_reasons import Reason
from entity_push.push.dead_letters import CODE_ATTRIBUTE, TEXT_ATTRIBUTE

from operations import deployment
from operations.deployment import Deployment
from operations.letter_bodies import as_new, summary
from operations.visible import visible

QUEUES = {
    "DeadLetterQueueUrl": "could not be pushed",
    "TargetDeadLetterQueueUrl": "did not get from EventBridge to the queue",
}
LOOK_SECONDS = 15 * 60

ADVICE: Mapping[Reason, str] = {
    Reason.NOT_JSON: "Something else wrote to the queue: find out what. Redriving can't help.",
    Reason.NOT_AN_EVENT: "Something else wrote to the queue: find out what. Redriving can't help.",
    Reason.UNKNOWN_DETAIL_TYPE: "Something else wrote to the queue, or a rule of an earlier deployment did. "
    "Redriving can't help.",
    Reason.INVALID_ENTITY_ID: "Mend the service that puts the event, and let it put the event again. "
    "Redriving can't help: the event stays as it is.",
    Reason.INVALID_ENTITY_IDS: "Mend the service that puts the event, and let it put the event again. "
    "Redriving can't help: the event stays as it is.",
    Reason.INVALID_USER_ID: "Mend the service that puts the event, and let it put the event again. "
    "Redriving can't help: the event stays as it is.",
    Reason.INVALID_VERSION: "Mend the service that puts the event, and let it put the event again. "
    "Redriving can't help: the event stays as it is.",
    Reason.INVALID_ID: "Mend the service that puts the event, and let it put the event again. "
    "Redriving can't help: the event stays as it is.",
    Reason.UNFIT_EVENT: "Correct the rule in eventRules, or the service that puts the event. The letter has "
    "the whole event: after deploying a corrected rule, redrive.",
    Reason.UNKNOWN_RULE: "The rule that it came by was taken away, or has another name now. Deploy a rule of "
    "that name, then redrive.",
    Reason.INVALID_CHUNK: "Another version of the push function wrote it, or something else did. Redrive "
    "after deploying the version that wrote it; otherwise redriving can't help.",
    Reason.TOO_OLD: "The update was older than an hour, and its connections could not be closed either. Look "
    "for failing credentials or a long backlog, then redrive, unless the update means nothing any more.",
    Reason.REFUSED: "API Gateway would refuse these posts again (400, 413). Redriving can't help; the push "
    "function's log has each connection.",
    Reason.UNREACHABLE: "API Gateway took nothing for these connections for minutes. The push function's log "
    "has the last answer: wait for the end of throttling (429), or mend the role (403), then redrive.",
    Reason.FAILED_TOO_OFTEN: "It failed twelve times as a whole. Mend what failed last, then redrive. "
    "If no failure is told, the push function was ended each time (time-out, memory), as its log says.",
}
"""The advice about a dead letter of the push function, by reason."""

OF_EVENTBRIDGE = "EventBridge could not write to the queue: mend what the error names, then redrive."


@dataclass(frozen=True)
class DeadLetter:
    """A message in a dead-letter queue."""

    queue_url: str
    message: dict[str, Any]

    @property
    def code(self) -> str:
        """The reason as a code: the push function's, EventBridge's, or what SQS's own redrive means."""
        return self._attribute(CODE_ATTRIBUTE) or self._attribute("ERROR_CODE") or Reason.FAILED_TOO_OFTEN

    @property
    def reason(self) -> str:
        """The reason in words; empty if the message carries none."""
        return self._attribute(TEXT_ATTRIBUTE) or self._attribute("ERROR_MESSAGE") or ""

    @property
    def advice(self) -> str:
        """The advice to a person."""
        if self.code in set(Reason):
            return ADVICE[Reason(self.code)]
        return OF_EVENTBRIDGE

    @property
    def summary(self) -> str:
        """The message in a line, as a terminal may show it."""
        return visible(summary(self.message["Body"]))

    def has_reason(self, part: str) -> bool:
        """Tell whether a text is the code, or part of the reason."""
        return part in (self.code, "") or part in self.reason

    def _attribute(self, name: str) -> str | None:
        found = self.message.get("MessageAttributes", {}).get(name)
        return None if found is None else str(found["StringValue"])

    @property
    def sent_at(self) -> float:
        """When it became a dead letter, in seconds since 1970, by SQS's clock."""
        return int(self.message["Attributes"]["SentTimestamp"]) / 1000

    def describe(self) -> str:
        """Return a few lines for people."""
        sent = datetime.datetime.fromtimestamp(self.sent_at, datetime.UTC)
        return (
            f"{self.message['MessageId']}  since {sent:%Y-%m-%d %H:%M:%S} UTC\n"
            f"  what:   {self.summary}\n"
            f"  why:    {visible(': '.join(filter(None, (self.code, self.reason))))}\n"
            f"  advice: {self.advice}"
        )


def pages(sqs: Any, queue_url: str) -> Iterator[tuple[Mapping[str, Any], list[DeadLetter]]]:
    """Yield SQS's answers, and a dead-letter queue's messages in each; it hides them for 15 minutes."""
    while True:
        answer = sqs.receive_message(
            QueueUrl=queue_url,
            MaxNumberOfMessages=10,
            VisibilityTimeout=LOOK_SECONDS,
            WaitTimeSeconds=1,
            MessageAttributeNames=["All"],
            AttributeNames=["SentTimestamp"],
        )
        if not (messages := answer.get("Messages")):
            return
        yield answer, [DeadLetter(queue_url, message) for message in messages]


def look(sqs: Any, queue_url: str) -> list[DeadLetter]:
    """Return the messages of a dead-letter queue; others see them again at once."""
    letters = [letter for _, page in pages(sqs, queue_url) for letter in page]
    _let_go(sqs, letters)
    return letters


def show(found: Deployment, reason: str) -> int:
    """Print the dead letters of a reason (its code or part of its text); return their number."""
    sqs, count = found.client("sqs"), 0
    for output, meaning in QUEUES.items():
        chosen = [letter for letter in look(sqs, found.outputs[output]) if letter.has_reason(reason)]
        print(f"{len(chosen)} messages {meaning}")
        for letter in chosen:
            print(letter.describe())
        count += len(chosen)
    return count


def redrive(found: Deployment, reason: str) -> int:
    """Put the dead letters of a reason (its code or part of its text) back on the queue; return their number.

    Each message is sent before it is deleted. After a stop in between, the message may be pushed twice, but
    is not lost. What came since the beginning is left: where the cause is still there, a letter comes back.
    """
    sqs, count, young = found.client("sqs"), 0, 0
    for output in QUEUES:
        others: list[DeadLetter] = []
        began = 0.0
        for answer, page in pages(sqs, found.outputs[output]):
            began = began or _time_of(answer)
            for letter in page:
                if not letter.has_reason(reason) or letter.sent_at >= began:
                    young += letter.has_reason(reason)
                    others.append(letter)
                    continue
                sqs.send_message(
                    QueueUrl=found.outputs["QueueUrl"],
                    MessageBody=as_new(letter.message["Body"], time.time()),
                )
                sqs.delete_message(QueueUrl=letter.queue_url, ReceiptHandle=letter.message["ReceiptHandle"])
                count += 1
                print(f"redriven: {letter.message['MessageId']}  {letter.summary}")
        _let_go(sqs, others)
    print(f"{count} messages are back on the queue")
    if young:
        print(f"{young} have come since this began, and are left. Has their cause been mended? List them.")
    return count


def _time_of(answer: Mapping[str, Any]) -> float:
    """Return when SQS has answered, by its clock, which letters are stamped by: whole seconds since 1970."""
    said: str = answer["ResponseMetadata"]["HTTPHeaders"]["date"]
    return email.utils.parsedate_to_datetime(said).timestamp()


def _let_go(sqs: Any, letters: Sequence[DeadLetter]) -> None:
    """Make messages that were only looked at visible again, at once. Visible messages are no error."""
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


@deployment.command(
    "redrive",
    "A queue could not be read or written: {}. Nothing is lost; what was looked at shows again within a "
    "quarter of an hour.",
)
def main(arguments: Sequence[str] | None = None) -> int:
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
            "--reason", default="", help="only this code, or a part of the reason's text (default: all)"
        )
    chosen = parser.parse_args(arguments)
    {"list": show, "redrive": redrive}[chosen.command](deployment.find(chosen), chosen.reason)
    return 0


if __name__ == "__main__":
    sys.exit(main())

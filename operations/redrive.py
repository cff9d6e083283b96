"""Dead letters: list them, explain them, put them back on the queue, delete them.

make redrive ARGS="list --local"
make redrive ARGS="redrive --stack EntityPush --reason too_old"
make redrive ARGS="delete --stack EntityPush --reason invalid_entity_id"
"""

import argparse
import datetime
import email.utils
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
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

    @property
    def body(self) -> str:
        """The whole message in a line, as a terminal may show it."""
        return visible(self.message["Body"])

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


def show(found: Deployment, reason: str, *, bodies: bool = False) -> int:
    """Print the dead letters of a reason (its code or part of its text); return their number.

    Args:
        found: the deployment.
        reason: the code, or a part of the text; empty for all.
        bodies: whether to print each message whole.
    """
    sqs, count = found.client("sqs"), 0
    for output, meaning in QUEUES.items():
        chosen = [letter for letter in look(sqs, found.outputs[output]) if letter.has_reason(reason)]
        print(f"{_messages(len(chosen))} {meaning}")
        for letter in chosen:
            print(letter.describe())
            if bodies:
                print(f"  body:   {letter.body}")
        count += len(chosen)
    return count


def redrive(found: Deployment, reason: str) -> int:
    """Put the dead letters of a reason (its code or part of its text) back on the queue; return their number.

    Each message is sent before it is deleted. After a stop in between, the message may be pushed twice, but
    is not lost. What came since the beginning is left: where the cause is still there, a letter comes back.
    """
    sqs = found.client("sqs")

    def send(letter: DeadLetter) -> None:
        body = as_new(letter.message["Body"], time.time())
        sqs.send_message(QueueUrl=found.outputs["QueueUrl"], MessageBody=body)
        print(f"redriven: {letter.message['MessageId']}  {letter.summary}", flush=True)

    count, young = _take_out(found, reason, send)
    print(f"{_messages(count)} put back on the queue")
    if young:
        print(f"{young} came since this began, and were left. Has their cause been mended? List them.")
    return count


def delete(found: Deployment, reason: str) -> int:
    """Delete the dead letters of a reason (its code or part of its text); return their number.

    Each one's body is printed first: it is all that is left of it.
    """

    def keep_trace(letter: DeadLetter) -> None:
        print(f"deleted: {letter.message['MessageId']}  {letter.body}", flush=True)

    count, young = _take_out(found, reason, keep_trace)
    print(f"{_messages(count)} deleted")
    if young:
        print(f"{young} came since this began, and were left.")
    return count


def _take_out(found: Deployment, reason: str, before: Callable[[DeadLetter], None]) -> tuple[int, int]:
    """Take the dead letters of a reason out of their queues, those that came since the beginning excepted.

    Args:
        found: the deployment.
        reason: the code, or a part of the text.
        before: what to do with a letter before it is deleted.

    Returns:
        How many were taken out, and how many of the reason were left.
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
                before(letter)
                sqs.delete_message(QueueUrl=letter.queue_url, ReceiptHandle=letter.message["ReceiptHandle"])
                count += 1
        _let_go(sqs, others)
    return count, young


def _messages(count: int) -> str:
    return "1 message" if count == 1 else f"{count} messages"


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
        prog="make redrive", description="List, explain, redrive or delete what ended in a dead-letter queue."
    )
    commands = parser.add_subparsers(dest="command", required=True)
    only = "only this code, or a part of the reason's text"
    for name, what in (
        ("list", "show each message, why it is there and what to do"),
        ("redrive", "put messages back on the queue, to be pushed"),
        ("delete", "delete messages that can't be mended; each is printed whole, it is kept nowhere else"),
    ):
        command = commands.add_parser(name, help=what, description=what)
        deployment.add_arguments(command)
        if name == "delete":
            command.add_argument("--reason", required=True, help=f"{only} (`--reason ''` for all)")
            command.add_argument("--yes", action="store_true", help="don't ask")
        else:
            command.add_argument("--reason", default="", help=f"{only} (default: all)")
        if name == "list":
            command.add_argument("--bodies", action="store_true", help="show each message whole, too")
    chosen = parser.parse_args(arguments)
    found = deployment.find(chosen)
    if chosen.command == "list":
        show(found, chosen.reason, bodies=chosen.bodies)
    elif chosen.command == "redrive":
        redrive(found, chosen.reason)
    else:
        which = f"the dead letters with the reason {chosen.reason!r}" if chosen.reason else "all dead letters"
        if not deployment.may_change(found, f"Delete {which}", said_yes=chosen.yes):
            return 1
        delete(found, chosen.reason)
    return 0


if __name__ == "__main__":
    sys.exit(main())

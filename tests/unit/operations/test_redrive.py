"""Dead letters as `make redrive` reads, explains and redrives them."""

import email.utils
import io
import json
import re
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError
from entity_push.protocol.dead_letter_reasons import Reason
from entity_push.protocol.events import Update
from entity_push.push.dead_letters import DeadLetters
from entity_push.push.messages import Chunk, Rest

from operations import deployment, redrive
from operations.deployment import Deployment
from operations.letter_bodies import as_new, summary
from operations.redrive import ADVICE, OF_EVENTBRIDGE, QUEUES, DeadLetter

LAMBDAS = Path(__file__).parents[3] / "lambdas"
UPDATE = Update("entity/e1", "id-1", b'{"type":"Entity Updated"}', 1_700_000_000_000, 3)
CHUNK = Chunk(UPDATE, {"c1": 7, "c2": 8}, rounds=5, excused=6)
EVENT = {"id": "id-1", "detail-type": "Entity Updated", "time": "t", "detail": {"entityId": "e1"}}


def letter(body: str, **attributes: str) -> DeadLetter:
    found = {name: {"DataType": "String", "StringValue": value} for name, value in attributes.items()}
    message = {
        "MessageId": "m1",
        "Body": body,
        "MessageAttributes": found,
        "Attributes": {"SentTimestamp": "1700000000000"},
    }
    return DeadLetter("url", message)


class Sqs:
    def send_message(self, **message: Any) -> None:
        self.attributes = message["MessageAttributes"]


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_has_advice_that_travels_by_its_code(reason: Reason) -> None:
    sqs = Sqs()
    DeadLetters(sqs, "dead").send("body", reason, "in words")
    sent = {name: value["StringValue"] for name, value in sqs.attributes.items()}
    found = letter("body", **sent)
    assert (found.code, found.reason) == (reason.value, "in words")
    assert found.advice == ADVICE[reason]
    assert re.search("[Rr]edriv", found.advice), "it says whether redriving helps"
    assert f"{reason.value}: in words" in found.describe()


@pytest.mark.parametrize(
    "character", ["\u202e", "\u2066", "\u200b", "\u2028", "\x1b", "\n", "\u0085", "\ud800"]
)
def test_nothing_that_a_terminal_obeys_or_hides_is_shown_as_it_is(character: str) -> None:
    found = letter(f"a{character}b", reasonCode="unfit_event", reason=f"rule x: a{character}b")
    escaped = character.encode("unicode_escape").decode()
    assert found.summary == f"a{escaped}b"
    assert f"rule x: a{escaped}b" in found.describe()
    assert len(found.describe().splitlines()) == 4


def test_what_can_be_seen_is_shown_as_it_is() -> None:
    assert letter("über 訂單 \U0001f600").summary == "über 訂單 \U0001f600"


def test_a_reason_travels_in_ascii_and_is_cut_after_that() -> None:
    sqs = Sqs()
    DeadLetters(sqs, "dead").send("body", Reason.UNFIT_EVENT, "é\u202e\ufffe\ud800\U0001f600 is missing")
    assert sqs.attributes["reason"]["StringValue"] == r"\xe9\u202e\ufffe\ud800\U0001f600 is missing"
    DeadLetters(sqs, "dead").send("body", Reason.UNFIT_EVENT, "訂" * 1000)
    assert len(sqs.attributes["reason"]["StringValue"]) == 1024


def test_every_reason_is_given_somewhere() -> None:
    code = "".join(path.read_text() for path in LAMBDAS.rglob("*.py"))
    assert [reason for reason in Reason if f"Reason.{reason.name}" not in code] == []


def test_letters_that_nobody_gave_a_code_have_advice_too() -> None:
    assert letter("body").code == Reason.FAILED_TOO_OFTEN, "SQS's own redrive writes none"
    assert letter("body").advice == ADVICE[Reason.FAILED_TOO_OFTEN]
    theirs = letter("body", ERROR_CODE="NO_PERMISSIONS", ERROR_MESSAGE="not authorized")
    assert (theirs.code, theirs.reason, theirs.advice) == ("NO_PERMISSIONS", "not authorized", OF_EVENTBRIDGE)
    assert letter("body", reason="of version 0.1.0").advice == ADVICE[Reason.FAILED_TOO_OFTEN]


def test_a_reason_is_chosen_by_its_code_or_a_part_of_its_text() -> None:
    found = letter("body", reasonCode="too_old", reason="not delivered within 3600 s")
    assert all(found.has_reason(part) for part in ("", "too_old", "not delivered"))
    assert not any(found.has_reason(part) for part in ("too", "unreachable"))


def test_a_redriven_chunk_begins_anew() -> None:
    again = Chunk.from_message(json.loads(as_new(CHUNK.to_message(), 1_800_000_000.0)))
    assert (again.rounds, again.excused, again.update.sent_at) == (0, 0, 1_800_000_000_000)
    assert (again.subscribers, again.update.sequence) == (CHUNK.subscribers, 3)
    rest = Rest.from_message(json.loads(as_new(Rest(UPDATE, "c9", 4).to_message(), 1_800_000_000.0)))
    assert (rest.update.sent_at, rest.after, rest.before) == (1_800_000_000_000, "c9", 4)


@pytest.mark.parametrize("body", ["no json", "7", "{}", json.dumps(EVENT), '{"chunk":{"later":"form"}}'])
def test_what_has_no_age_is_redriven_as_it_is(body: str) -> None:
    assert as_new(body, 1_800_000_000.0) == body


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (CHUNK.to_message(), "event id-1 for 2 connections of entity/e1"),
        (Rest(UPDATE, "c9", 4).to_message(), "event id-1 for the connections of entity/e1 after c9"),
        (json.dumps(EVENT), "event id-1 for entity/e1"),
        (
            json.dumps({**EVENT, "detail": {"entityIds": ["e1", "e2"]}}),
            'event id-1 {"entityIds": ["e1", "e2"]}',
        ),
        (json.dumps({**EVENT, "detail": {"entityId": "a\nb"}}), '{"id": "id-1"'),
        (
            json.dumps({"rule": "another", "event": {**EVENT, "detail": {"id": 7}}}),
            'event id-1 by the rule another {"id": 7}',
        ),
        ("x" * 200, "x" * 100),
    ],
)
def test_a_message_is_summed_up_in_a_line(body: str, says: str) -> None:
    assert summary(body).startswith(says)
    assert len(summary(body)) < 250


class Refusing:
    """A session whose every client is kept out by AWS."""

    def client(self, _service: str, **_options: Any) -> "Refusing":
        return self

    def receive_message(self, **_message: Any) -> Any:
        raise ClientError({"Error": {"Code": "AccessDenied", "Message": "no right"}}, "ReceiveMessage")


@pytest.mark.parametrize("chosen", ["list", "redrive"])
def test_what_aws_refuses_is_told_in_a_sentence(
    chosen: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    refusing: Any = Refusing()
    found = Deployment(dict.fromkeys(QUEUES, "url"), refusing)
    monkeypatch.setattr(deployment, "find", lambda _arguments: found)
    assert redrive.main([chosen]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("redrive: A queue could not be read or written: An error occurred (AccessDenied)")
    assert "Nothing is lost" in line


class Boomerang:
    """SQS with a dead-letter queue. All that is sent from it becomes a dead letter again at once.

    Args:
        letters: when each came, in seconds since 1970, and the code of its reason.
    """

    def __init__(self, *letters: tuple[float, str]):
        self.now, self.sends = 1_800_000_000.9, 0
        self.letters = [self._letter(*letter) for letter in letters]
        self.seen_again: list[str] = []
        self.deleted: list[str] = []

    def _letter(self, at: float, code: str) -> dict[str, Any]:
        name = f"m{self.sends}-{at}-{code}"
        return {
            "MessageId": name,
            "ReceiptHandle": name,
            "Body": json.dumps(EVENT),
            "MessageAttributes": {"reasonCode": {"DataType": "String", "StringValue": code}},
            "Attributes": {"SentTimestamp": str(round(at * 1000))},
        }

    def receive_message(self, QueueUrl: str, **_asked: Any) -> Any:  # noqa: N803
        if QueueUrl != "dead":
            return {}
        found, self.letters = self.letters[:10], self.letters[10:]
        date = email.utils.formatdate(int(self.now), usegmt=True)
        return {"Messages": found, "ResponseMetadata": {"HTTPHeaders": {"date": date}}}

    def send_message(self, **_message: Any) -> None:
        self.sends += 1
        assert self.sends < 50, "it never ends"
        self.letters.append(self._letter(self.now, "too_old"))

    def delete_message(self, ReceiptHandle: str, **_message: Any) -> None:  # noqa: N803
        self.deleted.append(ReceiptHandle)

    def change_message_visibility_batch(self, Entries: list[dict[str, Any]], **_asked: Any) -> None:  # noqa: N803
        self.seen_again += [entry["ReceiptHandle"] for entry in Entries]

    def deployment(self) -> Deployment:
        """Return a deployment that has it."""
        outputs = {"DeadLetterQueueUrl": "dead", "TargetDeadLetterQueueUrl": "target", "QueueUrl": "queue"}
        session: Any = SimpleNamespace(client=lambda *_words, **_options: self, region_name="eu-west-1")
        return Deployment(outputs, session)


def test_letters_that_come_straight_back_are_left_and_told(capsys: pytest.CaptureFixture[str]) -> None:
    sqs = Boomerang(*((1_799_999_000.0 + number, "too_old") for number in range(12)))
    assert redrive.redrive(sqs.deployment(), "") == 12
    assert sqs.sends == len(sqs.deleted) == 12
    assert len(sqs.seen_again) == 12, "others see them at once"
    printed = capsys.readouterr().out
    assert "12 messages put back on the queue\n12 came since this began, and were left." in printed


def test_letters_of_a_reason_are_deleted_each_printed_whole_and_the_others_are_left(
    capsys: pytest.CaptureFixture[str],
) -> None:
    sqs = Boomerang((1.0, "invalid_id"), (2.0, "too_old"), (1_800_000_001.0, "invalid_id"))
    assert redrive.delete(sqs.deployment(), "invalid_id") == 1
    assert sqs.deleted == ["m0-1.0-invalid_id"]
    assert (sqs.sends, sqs.seen_again) == (0, ["m0-2.0-too_old", "m0-1800000001.0-invalid_id"])
    deleted, counted, left = capsys.readouterr().out.splitlines()
    assert deleted == f"deleted: m0-1.0-invalid_id  {json.dumps(EVENT)}"
    assert (counted, left) == ("1 message deleted", "1 came since this began, and were left.")


def test_a_list_shows_messages_whole_when_asked(capsys: pytest.CaptureFixture[str]) -> None:
    found = Boomerang((1.0, "invalid_id")).deployment()
    assert redrive.show(found, "", bodies=True) == 1
    printed = capsys.readouterr().out
    assert "1 message could not be pushed\n" in printed
    assert f"  body:   {json.dumps(EVENT)}\n" in printed


@pytest.mark.parametrize("arguments", [["delete"], ["delete", "--reason", "invalid_id"]])
def test_nothing_is_deleted_without_a_reason_and_a_yes(
    arguments: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    sqs = Boomerang((1.0, "invalid_id"))
    monkeypatch.setattr(deployment, "find", lambda _arguments: sqs.deployment())
    monkeypatch.setattr("sys.stdin", io.StringIO())
    with pytest.raises(SystemExit) if len(arguments) == 1 else nullcontext():
        assert redrive.main(arguments) == 1
    assert "--yes" in (said := capsys.readouterr().err) or "--reason" in said
    assert sqs.deleted == []
    assert redrive.main(["delete", "--reason", "invalid_id", "--yes"]) == 0
    assert sqs.deleted == ["m0-1.0-invalid_id"]

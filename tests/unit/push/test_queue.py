from typing import Any

import pytest
from entity_push.push.queue import Message, NotSentError, Queue


class Sqs:
    """An SQS that refuses some entries a few times."""

    def __init__(self, refusals: dict[str, int] | None = None):
        self.refusals = refusals or {}
        self.calls: list[list[dict[str, Any]]] = []
        self.sent: list[str] = []

    def send_message_batch(self, QueueUrl: str, Entries: list[dict[str, Any]]) -> dict[str, Any]:  # noqa: N803
        assert QueueUrl == "url"
        self.calls.append(Entries)
        failed = []
        for entry in Entries:
            if self.refusals.get(entry["MessageBody"], 0) > 0:
                self.refusals[entry["MessageBody"]] -= 1
                failed.append({"Id": entry["Id"], "Code": "ServiceUnavailable", "SenderFault": False})
            else:
                self.sent.append(entry["MessageBody"])
        return {"Failed": failed}


def queue(sqs: Sqs) -> Queue:
    return Queue(sqs, "url", pause=lambda _seconds: None)


def test_messages_are_sent_ten_at_a_time_in_order() -> None:
    sqs = Sqs()
    assert queue(sqs).send(Message(str(number), 3) for number in range(25)) == 25
    assert [len(call) for call in sqs.calls] == [10, 10, 5]
    assert sqs.sent == [str(number) for number in range(25)]
    assert {entry["DelaySeconds"] for call in sqs.calls for entry in call} == {3}


def test_a_batch_stays_within_the_bytes_that_sqs_takes() -> None:
    sqs = Sqs()
    queue(sqs).send(Message("x" * 400_000) for _ in range(5))
    assert [len(call) for call in sqs.calls] == [2, 2, 1]


def test_only_what_was_refused_is_sent_again() -> None:
    sqs = Sqs({"3": 2})
    queue(sqs).send(Message(str(number)) for number in range(5))
    assert [len(call) for call in sqs.calls] == [5, 1, 1]
    assert sorted(sqs.sent) == ["0", "1", "2", "3", "4"]


def test_what_is_refused_for_ever_is_an_error() -> None:
    with pytest.raises(NotSentError, match=r"1 messages were refused: .*ServiceUnavailable"):
        queue(Sqs({"3": 1000})).send(Message(str(number)) for number in range(5))


def test_nothing_to_send_makes_no_call() -> None:
    sqs = Sqs()
    assert queue(sqs).send([]) == 0
    assert sqs.calls == []

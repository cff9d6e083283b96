"""A message that fails as a whole at its last receive: its dead letter has the reason. SQS would lose it."""

from typing import Any

import pytest
from entity_push.push import retries

from tests.unit.conftest import printed_metrics
from tests.unit.push.bench import Bench, break_the_table, event


def received(bench: Bench, *bodies: str, times: int, seconds: float = 60) -> list[str]:
    """Push messages that SQS hands out for so many times; return the ids of those that come back."""
    records = [bench.record(number, body) for number, body in enumerate(bodies)]
    for record in records:
        record["attributes"]["ApproximateReceiveCount"] = str(times)
    return bench.fan_out.push(records, seconds=seconds)


@pytest.fixture
def broken(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> Bench:
    """Return a bench whose table fails for the entity e1."""
    break_the_table(bench, "entity/e1", monkeypatch)
    return bench


def test_before_the_last_receive_it_comes_back(broken: Bench) -> None:
    assert received(broken, event("e1"), times=retries.MAX_RECEIVES - 1) == ["m0"]
    assert broken.sqs.soon.keys() == {"r0"}
    assert broken.sqs.dead == []


def test_at_the_last_receive_it_is_a_dead_letter_with_the_failure(
    broken: Bench, capsys: pytest.CaptureFixture[str]
) -> None:
    assert received(broken, event("e1"), event("e2"), times=retries.MAX_RECEIVES) == []
    assert broken.sqs.codes == ["failed_too_often"]
    ((body, reason),) = broken.sqs.dead
    assert body == event("e1")
    assert reason == "the event could not be prepared: RuntimeError('DynamoDB is having a bad day')"
    assert broken.sqs.soon == {}
    (metrics,) = printed_metrics(capsys)
    assert (sum(metrics["Failed"]), sum(metrics["DeadLetters"])) == (1, 1)


def test_what_there_was_no_time_for_says_so(bench: Bench) -> None:
    seconds = retries.PREPARE_RESERVE_SECONDS
    assert received(bench, event("e1"), times=retries.MAX_RECEIVES, seconds=seconds) == []
    assert bench.sqs.dead == [(event("e1"), "no time left to begin")]


def test_a_letter_that_can_not_be_sent_is_left_to_the_queues_own_redrive(
    broken: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_arguments: Any) -> None:
        raise RuntimeError("SQS too")

    monkeypatch.setattr(broken.dead_letters, "send", refused)
    assert received(broken, event("e1"), times=retries.MAX_RECEIVES) == ["m0"]

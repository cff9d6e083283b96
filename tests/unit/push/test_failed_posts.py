"""What becomes of connections whose posts failed: another round, forgotten, closed, or a dead letter."""

import json
from typing import Any

import pytest
from entity_push.posting.posts import Outcome
from entity_push.push import retries
from entity_push.push.messages import Chunk
from entity_push.push.retries import MAX_AGE_SECONDS, MAX_EXCUSED_ROUNDS, MAX_ROUNDS
from entity_push.runtime.aws_errors import RefusedError
from entity_push.table.connections import Connections

from tests.unit.conftest import all_items
from tests.unit.push.bench import Bench, chunk, event, queued_before


def test_the_gone_are_forgotten_and_nobody_gets_it_twice(bench: Bench) -> None:
    bench.subscribe("entity/e1", "a", "b", "c")
    bench.engine.verdict = lambda name: Outcome.GONE if name == "b" else Outcome.DELIVERED
    assert bench.push(event("e1", 1), event("e1", 2)) == []
    assert sorted(name for name, _ in bench.engine.posted) == ["a", "a", "b", "c", "c"]
    assert not [item for item in all_items(bench.dynamodb) if "b" in (item["pk"][-1], item["sk"][-1])]
    assert len(all_items(bench.dynamodb)) == 4


def test_one_that_seems_gone_but_may_be_opening_is_tried_again(bench: Bench) -> None:
    bench.subscribe("entity/e1", "old")
    bench.subscribe("entity/e1", "young", age=5)
    bench.engine.verdict = lambda _name: Outcome.GONE
    bench.push(event("e1"))
    assert [item["pk"] for item in all_items(bench.dynamodb)] == ["CHANNEL#entity/e1", "CONNECTION#young"]
    assert [(list(part.subscribers), part.rounds) for part in bench.sqs.chunks()] == [(["young"], 1)]


def test_a_retry_carries_only_those_that_failed(bench: Bench) -> None:
    bench.subscribe("entity/e1", *(f"c{number:02}" for number in range(20)))
    failing = {"c03", "c07"}
    bench.engine.verdict = lambda name: Outcome.RETRY if name in failing else Outcome.DELIVERED
    assert bench.push(event("e1")) == []
    (again,) = bench.sqs.chunks()
    assert (set(again.subscribers), again.rounds) == (failing, 1)
    assert bench.sqs.queued[0]["DelaySeconds"] in (1, 2)
    bench.engine.posted.clear()
    bench.push(bench.sqs.queued[0]["MessageBody"])
    assert {name for name, _ in bench.engine.posted} == failing
    assert bench.sqs.chunks()[1].rounds == 2


def test_what_time_did_not_suffice_for_is_handed_back_and_no_round_is_counted(bench: Bench) -> None:
    bench.subscribe("entity/e1", "a", "b")
    bench.engine.verdict = lambda name: Outcome.UNSENT if name == "b" else Outcome.DELIVERED
    bench.push(event("e1"))
    assert [(list(part.subscribers), part.rounds) for part in bench.sqs.chunks()] == [(["b"], 0)]


@pytest.mark.parametrize("outcome", [Outcome.UNSENT, Outcome.SILENT])
def test_what_is_no_fault_of_a_connection_comes_back_later_each_time_and_uncounted(
    bench: Bench, outcome: Outcome
) -> None:
    """Credentials that fail, or a silent endpoint, must not make workers spin for an hour."""
    bench.subscribe("entity/e1", "a")
    bench.engine.verdict = lambda _name: outcome
    bench.push(event("e1"))
    for number in range(1, 6):
        entry = bench.sqs.queued.pop()
        assert not bench.sqs.queued
        assert 2 ** (number - 1) <= entry["DelaySeconds"] <= 2**number
        again = Chunk.from_message(json.loads(entry["MessageBody"]))
        assert (again.rounds, again.excused) == (0, number)
        bench.push(entry["MessageBody"])
        assert bench.engine.suspects == {"a": True}


def test_a_silent_endpoint_is_an_excuse_for_a_minute_and_other_trouble_for_an_hour(bench: Bench) -> None:
    bench.engine.verdict = lambda name: Outcome.SILENT if name == "silent" else Outcome.UNSENT
    excused = MAX_EXCUSED_ROUNDS - 1
    bench.push(chunk("silent", excused=excused), chunk("unsent", excused=excused))
    assert [(part.rounds, part.excused) for part in bench.sqs.chunks()] == [(0, excused + 1)] * 2
    bench.sqs.queued.clear()
    bench.push(chunk("silent", excused=excused + 1), chunk("unsent", excused=excused + 1))
    found = {next(iter(part.subscribers)): (part.rounds, part.excused) for part in bench.sqs.chunks()}
    assert found == {"silent": (1, excused + 1), "unsent": (0, excused + 2)}
    assert sum(retries.delay_seconds(number) for number in range(1, excused + 2)) >= 60


def test_who_has_failed_or_been_excused_before_is_a_suspect(bench: Bench) -> None:
    bench.push(chunk("a"), chunk("b", rounds=1), chunk("c", excused=1))
    assert bench.engine.suspects == {"a": False, "b": True, "c": True}


def test_a_delivery_is_handed_on_when_its_own_posts_are_done(bench: Bench) -> None:
    """Nobody's retry waits for another delivery's connection that does not answer."""
    bench.subscribe("entity/e1", "fails")
    bench.subscribe("entity/e2", "slow")
    queued = queued_before(bench, "slow", Outcome.DELIVERED)
    assert bench.push(event("e1"), event("e2")) == []
    assert queued == [1]


def test_what_is_held_back_by_a_failure_is_handed_on_with_it(bench: Bench) -> None:
    bench.subscribe("entity/e1", "fails")
    bench.subscribe("entity/e2", "slow")
    queued = queued_before(bench, "slow", Outcome.RETRY)
    assert bench.push(event("e1", 1), event("e1", 2), event("e2")) == []
    assert queued == [2]


def test_a_later_frame_does_not_overtake_one_that_failed(bench: Bench) -> None:
    bench.subscribe("entity/e1", "a", "b")
    bench.engine.verdict = lambda name: Outcome.RETRY if name == "b" else Outcome.DELIVERED
    bench.push(event("e1", 1), event("e1", 2))
    assert sorted(name for name, _ in bench.engine.posted) == ["a", "a", "b"]
    assert [list(part.subscribers) for part in bench.sqs.chunks()] == [["b"], ["b"]]


def test_one_that_may_be_opening_gets_every_update_of_the_batch_later(bench: Bench) -> None:
    bench.subscribe("entity/e1", "young", age=5)
    bench.engine.verdict = lambda _name: Outcome.GONE
    bench.push(event("e1", 1), event("e1", 2))
    frames = [json.loads(part.update.frame)["message"] for part in bench.sqs.chunks()]
    assert sorted(frames) == [1, 2]
    assert {name for part in bench.sqs.chunks() for name in part.subscribers} == {"young"}


def test_a_table_that_can_not_forget_brings_nobody_a_duplicate(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(*_arguments: Any, **_others: Any) -> Any:
        raise RefusedError("BatchWriteItem", "ProvisionedThroughputExceededException")

    bench.subscribe("entity/e1", "a", "b")
    bench.engine.verdict = lambda name: Outcome.GONE if name == "b" else Outcome.DELIVERED
    monkeypatch.setattr(Connections, "forget", failing)
    assert bench.push(event("e1")) == []
    assert [(list(part.subscribers), part.rounds) for part in bench.sqs.chunks()] == [(["b"], 0)]


def test_after_the_last_round_the_connection_is_closed_and_forgotten(bench: Bench) -> None:
    bench.subscribe("entity/e1", "a", "b")
    bench.engine.verdict = lambda _name: Outcome.RETRY
    assert bench.push(chunk("a", rounds=MAX_ROUNDS - 1)) == []
    assert bench.engine.closed == ["a"]
    assert {item["pk"] for item in all_items(bench.dynamodb)} == {"CHANNEL#entity/e1", "CONNECTION#b"}
    assert not bench.sqs.queued
    assert not bench.sqs.dead


def test_one_that_can_not_even_be_closed_is_a_dead_letter_that_can_be_redriven(bench: Bench) -> None:
    bench.subscribe("entity/e1", "a")
    bench.engine.verdict = bench.engine.closing = lambda _name: Outcome.RETRY
    bench.push(chunk("a", rounds=MAX_ROUNDS - 1))
    ((body, reason),) = bench.sqs.dead
    assert reason == f"neither reached nor closed in {MAX_ROUNDS} rounds"
    assert bench.sqs.codes == ["unreachable"]
    assert Chunk.from_message(json.loads(body)).rounds == 0
    assert len(all_items(bench.dynamodb)) == 2


@pytest.mark.parametrize("outcome", [Outcome.RETRY, Outcome.SILENT, Outcome.UNSENT])
def test_whom_an_old_update_does_not_reach_is_closed_so_that_it_catches_up(
    bench: Bench, outcome: Outcome
) -> None:
    """Living on with a hole that it does not know of would be worse."""
    bench.subscribe("entity/e1", "a", "b")
    bench.engine.verdict = lambda _name: outcome
    assert bench.push(chunk("a", age=MAX_AGE_SECONDS - 5)) == []
    assert (len(bench.sqs.queued), bench.engine.closed) == (1, [])
    bench.sqs.queued.clear()
    assert bench.push(chunk("a", age=MAX_AGE_SECONDS + 5)) == []
    assert bench.engine.closed == ["a"]
    assert {item["pk"] for item in all_items(bench.dynamodb)} == {"CHANNEL#entity/e1", "CONNECTION#b"}
    assert not bench.sqs.queued
    assert not bench.sqs.dead


def test_whom_an_old_update_neither_reaches_nor_can_close_is_a_dead_letter(bench: Bench) -> None:
    bench.engine.verdict = bench.engine.closing = lambda _name: Outcome.UNSENT
    bench.push(chunk("a", excused=3, age=MAX_AGE_SECONDS + 5))
    ((body, reason),) = bench.sqs.dead
    assert reason == f"neither reached within {MAX_AGE_SECONDS} s nor closed"
    assert bench.sqs.codes == ["too_old"]
    assert bench.sqs.queued == []
    letter = Chunk.from_message(json.loads(body))
    assert (list(letter.subscribers), letter.rounds, letter.excused) == (["a"], 0, 0)


def test_one_that_may_be_opening_is_not_closed_for_the_age_of_an_update(bench: Bench) -> None:
    bench.subscribe("entity/e1", "young", age=5)
    bench.engine.verdict = lambda _name: Outcome.GONE
    assert bench.push(chunk("young", age=MAX_AGE_SECONDS + 5)) == []
    assert bench.engine.closed == []
    assert [(list(part.subscribers), part.rounds) for part in bench.sqs.chunks()] == [(["young"], 1)]


def test_refused_posts_are_a_dead_letter_with_the_answers_and_those_it_concerns(bench: Bench) -> None:
    refused = {"a", "b"}
    bench.engine.verdict = lambda name: Outcome.REFUSED if name in refused else Outcome.DELIVERED
    assert bench.push(chunk("a", "b", "c", rounds=2)) == []
    assert not bench.sqs.queued
    assert not bench.engine.closed
    ((body, reason),) = bench.sqs.dead
    assert bench.sqs.codes == ["refused"]
    assert reason == "API Gateway refused posts: 0 scripted (2)"
    letter = Chunk.from_message(json.loads(body))
    assert (set(letter.subscribers), letter.rounds) == (refused, 0)
    bench.engine.verdict = lambda _name: Outcome.DELIVERED
    bench.engine.posted.clear()
    assert bench.push(body) == []
    assert {name for name, _ in bench.engine.posted} == refused, "a redrive posts to them alone"


def test_however_many_are_gone_all_are_forgotten_or_handed_back(bench: Bench) -> None:
    old = [f"old{number}" for number in range(25)]
    young = [f"young{number}" for number in range(25)]
    bench.subscribe("entity/e1", *old)
    bench.subscribe("entity/e1", *young, age=5)
    bench.engine.verdict = lambda _name: Outcome.GONE
    bench.push(event("e1"))
    assert {name for part in bench.sqs.chunks() for name in part.subscribers} == set(young)
    left = {item["pk"].removeprefix("CONNECTION#") for item in all_items(bench.dynamodb)}
    assert left - {"CHANNEL#entity/e1"} == set(young)


@pytest.mark.parametrize("outcome", list(Outcome))
def test_who_can_not_be_closed_is_not_forgotten(bench: Bench, outcome: Outcome) -> None:
    bench.subscribe("entity/e1", "a")
    bench.engine.verdict = lambda _name: Outcome.RETRY
    bench.engine.closing = lambda _name: outcome
    bench.push(chunk("a", rounds=MAX_ROUNDS - 1))
    closed = outcome in (Outcome.DELIVERED, Outcome.GONE)
    assert bench.sqs.codes == ([] if closed else ["unreachable"])
    assert ("CONNECTION#a" in {item["pk"] for item in all_items(bench.dynamodb)}) is not closed

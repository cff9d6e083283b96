"""Each message's fate, with a scripted delivery engine; the real one is in tests/delivery."""

import json
import time
from typing import Any

import pytest
from entity_push.posting.posts import Outcome
from entity_push.protocol.channels import everyone_list
from entity_push.push import retries
from entity_push.push.retries import MAX_ROUNDS, UNKNOWN_RULE_SECONDS
from entity_push.runtime.aws_errors import RefusedError
from entity_push.table.no_history import NoHistory

from tests.unit.conftest import TABLE_NAME, printed_metrics
from tests.unit.push.bench import Bench, break_the_table, chunk, event


def test_an_update_is_posted_to_each_subscriber_of_its_channel_once(bench: Bench) -> None:
    bench.subscribe("entity/e1", "a", "b")
    bench.subscribe("entity/e2", "c")
    assert bench.push(event("e1"), event("e2"), event("e3")) == []
    assert sorted(name for name, _ in bench.engine.posted) == ["a", "b", "c"]
    assert not bench.sqs.queued
    assert not bench.sqs.dead


def test_an_event_of_several_entities_goes_back_to_the_queue_as_one_message_for_each(bench: Bench) -> None:
    bench.subscribe("entity/e1", "a")
    bench.subscribe("entity/e2", "a", "b")
    body = json.loads(event("e1"))
    body["detail"] = {"entityIds": ["e1", "e2"], "message": "m"}
    assert bench.push(json.dumps(body)) == []
    assert bench.engine.posted == []
    assert bench.push(*(entry["MessageBody"] for entry in bench.sqs.queued)) == []
    assert sorted(name for name, _ in bench.engine.posted) == ["a", "a", "b"]


def test_a_connection_that_is_subscribed_both_ways_gets_the_frame_once(bench: Bench) -> None:
    bench.subscribe("entity/orders/1", "a", "b")
    bench.subscribe("entity/orders/*", "b", "c")
    bench.subscribe("entity/*", "c", "d")
    bench.subscribe("entity/rooms/*", "e")
    assert bench.push(event("orders/1")) == []
    assert sorted(name for name, _ in bench.engine.posted) == ["a", "b", "c", "d"]


def test_a_broadcast_reaches_all_of_everyones_lists(bench: Bench) -> None:
    names = [f"c{number}" for number in range(20)]
    for name in names:
        bench.subscribe(everyone_list(name), name)
    body = {**json.loads(event("e1")), "detail-type": "Broadcast", "detail": {"message": "m"}}
    assert bench.push(json.dumps(body)) == []
    assert sorted(name for name, _ in bench.engine.posted) == sorted(names)


def test_updates_of_one_channel_are_posted_in_order(bench: Bench) -> None:
    bench.subscribe("entity/e1", "a", "b")
    bench.push(event("e1", 1), event("e1", 2), event("e1", 3))
    for name in ("a", "b"):
        frames = [json.loads(frame)["message"] for who, frame in bench.engine.posted if who == name]
        assert frames == [1, 2, 3]


def test_an_event_that_comes_twice_in_one_batch_is_pushed_once_and_later_again_with_its_number(
    bench: Bench,
) -> None:
    bench.subscribe("entity/e1", "a")
    assert bench.push(event("e1", 1), event("e1", 2), event("e1", 1)) == []
    bench.push(event("e1", 1))
    frames = [json.loads(frame) for _, frame in bench.engine.posted]
    assert [(frame["message"], frame["sequence"]) for frame in frames] == [(1, 1), (2, 2), (1, 1)]


def test_without_a_history_updates_go_as_they_come_and_have_no_number(bench: Bench) -> None:
    bench.subscribe("entity/e1", "a")
    bench.fan_out = bench.with_numbers(NoHistory(TABLE_NAME))
    bench.push(event("e1", 1), event("e1", 2))
    frames = [json.loads(frame) for _, frame in bench.engine.posted]
    assert [frame["message"] for frame in frames] == [1, 2]
    assert not [frame for frame in frames if "sequence" in frame or "cursor" in frame]


def test_an_unusable_message_is_a_dead_letter_with_its_reason_and_harms_no_other(bench: Bench) -> None:
    bench.subscribe("entity/e1", "a")
    assert bench.push("no json", event("e1"), event("*")) == []
    assert [name for name, _ in bench.engine.posted] == ["a"]
    assert [(body[:7], reason[:15]) for body, reason in bench.sqs.dead] == [
        ("no json", "the message is "),
        ('{"id": ', "detail.entityId"),
    ]
    assert bench.sqs.codes == ["not_json", "invalid_entity_id"]


def test_chunks_of_one_channel_are_posted_by_number_however_they_arrive(bench: Bench) -> None:
    bench.subscribe("entity/e1", "a")
    bench.engine.verdict = lambda _name: Outcome.RETRY
    bench.push(event("e1", 1), event("e1", 2))
    bench.engine.verdict = lambda _name: Outcome.DELIVERED
    bench.engine.posted.clear()
    bench.push(*reversed([entry["MessageBody"] for entry in bench.sqs.queued]))
    assert [json.loads(frame)["sequence"] for _, frame in bench.engine.posted] == [1, 2]


def test_one_event_that_can_not_be_stored_fails_alone(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    append = bench.history.append

    async def picky(events: Any) -> Any:
        if any(item.event_id == "e1-2" for item in events):
            raise RecursionError
        return await append(events)

    monkeypatch.setattr(bench.history, "append", picky)
    bench.subscribe("entity/e1", "a")
    assert bench.push(event("e1", 1), event("e1", 2), event("e1", 3)) == ["m1"]
    assert [json.loads(frame)["message"] for _, frame in bench.engine.posted] == [1, 3]


def test_what_can_not_be_begun_in_time_comes_back(bench: Bench) -> None:
    bench.subscribe("entity/e1", "a")
    assert bench.push(event("e1"), seconds=20) == ["m0"]
    assert bench.engine.posted == []


def test_a_dead_letter_that_can_not_be_sent_brings_its_message_back(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(**_parameters: Any) -> None:
        raise RefusedError("SendMessage", "AccessDenied")

    monkeypatch.setattr(bench.sqs, "send_message", refuse)
    bench.engine.verdict = lambda name: Outcome.REFUSED if name == "refused" else Outcome.RETRY
    bench.engine.closing = lambda _name: Outcome.RETRY
    unusable, last = "no JSON", chunk("last", rounds=MAX_ROUNDS - 1)
    assert sorted(bench.push(unusable, chunk("refused"), last)) == ["m0", "m1", "m2"]
    assert bench.sqs.soon.keys() == {"r0", "r1", "r2"}


def test_if_a_retry_can_not_be_queued_its_message_comes_back_soon_and_the_others_do_not(bench: Bench) -> None:
    bench.subscribe("entity/e2", "c")
    bench.engine.verdict = lambda name: Outcome.RETRY if name == "a" else Outcome.DELIVERED
    bench.sqs.refuses = True
    assert bench.push(chunk("a"), event("e2")) == ["m0"]
    assert bench.sqs.soon == {"r0": 8}


def test_a_table_that_fails_for_one_channel_harms_no_other(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.subscribe("entity/e2", "c")
    break_the_table(bench, "entity/e1", monkeypatch)
    assert bench.push(event("e1"), event("e2")) == ["m0"]
    assert [name for name, _ in bench.engine.posted] == ["c"]


def test_posts_end_with_the_reserve_for_settling_left(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    deadlines: list[float] = []
    deliver = bench.engine.deliver

    def note(posts: Any, *, deadline: float) -> Any:
        deadlines.append(deadline - time.monotonic())
        return deliver(posts, deadline=deadline)

    monkeypatch.setattr(bench.engine, "deliver", note)
    bench.push(chunk("a"), seconds=60)
    (left,) = deadlines
    assert left == pytest.approx(60 - retries.SETTLE_RESERVE_SECONDS, abs=2)


@pytest.mark.parametrize(("receives", "seconds"), [(1, 2), (8, 256), (9, 300), (12, 300)])
def test_a_message_that_failed_comes_back_within_five_minutes(
    bench: Bench, receives: int, seconds: int
) -> None:
    record = bench.record(0, "a body")
    record["attributes"]["ApproximateReceiveCount"] = str(receives)
    bench.queue.come_back_soon([record])
    assert bench.sqs.soon == {"r0": seconds}


def test_metrics_are_printed_with_the_deployment_as_their_dimension(
    bench: Bench, capsys: pytest.CaptureFixture[str]
) -> None:
    bench.subscribe("entity/e1", "a", "b", "c")
    bench.engine.verdict = lambda name: Outcome.GONE if name == "b" else Outcome.DELIVERED
    bench.push(event("e1"), "no json", age=2)
    (metrics,) = printed_metrics(capsys)
    assert metrics["Stack"] == "Orders"
    counts = {name: sum(metrics[name]) for name in ("Updates", "Deliveries", "Gone", "DeadLetters")}
    assert counts == {"Updates": 1, "Deliveries": 2, "Gone": 1, "DeadLetters": 1}
    assert metrics["SubscribersPerUpdate"] == [3]
    assert 2000 <= metrics["TimeToLastPost"][0] < 20_000


def own_event(rule: str, **detail: Any) -> str:
    own = {"id": "e-1", "detail-type": "OrderPaid", "time": "2026-11-22T18:43:48Z", "detail": detail}
    return json.dumps({"rule": rule, "event": own})


@pytest.mark.parametrize("together", [True, False])
def test_two_rules_make_two_updates_of_one_event_and_a_redelivery_none(bench: Bench, together: bool) -> None:
    bench.subscribe("entity/orders/7", "a")
    bodies = [own_event(rule, id=7, state="paid", total=12) for rule in ("state", "total")]
    for batch in [bodies] if together else [[body] for body in bodies]:
        assert bench.push(*batch) == []
    pushed = [json.loads(frame) for _, frame in bench.engine.posted]
    assert [(frame["sequence"], frame["message"], frame["rule"]) for frame in pushed] == [
        (1, "paid", "state"),
        (2, 12, "total"),
    ]
    assert bench.push(*bodies) == []
    again = [json.loads(frame)["sequence"] for _, frame in bench.engine.posted[2:]]
    assert again == [1, 2], "a redelivered event keeps its number, under each of its rules"


def test_an_event_by_an_unknown_rule_comes_back_and_then_is_a_dead_letter_that_keeps_it(bench: Bench) -> None:
    body = own_event("later", id=7)
    assert bench.push(body, age=UNKNOWN_RULE_SECONDS - 60) == ["m0"]
    assert not bench.sqs.dead
    assert bench.push(body, age=UNKNOWN_RULE_SECONDS + 1) == []
    assert bench.sqs.dead == [(body, "there is no rule 'later'")]
    assert bench.sqs.codes == ["unknown_rule"]


def test_an_event_that_does_not_fit_its_rule_is_a_dead_letter_that_keeps_it(bench: Bench) -> None:
    body = own_event("state", state="paid")
    assert bench.push(body) == []
    assert bench.sqs.dead == [(body, "rule state: $.detail.id is missing")]
    assert bench.sqs.codes == ["unfit_event"]

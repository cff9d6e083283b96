"""Updates with more than one page of subscribers: chunks and rests."""

import json
import time
from typing import Any

import pytest
from entity_push.table.subscribers import NEVER

from tests.unit.push.bench import Bench, crowd, event


def test_more_than_a_page_of_subscribers_is_split_into_chunks_on_the_queue(bench: Bench) -> None:
    ids = crowd(bench, 2500)
    assert bench.push(event("e1", 7)) == []
    assert bench.engine.posted == []
    everybody = [name for part in bench.sqs.chunks() for name in part.subscribers]
    assert sorted(everybody) == ids
    bench.push(*[entry["MessageBody"] for entry in bench.sqs.queued])
    assert sorted(name for name, _ in bench.engine.posted) == ids
    assert {json.loads(frame)["message"] for _, frame in bench.engine.posted} == {7}


def slow_clock(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Return a list with the time, which goes on by 20 s with each call of SQS, and stands still else."""
    clock = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])
    send = bench.sqs.send_message_batch

    def slow(**parameters: Any) -> Any:
        clock[0] += 20
        return send(**parameters)

    monkeypatch.setattr(bench.sqs, "send_message_batch", slow)
    return clock


def test_what_there_is_no_time_to_split_is_gone_on_with_later(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = crowd(bench, 2500)
    clock = slow_clock(bench, monkeypatch)
    prepared = bench.batch()
    prepared.add(bench.record(0, event("e1", 7)))
    prepared.prepare(until=10)
    assert prepared.failed == {}
    *parts, last = [json.loads(entry["MessageBody"]) for entry in bench.sqs.queued]
    reached = [name for part in parts for name in part["chunk"]["subscribers"]]
    assert 0 < len(reached) < 2500
    assert last["rest"]["after"] == reached[-1]
    prepared.add(bench.record(1, json.dumps(last)))
    bench.sqs.queued.clear()
    clock[0] = 0
    prepared = bench.batch()
    prepared.add(bench.record(1, json.dumps(last)))
    prepared.prepare(until=10)
    reached += [name for part in bench.sqs.chunks() for name in part.subscribers]
    assert reached == ids
    assert prepared.metrics.subscribers == [2500]


def test_there_is_a_rest_for_each_of_several_updates(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    ids = crowd(bench, 2500)
    clock = slow_clock(bench, monkeypatch)
    prepared = bench.batch()
    for number in (1, 2):
        prepared.add(bench.record(number, event("e1", number)))
    prepared.prepare(until=10)
    bodies = [json.loads(entry["MessageBody"]) for entry in bench.sqs.queued]
    reached = {1: list[str](), 2: list[str]()}
    rests = [body for body in bodies if "rest" in body]
    assert [json.loads(body["rest"]["frame"])["message"] for body in rests] == [1, 2]
    clock[0] = 0
    later = bench.batch()
    for number, body in enumerate(rests):
        later.add(bench.record(number, json.dumps(body)))
    later.prepare(until=10**6)
    for entry in bench.sqs.queued:
        if "chunk" in (body := json.loads(entry["MessageBody"])):
            message = json.loads(body["chunk"]["frame"])["message"]
            reached[message] += body["chunk"]["subscribers"]
    assert {message: sorted(names) for message, names in reached.items()} == {1: sorted(ids), 2: sorted(ids)}


def test_a_split_that_fails_comes_back_and_harms_no_other_channel(bench: Bench) -> None:
    crowd(bench, 2500)
    bench.subscribe("entity/e2", "a")
    bench.sqs.refuses = True
    assert bench.push(event("e1"), event("e2")) == ["m0"]
    assert [name for name, _ in bench.engine.posted] == ["a"]


def test_a_page_that_is_split_tells_each_chunk_when_rights_end(bench: Bench) -> None:
    crowd(bench, 2500)
    soon = round(time.time()) + 60
    bench.subscribe("entity/e1", "a", expires=soon)
    bench.push(event("e1"))
    told = {name: ends for part in bench.sqs.chunks() for name, ends in part.subscribers.items()}
    assert told.pop("a") == soon
    assert set(told.values()) == {NEVER}

"""The end of a right to updates, on its way with each post."""

import json
import time

import pytest
from entity_push.posting.posts import Outcome
from entity_push.protocol.events import Update
from entity_push.push.messages import Chunk
from entity_push.push.retries import MAX_ROUNDS

from tests.unit.conftest import all_items, printed_metrics
from tests.unit.push.bench import Bench, event


def test_a_post_carries_when_its_right_ends_at_first_and_in_every_retry(bench: Bench) -> None:
    soon = round(time.time()) + 60
    bench.subscribe("entity/e1", "a", "b", expires=soon)
    bench.engine.verdict = lambda name: {"a": Outcome.RETRY, "b": Outcome.UNSENT}[name]
    bench.push(event("e1"))
    assert bench.engine.expires == {"a": soon, "b": soon}
    bench.engine.expires.clear()
    bench.push(*[entry["MessageBody"] for entry in bench.sqs.queued])
    assert bench.engine.expires == {"a": soon, "b": soon}


def test_one_that_may_be_opening_is_tried_again_no_longer_than_its_right_lasts(bench: Bench) -> None:
    soon = round(time.time()) + 60
    bench.subscribe("entity/e1", "young", age=5, expires=soon)
    bench.engine.verdict = lambda _name: Outcome.GONE
    bench.push(event("e1"))
    assert [part.subscribers for part in bench.sqs.chunks()] == [{"young": soon}]


def test_a_dead_letter_keeps_when_rights_end(bench: Bench) -> None:
    bench.engine.verdict = bench.engine.closing = lambda _name: Outcome.RETRY
    update = Update("entity/e1", "id-1", b'{"type":"x"}', round(time.time() * 1000))
    bench.push(Chunk(update, {"a": 1_800_000_000}, MAX_ROUNDS - 1).to_message())
    ((body, _reason),) = bench.sqs.dead
    assert Chunk.from_message(json.loads(body)).subscribers == {"a": 1_800_000_000}


def test_the_expired_are_counted_and_logged_and_neither_retried_nor_closed_nor_forgotten(
    bench: Bench, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    bench.subscribe("entity/e1", "a", "b")
    before = all_items(bench.dynamodb)
    bench.engine.verdict = lambda name: Outcome.EXPIRED if name == "b" else Outcome.DELIVERED
    assert bench.push(event("e1")) == []
    assert (bench.sqs.queued, bench.sqs.dead, bench.engine.closed) == ([], [], [])
    assert all_items(bench.dynamodb) == before
    (metrics,) = printed_metrics(capsys)
    assert metrics["Expired"] == [1]
    (pushed,) = (record for record in caplog.records if record.message == "pushed")
    assert vars(pushed)["expired"] == 1

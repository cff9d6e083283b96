"""Each message's fate, with a scripted delivery engine; the real one is in tests/delivery."""

import json
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError
from entity_push.auth.bearer import Bearer
from entity_push.auth.grants import EVERYTHING
from entity_push.posting.posts import NOT_YET, NotYet, Outcome, Post, Result
from entity_push.protocol.channels import everyone_list
from entity_push.protocol.event_rules import by_name, read_rules
from entity_push.protocol.events import Update
from entity_push.push import retries
from entity_push.push.batch import Batch, Numbers
from entity_push.push.dead_letters import DeadLetters
from entity_push.push.fan_out import FanOut
from entity_push.push.messages import Chunk
from entity_push.push.queue import Queue
from entity_push.push.retries import MAX_AGE_SECONDS, MAX_EXCUSED_ROUNDS, MAX_ROUNDS, UNKNOWN_RULE_SECONDS
from entity_push.table.calls import one_by_one
from entity_push.table.connections import Connection, Connections
from entity_push.table.history import History
from entity_push.table.no_history import NoHistory
from entity_push.table.subscribers import NEVER, Subscribers

from tests.unit.conftest import TABLE_NAME, all_items

Verdict = Callable[[str], Outcome]


class Engine:
    """Delivers as a function from connection id to outcome says."""

    def __init__(self) -> None:
        self.verdict: Verdict = lambda _id: Outcome.DELIVERED
        self.closing: Verdict = lambda _id: Outcome.DELIVERED
        self.posted: list[tuple[str, bytes]] = []
        self.expires: dict[str, float] = {}
        self.closed: list[str] = []
        self.suspects: dict[str, bool] = {}

    def deliver(self, posts: Iterable[Post | NotYet], *, deadline: float) -> Iterator[Result]:
        assert deadline > time.monotonic()
        for post in posts:
            assert post is not NOT_YET, "each result was noted before the next post"
            self.posted.append((post.connection_id, post.frame))
            self.expires[post.connection_id] = post.expires
            self.suspects[post.connection_id] = post.suspect
            yield Result(post.connection_id, self.verdict(post.connection_id), 0, "scripted", tag=post.tag)

    def disconnect(
        self, connection_ids: Iterable[str], *, deadline: float, suspect: bool = False
    ) -> Iterator[Result]:
        assert deadline > time.monotonic()
        assert suspect, "what failed for so long is not waited for"
        for connection_id in connection_ids:
            self.closed.append(connection_id)
            yield Result(connection_id, self.closing(connection_id), 0, "scripted")


class Sqs:
    """Both queues; a dead letter is what came with a reason."""

    def __init__(self) -> None:
        self.queued: list[dict[str, Any]] = []
        self.dead: list[tuple[str, str]] = []
        self.codes: list[str] = []
        self.refuses = False
        self.soon: dict[str, int] = {}

    def send_message_batch(self, QueueUrl: str, Entries: list[dict[str, Any]]) -> dict[str, Any]:  # noqa: N803
        assert QueueUrl == "queue"
        if self.refuses:
            return {"Failed": [{"Id": entry["Id"], "Code": "InternalError"} for entry in Entries]}
        self.queued += Entries
        return {}

    def send_message(self, QueueUrl: str, MessageBody: str, MessageAttributes: Any) -> None:  # noqa: N803
        assert QueueUrl == "dead"
        self.dead.append((MessageBody, MessageAttributes["reason"]["StringValue"]))
        self.codes.append(MessageAttributes["reasonCode"]["StringValue"])

    def change_message_visibility_batch(self, QueueUrl: str, Entries: list[dict[str, Any]]) -> None:  # noqa: N803
        assert QueueUrl == "queue"
        self.soon |= {entry["ReceiptHandle"]: entry["VisibilityTimeout"] for entry in Entries}

    def chunks(self) -> list[Chunk]:
        return [Chunk.from_message(json.loads(entry["MessageBody"])) for entry in self.queued]


OWN_RULES = by_name(
    read_rules(
        [
            {
                "name": name,
                "pattern": {"source": ["shop"]},
                "entityId": "orders/{$.detail.id}",
                "message": path,
            }
            for name, path in (("state", "$.detail.state"), ("total", "$.detail.total"))
        ]
    )
)


class Bench:
    """A fan-out with everything around it."""

    def __init__(self, dynamodb: Any) -> None:
        self.dynamodb = dynamodb
        self.engine, self.sqs = Engine(), Sqs()
        self.history = History(TABLE_NAME, replay_seconds=86400)
        self.subscribers, self.make = Subscribers(TABLE_NAME), one_by_one(dynamodb)
        self.queue = Queue(self.sqs, "queue", pause=lambda _seconds: None)
        self.dead_letters = DeadLetters(self.sqs, "dead")
        self.fan_out = self.with_numbers(self.history)

    def with_numbers(self, numbers: Numbers) -> FanOut:
        return FanOut(
            subscribers=self.subscribers,
            connections=Connections(self.dynamodb, TABLE_NAME, pause=lambda _seconds: None),
            numbers=numbers,
            make=self.make,
            deliverer=self.engine,
            queue=self.queue,
            dead_letters=self.dead_letters,
            deployment_name="Orders",
            rules=OWN_RULES,
        )

    def batch(self) -> Batch:
        return Batch(
            subscribers=self.subscribers,
            numbers=self.history,
            make=self.make,
            queue=self.queue,
            dead_letters=self.dead_letters,
        )

    def subscribe(
        self, channel: str, *connection_ids: str, age: float = 3600, expires: int | None = None
    ) -> None:
        opened = round((time.time() - age) * 1000)
        bearer, channels = Bearer(None, EVERYTHING, expires), frozenset([channel])
        for connection_id in connection_ids:
            Connections(self.dynamodb, TABLE_NAME).open(
                Connection(connection_id, opened, "192.0.2.1", "test", bearer, channels)
            )

    def push(self, *bodies: str, age: float = 0, seconds: float = 60) -> list[str]:
        records = [self.record(number, body, age) for number, body in enumerate(bodies)]
        return self.fan_out.push(records, seconds=seconds)

    @staticmethod
    def record(number: int, body: str, age: float = 0) -> dict[str, Any]:
        sent = str(round((time.time() - age) * 1000))
        return {
            "messageId": f"m{number}",
            "receiptHandle": f"r{number}",
            "body": body,
            "attributes": {"SentTimestamp": sent, "ApproximateReceiveCount": "3"},
        }


@pytest.fixture
def bench(dynamodb: Any) -> Bench:
    return Bench(dynamodb)


def event(entity_id: str, message: Any = None) -> str:
    return json.dumps(
        {
            "id": f"{entity_id}-{message}",
            "detail-type": "Entity Updated",
            "time": "2026-11-22T18:43:48Z",
            "detail": {"entityId": entity_id, "message": message},
        }
    )


def chunk(*connection_ids: str, rounds: int = 0, excused: int = 0, age: float = 0) -> str:
    sent_at = round((time.time() - age) * 1000)
    subscribers = dict.fromkeys(connection_ids, NEVER)
    update = Update("entity/e1", "id-1", b'{"type":"x"}', sent_at)
    return Chunk(update, subscribers, rounds, excused).to_message()


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
    queued: list[int] = []

    def verdict(name: str) -> Outcome:
        if name == "slow":
            queued.append(len(bench.sqs.queued))
            return Outcome.DELIVERED
        return Outcome.RETRY

    bench.engine.verdict = verdict
    assert bench.push(event("e1"), event("e2")) == []
    assert queued == [1]


def test_what_is_held_back_by_a_failure_is_handed_on_with_it(bench: Bench) -> None:
    bench.subscribe("entity/e1", "fails")
    bench.subscribe("entity/e2", "slow")
    queued: list[int] = []

    def verdict(name: str) -> Outcome:
        if name == "slow":
            queued.append(len(bench.sqs.queued))
        return Outcome.RETRY

    bench.engine.verdict = verdict
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


def test_chunks_of_one_channel_are_posted_by_number_however_they_arrive(bench: Bench) -> None:
    bench.subscribe("entity/e1", "a")
    bench.engine.verdict = lambda _name: Outcome.RETRY
    bench.push(event("e1", 1), event("e1", 2))
    bench.engine.verdict = lambda _name: Outcome.DELIVERED
    bench.engine.posted.clear()
    bench.push(*reversed([entry["MessageBody"] for entry in bench.sqs.queued]))
    assert [json.loads(frame)["sequence"] for _, frame in bench.engine.posted] == [1, 2]


def test_a_table_that_can_not_forget_brings_nobody_a_duplicate(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(*_arguments: Any, **_others: Any) -> Any:
        error: Any = {"Error": {"Code": "ProvisionedThroughputExceededException"}}
        raise ClientError(error, "BatchWriteItem")

    bench.subscribe("entity/e1", "a", "b")
    bench.engine.verdict = lambda name: Outcome.GONE if name == "b" else Outcome.DELIVERED
    monkeypatch.setattr(Connections, "forget", failing)
    assert bench.push(event("e1")) == []
    assert [(list(part.subscribers), part.rounds) for part in bench.sqs.chunks()] == [(["b"], 0)]


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
    assert {name for name, _ in bench.engine.posted} == refused, "redriving helps once the role is mended"


def test_a_dead_letter_that_can_not_be_sent_brings_its_message_back(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(**_parameters: Any) -> None:
        raise ClientError({"Error": {"Code": "AccessDenied"}}, "SendMessage")

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
    pages = bench.subscribers.pages

    def failing(channel: str) -> Any:
        if channel == "entity/e1":
            raise RuntimeError("DynamoDB is having a bad day")
        return pages(channel)

    monkeypatch.setattr(bench.subscribers, "pages", failing)
    assert bench.push(event("e1"), event("e2")) == ["m0"]
    assert [name for name, _ in bench.engine.posted] == ["c"]


def crowd(bench: Bench, count: int) -> list[str]:
    """Subscribe many, with ids so long that a page holds about 2,300 of them."""
    ids = [f"{number:04}{'x' * 400}" for number in range(count)]
    for start in range(0, count, 25):
        puts = [
            {"PutRequest": {"Item": {"pk": {"S": "CHANNEL#entity/e1"}, "sk": {"S": f"SUBSCRIBER#{name}"}}}}
            for name in ids[start : start + 25]
        ]
        bench.dynamodb.batch_write_item(RequestItems={TABLE_NAME: puts})
    return ids


def test_more_than_a_page_of_subscribers_is_split_into_chunks_on_the_queue(bench: Bench) -> None:
    ids = crowd(bench, 2500)
    assert bench.push(event("e1", 7)) == []
    assert bench.engine.posted == []
    everybody = [name for part in bench.sqs.chunks() for name in part.subscribers]
    assert sorted(everybody) == ids
    bench.push(*[entry["MessageBody"] for entry in bench.sqs.queued])
    assert sorted(name for name, _ in bench.engine.posted) == ids
    assert {json.loads(frame)["message"] for _, frame in bench.engine.posted} == {7}


def test_what_there_is_no_time_to_split_is_gone_on_with_later(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = crowd(bench, 2500)
    clock = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])
    send = bench.sqs.send_message_batch

    def slow(**parameters: Any) -> Any:
        clock[0] += 20
        return send(**parameters)

    monkeypatch.setattr(bench.sqs, "send_message_batch", slow)
    prepared = bench.batch()
    prepared.add(bench.record(0, event("e1", 7)))
    prepared.prepare(until=10)
    assert prepared.failed == []
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
    clock = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])
    send = bench.sqs.send_message_batch

    def slow(**parameters: Any) -> Any:
        clock[0] += 20
        return send(**parameters)

    monkeypatch.setattr(bench.sqs, "send_message_batch", slow)
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


@pytest.mark.parametrize(("receives", "seconds"), [(1, 2), (8, 256), (9, 300), (12, 300)])
def test_a_message_that_failed_comes_back_within_five_minutes(
    bench: Bench, receives: int, seconds: int
) -> None:
    record = bench.record(0, "a body")
    record["attributes"]["ApproximateReceiveCount"] = str(receives)
    bench.queue.come_back_soon([record])
    assert bench.sqs.soon == {"r0": seconds}


def test_a_split_that_fails_comes_back_and_harms_no_other_channel(bench: Bench) -> None:
    crowd(bench, 2500)
    bench.subscribe("entity/e2", "a")
    bench.sqs.refuses = True
    assert bench.push(event("e1"), event("e2")) == ["m0"]
    assert [name for name, _ in bench.engine.posted] == ["a"]


def test_metrics_are_printed_with_the_deployment_as_their_dimension(
    bench: Bench, capsys: pytest.CaptureFixture[str]
) -> None:
    bench.subscribe("entity/e1", "a", "b", "c")
    bench.engine.verdict = lambda name: Outcome.GONE if name == "b" else Outcome.DELIVERED
    bench.push(event("e1"), "no json", age=2)
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines() if "_aws" in line]
    (metrics,) = lines
    assert metrics["Stack"] == "Orders"
    counts = {name: sum(metrics[name]) for name in ("Updates", "Deliveries", "Gone", "DeadLetters")}
    assert counts == {"Updates": 1, "Deliveries": 2, "Gone": 1, "DeadLetters": 1}
    assert metrics["SubscribersPerUpdate"] == [3]
    assert 2000 <= metrics["TimeToLastPost"][0] < 20_000


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


def test_a_page_that_is_split_tells_each_chunk_when_rights_end(bench: Bench) -> None:
    crowd(bench, 2500)
    soon = round(time.time()) + 60
    bench.subscribe("entity/e1", "a", expires=soon)
    bench.push(event("e1"))
    told = {name: ends for part in bench.sqs.chunks() for name, ends in part.subscribers.items()}
    assert told.pop("a") == soon
    assert set(told.values()) == {NEVER}


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
    (metrics,) = (json.loads(line) for line in capsys.readouterr().out.splitlines() if "_aws" in line)
    assert metrics["Expired"] == [1]
    (pushed,) = (record for record in caplog.records if record.message == "pushed")
    assert vars(pushed)["expired"] == 1


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

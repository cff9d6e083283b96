import dataclasses
import json
import random
from collections.abc import Sequence
from typing import Any

import pytest
from entity_push.protocol import frames
from entity_push.protocol.cursors import Cursor
from entity_push.protocol.events import Event
from entity_push.runtime.aws_errors import RefusedError
from entity_push.runtime.json_client import Call
from entity_push.table import history as history_module
from entity_push.table import keys
from entity_push.table.calls import MakeCalls, each, one_by_one, run
from entity_push.table.conflicts import StillConflictingError
from entity_push.table.history import AHEAD_SECONDS, SEGMENTS_AT_ONCE, Appended, History, Tail
from entity_push.table.log import MARGIN_SECONDS, MAX_STORED_BYTES, Segment, Stored
from entity_push.table.no_history import NoHistory

from tests.model.log_table import LogTable
from tests.unit.conftest import TABLE_NAME

CHANNEL = "entity/e1"
DAY = 86_400
NOW = 1_800_000_000.0


class Clock:
    """The time, as the log reads it."""

    def __init__(self) -> None:
        self.now = NOW

    def time(self) -> float:
        return self.now

    def monotonic(self) -> float:
        return self.now


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    found = Clock()
    for module in ("history", "no_history"):
        monkeypatch.setattr(f"entity_push.table.{module}.time", found)
    return found


class Worker:
    """A history with its calls, as a function has it.

    Attributes:
        calls: the operations so far.
    """

    def __init__(self, dynamodb: Any):
        self.history = History(TABLE_NAME, replay_seconds=DAY)
        self.calls: list[str] = []
        self._make = one_by_one(dynamodb)

    def make(self, calls: Sequence[Call]) -> Any:
        self.calls += [call.operation for call in calls]
        return self._make(calls)

    def append(self, *events: Event) -> Appended:
        return run(self.history.append(events), self.make, sleep=lambda _seconds: None)

    def places(self, *events: Event) -> list[tuple[str, int]]:
        return [(update.event_id, update.sequence) for update in self.append(*events).updates]

    def tail(self) -> Tail:
        tail = run(self.history.tail(CHANNEL), self.make)
        assert tail is not None
        return tail

    def stored(self, after: int = 0) -> list[tuple[int, str]]:
        tail = self.tail()
        since = self.history.since(CHANNEL, Cursor(tail.life.epoch, after), tail)
        return [(number, frame["id"]) for number, frame in each(since, self.make)]


@pytest.fixture
def worker(dynamodb: Any) -> Worker:
    return Worker(dynamodb)


def ids(events: list[Event]) -> list[str]:
    return [each.event_id for each in events]


def event(
    number: int,
    message: str = "x",
    *,
    seconds: float = 0,
    version: int | None = None,
    own_id: tuple[str, str] | None = None,
) -> Event:
    """Return an event that is put so many seconds after `NOW`."""
    time = f"2027-01-15T{8 + int(seconds) // 3600:02}:{int(seconds) // 60 % 60:02}:{int(seconds) % 60:02}Z"
    frame: dict[str, Any] = {"type": "Entity Updated", "entityId": "e1", "message": message}
    frame |= {"id": f"id-{number}", "time": time}
    if version is not None:
        frame["version"] = version
    if own_id:
        frame["ownId"] = own_id[1]
    sender = own_id[0] if own_id else ""
    return Event(CHANNEL, f"id-{number}", frame, round((NOW + seconds) * 1000), sender=sender)


def test_updates_are_numbered_and_stored_in_order(worker: Worker) -> None:
    first = worker.append(event(1), event(2)).updates
    second = worker.append(event(3)).updates
    tail = worker.tail()
    assert [json.loads(update.frame)["cursor"] for update in (*first, *second)] == [
        f"{tail.life.epoch}.{n}" for n in (1, 2, 3)
    ]
    assert (tail.sequence, tail.latest) == (3, json.loads(second[0].frame))
    since = worker.history.since(CHANNEL, Cursor(tail.life.epoch, 1), tail)
    replayed = list(each(since, worker.make))
    assert replayed == [(2, json.loads(first[1].frame)), (3, json.loads(second[0].frame))]


@pytest.mark.parametrize("count", range(1, 2 * SEGMENTS_AT_ONCE + 4))
def test_what_follows_any_cursor_is_found_however_many_segments_hold_it(count: int) -> None:
    worker = Worker(LogTable())  # moto takes queries that DynamoDB refuses, and ends pages elsewhere
    for number in range(1, count + 1):
        worker.append(event(number))
    for place in range(count + 1):
        assert worker.stored(place) == [(number, f"id-{number}") for number in range(place + 1, count + 1)]


def test_updates_of_a_batch_are_numbered_by_their_times(worker: Worker) -> None:
    late, early = event(1, seconds=30), event(2, seconds=1)
    assert worker.places(late, early) == [("id-2", 1), ("id-1", 2)]


def test_the_latest_of_a_batch_is_its_last(worker: Worker) -> None:
    worker.places(event(1), event(2), event(3))
    latest = worker.tail().latest
    assert latest is not None
    assert (latest["id"], latest["sequence"]) == ("id-3", 3)


def test_a_life_begins_before_the_first_update_and_is_the_same_for_all(dynamodb: Any) -> None:
    one, other = Worker(dynamodb), Worker(dynamodb)
    made = one.tail()
    assert (made.sequence, made.latest) == (0, None)
    assert other.tail() == made
    assert other.places(event(1)) == [("id-1", 1)]
    assert one.tail().life == made.life


def test_two_that_begin_at_once_get_the_same_life(dynamodb: Any) -> None:
    class Blind:
        """A client whose reads miss what somebody else has just written."""

        def __getattr__(self, name: str) -> Any:
            return (lambda **_parameters: {}) if name == "get_item" else getattr(dynamodb, name)

    made = Worker(dynamodb).tail()
    assert Worker(Blind()).tail() == made
    assert Worker(Blind()).append(event(1)).updates[0].frame.decode().endswith(f'"{made.life.epoch}.1"}}')


def test_the_steady_state_is_one_put_for_each_batch(worker: Worker) -> None:
    worker.append(event(0))
    worker.calls.clear()
    for number in range(1, 6):
        worker.append(event(number), event(number + 100))
    assert worker.calls == ["put_item"] * 5


def test_with_others_about_it_looks_first_once_it_has_noticed_them(dynamodb: Any) -> None:
    one, other = Worker(dynamodb), Worker(dynamodb)
    one.append(event(1))
    other.append(event(2))
    one.calls.clear()
    one.append(event(3))
    assert one.calls == ["put_item", "put_item"]
    other.append(event(4))
    one.calls.clear()
    one.append(event(5))
    assert one.calls == ["query", "put_item"]


def test_it_looks_first_for_as_long_as_others_go_on(dynamodb: Any, clock: Clock) -> None:
    one, other = Worker(dynamodb), Worker(dynamodb)
    for number in range(1, 11):
        one.calls.clear()
        one.append(event(2 * number, seconds=clock.now - NOW))
        if number > 3:
            assert one.calls == ["query", "put_item"], number
        other.append(event(2 * number + 1, seconds=clock.now - NOW))
        clock.now += 3


def test_it_tells_what_others_stored_right_before_and_may_still_push(dynamodb: Any, clock: Clock) -> None:
    one, other = Worker(dynamodb), Worker(dynamodb)
    assert one.append(event(1), event(2)).ahead == []
    assert one.append(event(3)).ahead == [], "its own pushes have ended"
    clock.now += 0.1
    assert other.append(event(4)).ahead == [(NOW, 2), (NOW, 1)]
    assert one.append(event(5)).ahead == [(NOW, 2), (NOW, 1), (NOW + 0.1, 1)]
    assert one.append(event(6)).ahead == []
    clock.now += AHEAD_SECONDS
    assert other.append(event(7)).ahead == []


def test_a_redelivered_event_waits_for_nobody(dynamodb: Any) -> None:
    one, other = Worker(dynamodb), Worker(dynamodb)
    one.append(event(1))
    other.append(event(2))
    assert one.append(event(1)).ahead == []


def test_a_redelivered_event_keeps_its_number_in_any_worker_and_any_company(dynamodb: Any) -> None:
    first = Worker(dynamodb).places(event(1), event(2))
    again = Worker(dynamodb).places(event(3), event(2), event(1), event(4))
    assert again[:2] == first
    assert [name for name, _ in again] == ["id-1", "id-2", "id-3", "id-4"]
    assert [number for number, _ in Worker(dynamodb).stored()] == [1, 2, 3, 4]


def test_a_redelivered_event_is_looked_for_as_far_back_as_it_is_old(dynamodb: Any, clock: Clock) -> None:
    one = Worker(dynamodb)
    first = one.places(event(1))
    for number in range(2, 80):
        clock.now += 60
        one.append(event(number, seconds=clock.now - NOW))
    assert Worker(dynamodb).places(event(1)) == first


def test_an_event_given_twice_is_one_update(worker: Worker) -> None:
    assert len(worker.append(event(1), event(1)).updates) == 1


def test_workers_that_take_turns_leave_no_hole(dynamodb: Any) -> None:
    workers = [Worker(dynamodb) for _ in range(3)]
    chance = random.Random(7)
    for number in range(40):
        chance.choice(workers).append(event(number))
    assert workers[0].stored() == [(number + 1, f"id-{number}") for number in range(40)]


def conflicting(dynamodb: Any, times: list[int]) -> Any:
    """Return a client whose puts meet somebody else's transaction so many times."""

    class Conflicting:
        def __getattr__(self, name: str) -> Any:
            return getattr(dynamodb, name)

        def put_item(self, **parameters: Any) -> Any:
            times[0] -= 1
            if times[0] < 0:
                return dynamodb.put_item(**parameters)
            raise RefusedError("PutItem", "TransactionConflictException")

    return Conflicting()


def test_conflicts_are_tried_again_and_end_as_an_error(dynamodb: Any) -> None:
    Worker(dynamodb).append(event(0))
    assert Worker(conflicting(dynamodb, [3])).places(event(1)) == [("id-1", 2)]
    with pytest.raises(StillConflictingError):
        Worker(conflicting(dynamodb, [10**6])).append(event(2))
    assert [name for _, name in Worker(dynamodb).stored()] == ["id-0", "id-1"]


def test_a_failed_append_is_forgotten(dynamodb: Any) -> None:
    """Rule 10: what a lost answer was about is unknown, so the log is read again."""
    lose = [False]

    class Losing:
        def __getattr__(self, name: str) -> Any:
            return getattr(dynamodb, name)

        def put_item(self, **parameters: Any) -> Any:
            answer = dynamodb.put_item(**parameters)
            if lose[0]:
                raise RefusedError("PutItem", "InternalServerError")
            return answer

    worker = Worker(Losing())
    worker.append(event(1))
    lose[0] = True
    with pytest.raises(RefusedError):
        worker.append(event(2))
    lose[0] = False
    assert worker.places(event(2), event(3)) == [("id-2", 2), ("id-3", 3)]


def test_other_errors_are_not_swallowed(dynamodb: Any) -> None:
    dynamodb.delete_table(TableName=TABLE_NAME)
    with pytest.raises(RefusedError):
        Worker(dynamodb).append(event(1))


def test_a_life_that_is_lost_is_followed_by_another(dynamodb: Any, worker: Worker, clock: Clock) -> None:
    worker.append(event(1), event(2))
    before = worker.tail()
    dynamodb.delete_item(TableName=TABLE_NAME, Key=keys.life(CHANNEL))
    clock.now += history_module.TRUST_SECONDS + 1
    worker.append(event(3))
    after = worker.tail()
    assert after.sequence == 1
    assert after.life.epoch != before.life.epoch


def test_a_life_ends_with_silence_and_is_prolonged_by_updates(worker: Worker, clock: Clock) -> None:
    worker.append(event(1))
    begun = worker.tail().life
    assert begun.ends == NOW + 2 * DAY
    clock.now += DAY + 1
    worker.append(event(2))
    prolonged = worker.tail().life
    assert (prolonged.epoch, prolonged.ends) == (begun.epoch, int(clock.now) + 2 * DAY)
    clock.now += 2 * DAY
    worker.append(event(3))
    assert worker.tail().life.epoch != begun.epoch
    assert worker.stored() == [(1, "id-3")]


def test_a_worker_whose_clock_is_behind_takes_over_the_end_that_another_one_moved(
    dynamodb: Any, clock: Clock
) -> None:
    behind, ahead = Worker(dynamodb), Worker(dynamodb)
    behind.append(event(1))
    clock.now += DAY - 10
    behind.append(event(2))
    clock.now += 11
    ahead.append(event(3))
    moved = ahead.tail().life.ends
    clock.now -= 2
    behind.append(event(4))
    tail = behind.tail()
    assert moved > NOW + 2 * DAY
    assert (tail.sequence, tail.life.ends) == (4, moved)
    assert tail.segment is not None
    assert tail.segment.life_ends == moved  # else the tail goes first, and its number is given again


def test_segments_outlive_their_life_and_none_is_kept_for_ever(dynamodb: Any, worker: Worker) -> None:
    worker.append(event(1))
    (segment,) = (item for item in scan(dynamodb) if item["sk"]["S"].startswith("LOG#"))
    assert int(segment["ttl"]["N"]) == worker.tail().life.ends + MARGIN_SECONDS


def scan(dynamodb: Any) -> list[Any]:
    return list(dynamodb.scan(TableName=TABLE_NAME, ConsistentRead=True)["Items"])


@pytest.mark.parametrize("message", ["x" * 3000, "", "é\u2028\U0001f642"])
def test_a_segment_is_read_as_it_was_written(message: str) -> None:
    stored = [
        Stored(event(1, message).frame),
        Stored(event(2, own_id=("user:alice", "a")).frame, "user:alice"),
    ]
    segment = Segment("abc", 7, stored, NOW, 5, 9)
    wired = segment._replace(updates=[one._replace(wire=frames.encode(one.frame)) for one in stored])
    assert Segment.from_item(wired.to_item(CHANNEL)) == segment


def test_what_compresses_to_fewer_write_units_is_compressed() -> None:
    def updates(message: str) -> bytes:
        found: bytes = Segment("a", 1, [Stored.of(event(1, message))], NOW, 5).to_item(CHANNEL)["updates"][
            "B"
        ]
        return found

    assert updates("x" * 500).startswith(b"[")
    assert len(updates("x" * 5000)) < 200
    noise = random.Random(1).randbytes(2000).hex()
    assert len(updates(noise)) < 2400


def test_a_frame_that_no_answer_could_hold_is_stored_without_its_message(worker: Worker) -> None:
    (update,) = worker.append(event(1, "x" * MAX_STORED_BYTES)).updates
    assert b"oversize" not in update.frame, "it is pushed whole"
    latest = worker.tail().latest
    assert latest is not None
    assert latest["oversize"] is True
    assert "message" not in latest


def test_large_updates_of_a_batch_are_divided_among_segments(dynamodb: Any, worker: Worker) -> None:
    worker.append(*(event(number, "x" * 5000) for number in range(4)))
    assert sum(item["sk"]["S"].startswith("LOG#") for item in scan(dynamodb)) == 4
    assert [number for number, _ in worker.stored()] == [1, 2, 3, 4]
    assert worker.stored(after=2) == [(3, "id-2"), (4, "id-3")]


def test_a_version_that_is_not_above_the_last_is_superseded(dynamodb: Any, worker: Worker) -> None:
    assert worker.append(event(1, version=5), event(2)).superseded == []
    other = Worker(dynamodb)
    told = other.append(event(3, version=5), event(4, version=6), event(5, version=4))
    assert [update.event_id for update in told.updates] == ["id-4"]
    assert ids(told.superseded) == ["id-3", "id-5"]
    assert worker.places(event(6)) == [("id-6", 4)], "an update without a version is never superseded"


def test_a_redelivered_version_keeps_its_number_although_a_higher_one_came(worker: Worker) -> None:
    """Rule 6: ids go first, or a lost acknowledgement would lose the frame."""
    worker.append(event(1, version=5))
    worker.append(event(2, version=6))
    again = worker.append(event(1, version=5))
    assert [(update.event_id, update.sequence) for update in again.updates] == [("id-1", 1)]
    assert again.superseded == []


def test_of_versions_in_one_batch_only_what_is_stored_supersedes(worker: Worker) -> None:
    told = worker.append(event(1, version=6, seconds=0), event(2, version=5, seconds=1))
    assert [update.event_id for update in told.updates] == ["id-1"]
    assert ids(told.superseded) == ["id-2"]


def test_an_own_id_means_the_same_update_for_its_sender_alone(dynamodb: Any, worker: Worker) -> None:
    worker.append(event(1, own_id=("user:alice", "a")))
    other = Worker(dynamodb)
    told = other.append(event(2, own_id=("user:alice", "a")), event(3, own_id=("user:mallory", "a")))
    assert [update.event_id for update in told.updates] == ["id-3"]
    assert ids(told.repeated) == ["id-2"]


def test_an_own_id_is_remembered_for_five_minutes(worker: Worker, clock: Clock) -> None:
    worker.append(event(1, own_id=("user:alice", "a")))
    clock.now += history_module.OWN_ID_SECONDS + 1
    later = event(2, seconds=history_module.OWN_ID_SECONDS + 1, own_id=("user:alice", "a"))
    assert worker.places(later) == [("id-2", 2)]


def test_a_redelivered_event_of_a_clock_that_is_ahead_keeps_its_number(
    dynamodb: Any, worker: Worker, clock: Clock
) -> None:
    """It was stored long before the time that it names: the queue knows when it came."""
    ahead = dataclasses.replace(event(1, seconds=3600), sent_at=round(NOW * 1000))
    worker.append(ahead)
    for number in range(2, 6):
        clock.now += 30
        worker.append(event(number))
    assert Worker(dynamodb).places(ahead) == [("id-1", 1)]


def unstored(*events: Event) -> Any:
    return NoHistory(TABLE_NAME).append(events)


def test_switching_storing_off_and_on_again_begins_another_life(dynamodb: Any, worker: Worker) -> None:
    """Rule 5: a client with the old cursor would be told that it missed nothing."""
    worker.append(event(1))
    before = worker.tail()
    (update,) = run(unstored(event(2)), one_by_one(dynamodb)).updates
    assert (update.sequence, b"cursor" in update.frame) == (0, False)
    assert worker.places(event(3)) == [("id-3", 1)], "a warm worker meets the seal"
    assert worker.tail().life.epoch != before.life.epoch


def test_a_seal_is_kept_longer_than_the_updates_of_its_life_and_not_for_ever(
    dynamodb: Any, worker: Worker
) -> None:
    """Rule 4: while any update of a life is there, so is the seal that says that the life is over."""
    worker.append(event(1))
    run(unstored(event(2)), one_by_one(dynamodb))
    update, seal = (item for item in scan(dynamodb) if item["sk"]["S"].startswith(keys.LOG))
    hours = [(int(item["ttl"]["N"]) - int(item["lifeEnds"]["N"])) / 3600 for item in (update, seal)]
    assert hours == [1, 2]


def test_a_life_without_updates_is_sealed_as_well(dynamodb: Any, worker: Worker) -> None:
    before = worker.tail()
    for _ in range(2):
        run(unstored(event(2)), one_by_one(dynamodb))
    assert worker.tail().life.epoch != before.life.epoch


def test_without_a_history_an_event_given_twice_is_one_update(dynamodb: Any) -> None:
    made: MakeCalls = one_by_one(dynamodb)
    assert len(run(unstored(event(1), event(1), event(2)), made).updates) == 2
    assert scan(dynamodb) == []


def test_what_the_version_before_stored_is_left_alone_and_its_cursors_are_of_another_life(
    dynamodb: Any, worker: Worker
) -> None:
    old = {
        "pk": keys.life(CHANNEL)["pk"],
        "ttl": {"N": str(int(NOW) + 10**6)},
        "epoch": {"S": "5f0c1d2e3a4b"},
    }
    frame = {"B": b"x"}
    for sk in ("HEAD", "UPDATE#5f0c1d2e3a4b#0000000000000007", "EVENT#id-7"):
        dynamodb.put_item(TableName=TABLE_NAME, Item={**old, "sk": {"S": sk}, "frame": frame})
    before = scan(dynamodb)
    assert worker.places(event(8)) == [("id-8", 1)]
    assert worker.tail().life.epoch != "5f0c1d2e3a4b"
    assert [item for item in scan(dynamodb) if item in before] == before

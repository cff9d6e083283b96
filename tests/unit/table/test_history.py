import threading
from typing import Any

import pytest
from botocore.exceptions import ClientError
from entity_push.protocol.cursors import Cursor
from entity_push.protocol.events import Event
from entity_push.table.conflicts import StillConflictingError
from entity_push.table.history import MAX_LATEST_BYTES, History
from entity_push.table.no_history import NoHistory

from tests.unit.conftest import TABLE_NAME

CHANNEL = "entity/e1"


def history(client: Any) -> History:
    return History(client, TABLE_NAME, replay_seconds=86_400, head_seconds=10**6, pause=lambda _seconds: None)


def event(number: int, message: str = "x") -> Event:
    frame = {"type": "Entity Updated", "entityId": "e1", "message": message, "id": f"id-{number}"}
    return Event(CHANNEL, f"id-{number}", frame, 7)


def places(updates: Any) -> list[tuple[str, str]]:
    return [(update.event_id, update.frame.decode().rpartition('"cursor":"')[2][:-2]) for update in updates]


def stored(client: Any, found: History) -> list[int]:
    assert client is not None
    head = found.head(CHANNEL)
    assert head is not None
    return [number for number, _ in found.since(CHANNEL, Cursor(head.epoch, 0), head)]


def test_updates_are_numbered_and_stored_in_order(dynamodb: Any) -> None:
    found = history(dynamodb)
    first = found.append([event(1), event(2)])
    second = found.append([event(3)])
    head = found.head(CHANNEL)
    assert head is not None
    assert places([*first, *second]) == [(f"id-{n}", f"{head.epoch}.{n}") for n in (1, 2, 3)]
    assert head.sequence == 3
    assert head.latest == second[0].frame
    replayed = list(found.since(CHANNEL, Cursor(head.epoch, 1), head))
    assert replayed == [(2, first[1].frame), (3, second[0].frame)]


def test_a_head_begins_before_the_first_update_and_is_the_same_for_all(dynamodb: Any) -> None:
    one, other = history(dynamodb), history(dynamodb)
    made = one.begin(CHANNEL)
    assert (made.sequence, made.latest) == (0, None)
    assert other.begin(CHANNEL) == made
    assert places(other.append([event(1)])) == [("id-1", f"{made.epoch}.1")]
    assert one.begin(CHANNEL) == other.head(CHANNEL)


def test_two_that_begin_at_once_get_the_same_head(dynamodb: Any) -> None:
    class Blind:
        """A client whose reads miss what somebody else has just written."""

        def __getattr__(self, name: str) -> Any:
            return (lambda **_parameters: {}) if name == "get_item" else getattr(dynamodb, name)

    made = history(dynamodb).begin(CHANNEL)
    assert history(Blind()).begin(CHANNEL) == made
    assert places(history(Blind()).append([event(1)])) == [("id-1", f"{made.epoch}.1")]


def test_the_steady_state_reads_nothing(dynamodb: Any) -> None:
    class Counting:
        reads = 0

        def __getattr__(self, name: str) -> Any:
            Counting.reads += name in ("get_item", "query", "batch_get_item")
            return getattr(dynamodb, name)

    found = history(Counting())
    for number in range(5):
        found.append([event(number)])
    assert Counting.reads == 2, "the second read shows that nobody else is there"
    other = history(dynamodb)
    for number in range(10, 20, 2):
        found.append([event(number)])
        other.append([event(number + 1)])
    assert Counting.reads == 2 + 3, "with others about it looks first, once it has noticed them"


def test_a_redelivered_event_keeps_its_number_in_any_worker_and_any_company(dynamodb: Any) -> None:
    first = history(dynamodb).append([event(1), event(2)])
    again = history(dynamodb).append([event(3), event(2), event(1), event(4)])
    assert places(again)[:2] == places(first)
    assert [name for name, _ in places(again)] == ["id-1", "id-2", "id-3", "id-4"]
    assert stored(dynamodb, history(dynamodb)) == [1, 2, 3, 4]


def test_an_event_given_twice_is_one_update(dynamodb: Any) -> None:
    assert len(history(dynamodb).append([event(1), event(1)])) == 1


def test_a_worker_whose_head_is_out_of_date_goes_on_from_the_others(dynamodb: Any) -> None:
    one, other = history(dynamodb), history(dynamodb)
    for number in range(0, 12, 2):
        one.append([event(number)])
        other.append([event(number + 1)])
    assert stored(dynamodb, one) == list(range(1, 13))


def test_two_workers_at_once_give_contiguous_numbers_and_none_twice(dynamodb: Any) -> None:
    # moto's transactions are not atomic under threads; DynamoDB's are.
    lock = threading.Lock()

    class Atomic:
        def __getattr__(self, name: str) -> Any:
            def call(**parameters: Any) -> Any:
                with lock:
                    return getattr(dynamodb, name)(**parameters)

            return call

    given: list[str] = []

    def work(start: int) -> None:
        worker = history(Atomic())
        for number in range(start, start + 40, 4):
            given.extend(cursor for _, cursor in places(worker.append([event(number + i) for i in range(4)])))

    threads = [threading.Thread(target=work, args=(start,)) for start in (0, 100, 200)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(int(cursor.rpartition(".")[2]) for cursor in given) == list(range(1, 121))
    assert stored(dynamodb, history(dynamodb)) == list(range(1, 121))


def test_conflicts_are_tried_again_and_end_as_an_error(dynamodb: Any) -> None:
    class Conflicting:
        left = 3

        def __getattr__(self, name: str) -> Any:
            return getattr(dynamodb, name)

        def transact_write_items(self, **parameters: Any) -> Any:
            Conflicting.left -= 1
            if Conflicting.left < 0:
                return dynamodb.transact_write_items(**parameters)
            reasons = [{"Code": "TransactionConflict"}] + [{"Code": "None"}] * (
                len(parameters["TransactItems"]) - 1
            )
            error = {"Error": {"Code": "TransactionCanceledException"}, "CancellationReasons": reasons}
            raise ClientError(error, "TransactWriteItems")  # type: ignore[arg-type]

    assert len(history(Conflicting()).append([event(1)])) == 1
    Conflicting.left = 10**6
    with pytest.raises(StillConflictingError):
        history(Conflicting()).append([event(2)])
    assert stored(dynamodb, history(dynamodb)) == [1]


def test_a_head_that_is_lost_begins_another_epoch(dynamodb: Any) -> None:
    found = history(dynamodb)
    found.append([event(1), event(2)])
    before = found.head(CHANNEL)
    dynamodb.delete_item(TableName=TABLE_NAME, Key={"pk": {"S": f"CHANNEL#{CHANNEL}"}, "sk": {"S": "HEAD"}})
    found.append([event(3)])
    after = found.head(CHANNEL)
    assert before is not None
    assert after is not None
    assert after.sequence == 1
    assert after.epoch != before.epoch


def test_a_large_latest_frame_is_kept_without_its_message(dynamodb: Any) -> None:
    found = history(dynamodb)
    (update,) = found.append([event(1, "x" * MAX_LATEST_BYTES)])
    head = found.head(CHANNEL)
    assert head is not None
    assert head.latest is not None
    assert b'"oversize":true' in head.latest
    assert list(found.since(CHANNEL, Cursor(head.epoch, 0), head)) == [(1, update.frame)]


def test_other_errors_are_not_swallowed(dynamodb: Any) -> None:
    dynamodb.delete_table(TableName=TABLE_NAME)
    with pytest.raises(ClientError):
        history(dynamodb).append([event(1)])


def test_switching_storing_off_and_on_again_begins_another_epoch(dynamodb: Any) -> None:
    found = history(dynamodb)
    found.append([event(1)])
    before = found.head(CHANNEL)
    (update,) = NoHistory(dynamodb, TABLE_NAME).append([event(2)])
    assert (update.sequence, b"cursor" in update.frame) == (0, False)
    after = history(dynamodb).begin(CHANNEL)
    assert before is not None
    assert after.epoch != before.epoch, "a client with the old cursor would be told that it missed nothing"


def test_without_a_history_an_event_given_twice_is_one_update(dynamodb: Any) -> None:
    assert len(NoHistory(dynamodb, TABLE_NAME).append([event(1), event(1), event(2)])) == 2

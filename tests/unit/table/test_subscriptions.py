from collections.abc import Callable, Sequence
from typing import Any

import pytest
from entity_push.auth.bearer import ANONYMOUS
from entity_push.protocol.channels import everyone_list
from entity_push.runtime.aws_errors import RefusedError
from entity_push.table.calls import each, one_by_one
from entity_push.table.conflicts import StillConflictingError
from entity_push.table.connections import Connection, Connections
from entity_push.table.subscribers import Subscribers
from entity_push.table.subscriptions import (
    MAX_CHANNELS_BYTES,
    PATIENCE_SECONDS,
    ConnectionGoneError,
    Outcome,
    Subscribed,
    Subscriptions,
    channels_bytes,
)

from tests.unit.conftest import TABLE_NAME, all_items

CONNECTED_AT = 1_700_000_000_123
TTL = "1700007800"  # 2 h and 10 minutes later

NEW, ALREADY, TOO_MANY, TOO_LARGE = (
    Outcome.SUBSCRIBED,
    Outcome.ALREADY,
    Outcome.TOO_MANY,
    Outcome.TOO_LARGE,
)


@pytest.fixture
def opened(dynamodb: Any) -> Connection:
    connection = Connection("c1", CONNECTED_AT, "192.0.2.1", "wscat", ANONYMOUS)
    Connections(dynamodb, TABLE_NAME).open(connection)
    return connection


def now(dynamodb: Any) -> Connection:
    """The connection as a frame that comes now reads it."""
    found = Connections(dynamodb, TABLE_NAME).find("c1")
    assert found is not None
    return found


def subscribe(
    table: Subscriptions, connection: Connection, *channels: str, limit: int = 3, histories: int = 100
) -> Subscribed:
    return table.subscribe(connection, channels, limit=limit, histories=histories)


def outcomes(table: Subscriptions, connection: Connection, *channels: str, limit: int = 3) -> list[Outcome]:
    return list(subscribe(table, connection, *channels, limit=limit).outcomes.values())


def subscribers(dynamodb: Any, channel: str) -> list[str]:
    pages = each(Subscribers(TABLE_NAME).pages(channel), one_by_one(dynamodb))
    return [name for page in pages for name in page.subscribers]


def test_items_are_as_documented(table: Subscriptions, dynamodb: Any, opened: Connection) -> None:
    subscribe(table, opened, "entity/e1")
    assert all_items(dynamodb) == [
        {"pk": "CHANNEL#entity/e1", "sk": "SUBSCRIBER#c1", "ttl": TTL},
        {
            "pk": "CONNECTION#c1",
            "sk": "CONNECTION",
            "connectedAt": str(CONNECTED_AT),
            "ipAddress": "192.0.2.1",
            "userAgent": "wscat",
            "grants": '{"subscribe":["*"],"publish":["*"]}',
            "channels": ["entity/e1"],
            "subscribes": "1",
            "ttl": TTL,
        },
    ]


def test_several_are_one_transaction_and_one_that_is_named_twice_is_written_once(
    table: Subscriptions, dynamodb: Any, opened: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[Sequence[Any]] = []
    transact = dynamodb.transact_write_items

    def count(TransactItems: Sequence[Any]) -> Any:  # noqa: N803 - AWS's name
        written.append(TransactItems)
        return transact(TransactItems=TransactItems)

    monkeypatch.setattr(dynamodb, "transact_write_items", count)
    assert outcomes(table, opened, "entity/e1", "entity/e2", "entity/e1") == [NEW, NEW]
    assert [len(actions) for actions in written] == [3]
    assert table.unsubscribe(now(dynamodb), ["entity/e1", "entity/e2", "entity/e1", "entity/e3"]) == {
        "entity/e1",
        "entity/e2",
    }
    assert [len(actions) for actions in written] == [3, 3]
    assert [item["pk"] for item in all_items(dynamodb)] == ["CONNECTION#c1"]


def test_subscribing_twice_changes_nothing_and_says_so(
    table: Subscriptions, dynamodb: Any, opened: Connection
) -> None:
    assert outcomes(table, opened, "entity/e1") == [NEW]
    before = all_items(dynamodb)
    assert outcomes(table, now(dynamodb), "entity/e1") == [ALREADY]
    assert all_items(dynamodb) == before


def test_what_is_there_already_costs_no_write(
    table: Subscriptions, dynamodb: Any, opened: Connection
) -> None:
    subscribe(table, opened, "entity/e1", "entity/e2")
    silent = Subscriptions(None, TABLE_NAME)  # it could not write
    assert outcomes(silent, now(dynamodb), "entity/e1", "entity/e2") == [ALREADY, ALREADY]
    assert silent.unsubscribe(now(dynamodb), ["entity/e3"]) == frozenset()


def test_a_connection_that_is_gone_leaves_no_item(
    table: Subscriptions, dynamodb: Any, opened: Connection
) -> None:
    subscribe(table, opened, "entity/e1")
    held = now(dynamodb)
    Connections(dynamodb, TABLE_NAME).delete("c1")  # after a frame has read it
    with pytest.raises(ConnectionGoneError):
        subscribe(table, held, "entity/e2", "entity/e3")
    assert table.unsubscribe(held, ["entity/e1"]) == frozenset()
    assert all_items(dynamodb) == []


def test_the_limit_holds_and_what_is_there_may_be_repeated(
    table: Subscriptions, dynamodb: Any, opened: Connection
) -> None:
    wanted = ["entity/e1", "entity/e2", "entity/e3"]
    assert outcomes(table, opened, *wanted, limit=2) == [NEW, NEW, TOO_MANY], "the first that fit"
    assert outcomes(table, now(dynamodb), *reversed(wanted), limit=2) == [TOO_MANY, ALREADY, ALREADY]
    assert subscribers(dynamodb, "entity/e3") == []
    table.unsubscribe(now(dynamodb), ["entity/e1"])
    assert outcomes(table, now(dynamodb), "entity/e3", limit=2) == [NEW]


def test_everyones_channel_does_not_count(table: Subscriptions, dynamodb: Any, opened: Connection) -> None:
    everyone = everyone_list("c1")
    assert outcomes(table, opened, "entity/e1", everyone, "entity/e2", limit=2) == [NEW, NEW, NEW]
    assert outcomes(table, now(dynamodb), "entity/e3", limit=2) == [TOO_MANY]


def test_the_limits_hold_when_two_frames_are_answered_at_once(
    table: Subscriptions, dynamodb: Any, opened: Connection
) -> None:
    assert outcomes(table, opened, "entity/e1", "entity/e2") == [NEW, NEW]
    # The second frame read the connection before the first one changed it.
    assert outcomes(table, opened, "entity/e3", "entity/e4") == [NEW, TOO_MANY]
    assert now(dynamodb).channels == {"entity/e1", "entity/e2", "entity/e3"}
    assert subscribers(dynamodb, "entity/e4") == []


def long_name(number: int, size: int = 500) -> str:
    return f"entity/{number:0{size - len('entity/')}}"


@pytest.mark.usefixtures("opened")
def test_the_names_of_a_connections_channels_have_64_kb_at_most(table: Subscriptions, dynamodb: Any) -> None:
    names = [long_name(number) for number in range(131)]
    for start in range(0, 125, 25):
        subscribe(table, now(dynamodb), *names[start : start + 25], limit=1000)
    assert outcomes(table, now(dynamodb), *names[125:], "entity/ü", limit=1000) == [NEW] * 5 + [
        TOO_LARGE,
        NEW,
    ]
    assert channels_bytes(now(dynamodb).channels) == 130 * 501 + 10 <= MAX_CHANNELS_BYTES
    table.unsubscribe(now(dynamodb), [names[0]])
    assert outcomes(table, now(dynamodb), names[130], limit=1000) == [NEW]


def test_they_have_no_more_when_others_were_exchanged_meanwhile(
    table: Subscriptions, dynamodb: Any, opened: Connection
) -> None:
    short = [f"entity/s{number}" for number in range(99)]
    subscribe(table, opened, *short, limit=1000)
    held = now(dynamodb)
    table.unsubscribe(held, short)
    for start in range(0, 130, 26):
        subscribe(table, now(dynamodb), *map(long_name, range(start, start + 26)), limit=1000)
    assert outcomes(table, held, *map(long_name, range(200, 225)), limit=1000) == [TOO_LARGE] * 25
    assert channels_bytes(now(dynamodb).channels) <= MAX_CHANNELS_BYTES


@pytest.mark.usefixtures("opened")
def test_a_connection_may_begin_so_many_histories_whatever_it_unsubscribes_from(
    table: Subscriptions, dynamodb: Any
) -> None:
    for number in range(4):
        held = now(dynamodb)
        assert subscribe(table, held, f"entity/e{number}", histories=4).may_begin
        assert subscribe(table, now(dynamodb), f"entity/e{number}", histories=4).may_begin
        table.unsubscribe(now(dynamodb), [f"entity/e{number}"])
    assert not subscribe(table, held, "entity/late", histories=4).may_begin, "also if it was read before"
    assert not subscribe(table, now(dynamodb), "entity/late", histories=4).may_begin
    assert subscribers(dynamodb, "entity/late") == ["c1"]


def test_unsubscribing_ends_it_and_says_whether_there_was_one(
    table: Subscriptions, dynamodb: Any, opened: Connection
) -> None:
    subscribe(table, opened, "entity/e1", "entity/e2")
    assert table.unsubscribe(now(dynamodb), ["entity/e1"]) == {"entity/e1"}
    assert table.unsubscribe(now(dynamodb), ["entity/e1"]) == frozenset()
    assert subscribers(dynamodb, "entity/e1") == []
    assert subscribers(dynamodb, "entity/e2") == ["c1"]


class Time:
    """A clock, which a pause moves on by its whole length."""

    def __init__(self) -> None:
        self.now, self.pauses = 0.0, 0

    def pause(self, seconds: float) -> None:
        self.now += seconds
        self.pauses += 1

    def clock(self) -> float:
        return self.now


class Conflicting:
    """A DynamoDB client that meets another transaction until some time."""

    def __init__(
        self, client: Any, clock: Callable[[], float], until: float, code: str = "TransactionConflict"
    ):
        self.client, self.clock, self.until, self.code = client, clock, until, code

    def __getattr__(self, name: str) -> Any:
        call = getattr(self.client, name)
        if name not in ("transact_write_items", "delete_item"):
            return call

        def conflicting(**parameters: Any) -> Any:
            if self.clock() >= self.until:
                return call(**parameters)
            if name == "delete_item":
                raise RefusedError(name, "TransactionConflictException")
            reasons = {"CancellationReasons": [{"Code": "None"}, {"Code": self.code}]}
            raise RefusedError(name, "TransactionCanceledException", members=reasons)

        return conflicting


@pytest.mark.parametrize("code", ["TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"])
def test_other_writers_are_waited_for_as_long_as_the_route_can(
    dynamodb: Any, opened: Connection, code: str
) -> None:
    time = Time()
    client = Conflicting(dynamodb, time.clock, PATIENCE_SECONDS - 0.7, code)
    table = Subscriptions(client, TABLE_NAME, pause=time.pause, clock=time.clock)
    assert outcomes(table, opened, "entity/e1") == [NEW]
    assert time.now < PATIENCE_SECONDS
    assert time.pauses > 15, "pauses do not grow beyond a second"


def test_a_delete_waits_for_a_frame(dynamodb: Any, opened: Connection) -> None:
    time = Time()
    client = Conflicting(dynamodb, time.clock, 0.05)
    Connections(client, TABLE_NAME, pause=time.pause).delete(opened.connection_id)
    assert all_items(dynamodb) == []


def test_a_conflict_that_does_not_end_is_an_error_while_the_route_can_still_answer(
    dynamodb: Any, opened: Connection
) -> None:
    time = Time()
    client = Conflicting(dynamodb, time.clock, 1000)
    table = Subscriptions(client, TABLE_NAME, pause=time.pause, clock=time.clock)
    with pytest.raises(StillConflictingError):
        subscribe(table, opened, "entity/e1")
    assert PATIENCE_SECONDS <= time.now < PATIENCE_SECONDS + 1


def test_what_else_fails_is_not_tried_again(dynamodb: Any, opened: Connection) -> None:
    time = Time()
    table = Subscriptions(
        Conflicting(dynamodb, time.clock, 1000, "ValidationError"), TABLE_NAME, pause=time.pause
    )
    with pytest.raises(RefusedError):
        subscribe(table, opened, "entity/e1")
    assert time.pauses == 0

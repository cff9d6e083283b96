"""A user whose connections were lost without a `$disconnect` is let in again."""

import time
from collections.abc import Iterable, Iterator
from typing import Any

import pytest
from entity_push.auth.bearer import Bearer
from entity_push.auth.grants import EVERYTHING
from entity_push.posting.posts import Outcome, Result
from entity_push.protocol.channels import user_channel
from entity_push.routes import lost_connections
from entity_push.routes.lost_connections import LostConnections
from entity_push.runtime import aws
from entity_push.table.connections import Connection, Connections

from tests.unit.conftest import NOW, TABLE_NAME, all_items
from tests.unit.handlers.test_connect import connect

ALICE = user_channel("alice")


class Engine:
    """A delivery engine that knows who is open, and notes who was looked up."""

    def __init__(self) -> None:
        self.open: set[str] = set()
        self.outcomes: dict[str, Outcome] = {}
        self.asked: list[str] = []

    def look_up(self, connection_ids: Iterable[str], *, deadline: float) -> Iterator[Result]:
        assert 0 < deadline - time.monotonic() <= 3, "the handshake is waiting"
        for connection_id in connection_ids:
            self.asked.append(connection_id)
            known = Outcome.DELIVERED if connection_id in self.open else Outcome.GONE
            yield Result(connection_id, self.outcomes.get(connection_id, known), 200, "")


@pytest.fixture
def engine(dynamodb: Any, monkeypatch: pytest.MonkeyPatch) -> Engine:
    engine = Engine()
    monkeypatch.setattr(aws, "client", lambda _service: dynamodb)
    monkeypatch.setattr("time.time", lambda: float(NOW))
    monkeypatch.setattr("entity_push.posting.deliverer.Deliverer", lambda *_arguments: engine)
    return engine


@pytest.fixture
def table(dynamodb: Any) -> Connections:
    return Connections(dynamodb, TABLE_NAME)


def opened(table: Connections, connection_id: str, *, ago: int = 600, user: str = "alice") -> None:
    """Write a user's connection that was opened so many seconds ago."""
    bearer = Bearer(user, EVERYTHING, NOW + 86_400)
    channels = frozenset((user_channel(user),))
    table.open(Connection(connection_id, (NOW - ago) * 1000, "", "", bearer, channels))


def test_lost_connections_lock_nobody_out(dynamodb: Any, table: Connections, engine: Engine) -> None:
    """Two are allowed."""
    opened(table, "lost1", ago=900)
    opened(table, "lost2", ago=800)
    assert connect("c1")["statusCode"] == 200
    assert engine.asked == ["lost1", "lost2"], "the one that is opening is not looked up"
    assert {item["pk"] for item in all_items(dynamodb) if item["sk"] == "CONNECTION"} == {"CONNECTION#c1"}
    assert "lost" not in str(all_items(dynamodb)), "their subscriptions are gone, too"


def test_who_has_too_many_that_are_open_is_refused_as_before(
    dynamodb: Any, table: Connections, engine: Engine
) -> None:
    for name in ("a", "b", "c"):
        opened(table, name)
    engine.open = {"a", "b"}
    assert connect("c1")["statusCode"] == 429, "one was gone, and two are the limit"
    assert {item["pk"] for item in all_items(dynamodb) if item["sk"] == "CONNECTION"} == {
        "CONNECTION#a",
        "CONNECTION#b",
    }


def test_nobody_is_looked_up_while_the_user_may_have_more(table: Connections, engine: Engine) -> None:
    opened(table, "a")
    assert connect("c1")["statusCode"] == 200
    assert engine.asked == []


@pytest.mark.usefixtures("engine")
def test_a_connection_that_is_only_opening_is_not_taken_for_lost(dynamodb: Any, table: Connections) -> None:
    """API Gateway answers 410 for it until its `$connect` has returned."""
    opened(table, "a", ago=29)
    opened(table, "b", ago=29)
    assert connect("c1")["statusCode"] == 429
    assert {"CONNECTION#a", "CONNECTION#b"} <= {item["pk"] for item in all_items(dynamodb)}


@pytest.mark.parametrize("outcome", sorted(set(Outcome) - {Outcome.GONE}, key=str))
def test_what_is_not_known_to_be_gone_stays(
    dynamodb: Any, table: Connections, engine: Engine, outcome: Outcome
) -> None:
    opened(table, "a")
    opened(table, "b")
    engine.outcomes = {"a": outcome, "b": outcome}
    assert connect("c1")["statusCode"] == 429
    assert {"CONNECTION#a", "CONNECTION#b"} <= {item["pk"] for item in all_items(dynamodb)}


def test_the_five_that_end_first_are_looked_up_and_then_the_next_ones(
    table: Connections, engine: Engine
) -> None:
    """Those that are open must not hide those behind them."""
    names = list("gfedcba")  # the table lists them by their ids
    for number, name in enumerate(names):
        opened(table, name, ago=600 - number)
    engine.open = set(names)
    lost = LostConnections(table, engine)  # type: ignore[arg-type]
    for again in range(3):
        assert not lost.forget(ALICE, but="g", now=NOW + again * 10)
    assert engine.asked == [*names[1:6], names[6], *names[1:6]], "after the last one, it begins anew"


def test_a_users_connections_are_looked_up_once_in_ten_seconds(table: Connections, engine: Engine) -> None:
    opened(table, "a")
    engine.open = {"a"}
    lost = LostConnections(table, engine)  # type: ignore[arg-type]
    for now in (NOW, NOW, NOW + 9.9, NOW + 10):
        lost.forget(ALICE, but="c1", now=now)
    assert len(engine.asked) == 2


def test_another_users_look_up_does_not_wait(table: Connections, engine: Engine) -> None:
    opened(table, "a")
    engine.open = {"a"}
    lost = LostConnections(table, engine)  # type: ignore[arg-type]
    lost.forget(user_channel("bob"), but="c1", now=NOW)
    lost.forget(ALICE, but="c1", now=NOW)
    assert engine.asked == ["a"]


def test_a_worker_remembers_so_many_users_and_no_more(
    table: Connections, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lost_connections, "MOST_USERS", 1)
    opened(table, "a")
    opened(table, "b", user="bob")
    engine.open = {"a", "b"}
    lost = LostConnections(table, engine)  # type: ignore[arg-type]
    for channel in (ALICE, user_channel("bob"), ALICE):
        lost.forget(channel, but="c1", now=NOW)
    assert engine.asked == ["a", "b", "a"]


def test_a_look_up_that_fails_is_logged(
    table: Connections, engine: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    opened(table, "a")
    opened(table, "b")
    engine.outcomes = dict.fromkeys(("a", "b"), Outcome.RETRY)
    assert connect("c1")["statusCode"] == 429
    assert "some connections could not be looked up" in caplog.messages

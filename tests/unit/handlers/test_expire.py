"""Closing connections whose token has expired."""

import importlib
from collections.abc import Iterable, Iterator
from typing import Any

import pytest
from entity_push.auth.bearer import ANONYMOUS, Bearer
from entity_push.auth.grants import EVERYTHING
from entity_push.posting.posts import Outcome, Result
from entity_push.runtime import aws
from entity_push.table.connections import Connection, Connections

from tests.unit.conftest import TABLE_NAME, all_items

NOW = 1_800_000_000


class Context:
    """What Lambda tells of an invocation."""

    @staticmethod
    def get_remaining_time_in_millis() -> int:
        return 55_000


class Closer:
    """A delivery engine that notes whom it closes.

    Attributes:
        outcomes: what becomes of some; of the others, that they were closed.
    """

    def __init__(self) -> None:
        self.closed: list[str] = []
        self.outcomes: dict[str, Outcome] = {}

    def disconnect(self, connection_ids: Iterable[str], *, deadline: float) -> Iterator[Result]:
        assert deadline
        for connection_id in connection_ids:
            self.closed.append(connection_id)
            yield Result(connection_id, self.outcomes.get(connection_id, Outcome.DELIVERED), 204, "", None)


@pytest.fixture
def closer(dynamodb: Any, monkeypatch: pytest.MonkeyPatch) -> Closer:
    monkeypatch.setattr(aws, "client", lambda _service: dynamodb)
    return Closer()


def open_connection(dynamodb: Any, name: str, bearer: Bearer) -> None:
    Connections(dynamodb, TABLE_NAME).open(Connection(name, NOW * 1000, "192.0.2.1", "test", bearer))


def run_at(closer: Closer, now: float, monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    monkeypatch.setattr("time.time", lambda: now)
    expire: Any = importlib.reload(importlib.import_module("expire"))
    expire.deliverer = closer
    answer: dict[str, int] = expire.handler({}, Context())
    return answer


def test_a_connection_is_closed_within_a_minute_of_its_tokens_end_and_not_before(
    dynamodb: Any, closer: Closer, monkeypatch: pytest.MonkeyPatch
) -> None:
    for seconds in (30, 61, 110, 119, 3600):
        open_connection(dynamodb, f"c{seconds}", Bearer("alice", EVERYTHING, NOW + seconds))
    open_connection(dynamodb, "long", Bearer("alice", EVERYTHING, NOW + 86_400))
    open_connection(dynamodb, "anybody", ANONYMOUS)
    closed_at: dict[str, int] = {}
    for now in range(NOW + 57, NOW + 3700, 60):  # runs need not be at full minutes
        run_at(closer, now, monkeypatch)
        closed_at |= {name: now - NOW for name in closer.closed if name not in closed_at}
    assert set(closed_at) == {"c30", "c61", "c110", "c119", "c3600"}
    assert all(0 <= at - int(name[1:]) < 60 for name, at in closed_at.items()), closed_at
    assert len(closer.closed) == 5, "each of them once"


def test_a_run_that_failed_is_an_error_and_made_up_for(
    dynamodb: Any, closer: Closer, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("open", "gone", "closed"):
        open_connection(dynamodb, name, Bearer("alice", EVERYTHING, NOW + 30))
    closer.outcomes = {"open": Outcome.REFUSED, "gone": Outcome.GONE}
    with pytest.raises(Exception, match="refused"):
        run_at(closer, NOW + 600, monkeypatch)
    closer.outcomes = {}
    assert run_at(closer, NOW + 660, monkeypatch) == {"delivered": 1}
    assert run_at(closer, NOW + 720, monkeypatch) == {}
    assert not [item for item in all_items(dynamodb) if item["pk"].startswith("EXPIRES#")]


def test_a_connection_that_may_only_be_opening_is_closed_by_a_later_run(
    dynamodb: Any, closer: Closer, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_connection(dynamodb, "opening", Bearer("alice", EVERYTHING, NOW + 3))
    closer.outcomes = {"opening": Outcome.GONE}
    run_at(closer, NOW + 5, monkeypatch)
    closer.outcomes = {}
    assert run_at(closer, NOW + 65, monkeypatch) == {"delivered": 1}


def test_after_a_longer_trouble_what_is_still_open_is_closed_within_a_quarter_of_an_hour(
    dynamodb: Any, closer: Closer, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_connection(dynamodb, "c1", Bearer("alice", EVERYTHING, NOW + 30))
    for minute in range(100, 115):
        run_at(closer, NOW + minute * 60, monkeypatch)
    assert closer.closed == ["c1"]

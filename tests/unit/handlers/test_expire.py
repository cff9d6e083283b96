"""Warning and closing connections whose token expires."""

import importlib
import json
import sys
import time
from collections.abc import Iterable, Iterator
from typing import Any, Protocol
from unittest import mock

import pytest
from entity_push.auth.bearer import ANONYMOUS, Bearer
from entity_push.auth.grants import EVERYTHING
from entity_push.posting.posts import Outcome, Post, Result
from entity_push.runtime import aws
from entity_push.table.connections import Connection, Connections

from tests.delivery.faults import FaultyEndpoint
from tests.unit.conftest import TABLE_NAME, all_items, printed_metrics

NOW = 1_800_000_000

NOT_TOLD = "clients were not told of their token's end"


class Context:
    """What Lambda tells of an invocation."""

    @staticmethod
    def get_remaining_time_in_millis() -> int:
        return 55_000


class Engine:
    """A delivery engine that notes what it posts and whom it closes.

    Attributes:
        said: what was posted and closed, in order.
        closed: who was closed.
        outcomes: what becomes of some closings; the others succeed.
        posting: what becomes of some posts; the others succeed.
        failure: what each post raises.
        broken: promises that were not kept.
    """

    def __init__(self) -> None:
        self.said: list[tuple[str, str]] = []
        self.closed: list[str] = []
        self.outcomes: dict[str, Outcome] = {}
        self.posting: dict[str, Outcome] = {}
        self.failure: Exception | None = None
        self.broken: list[str] = []

    def deliver(self, posts: Iterable[Post], *, deadline: float) -> Iterator[Result]:
        self._check(0 < deadline - time.monotonic() <= 10, "posting is bounded")
        if self.failure:
            raise self.failure
        for post in posts:
            frame = json.loads(post.frame)
            self._check((frame["type"], frame["reconnect"]) == ("closing", True), "frames are as documented")
            self._check(time.time() < post.expires, "nobody is warned of what is over")
            self.said.append((post.connection_id, frame["code"]))
            outcome = self.posting.get(post.connection_id, Outcome.DELIVERED)
            yield Result(post.connection_id, outcome, 200, f"post {outcome.value}")

    def disconnect(self, connection_ids: Iterable[str], *, deadline: float) -> Iterator[Result]:
        assert deadline
        for connection_id in connection_ids:
            self.said.append((connection_id, "closed"))
            self.closed.append(connection_id)
            outcome = self.outcomes.get(connection_id, Outcome.DELIVERED)
            yield Result(connection_id, outcome, 204, f"close {outcome.value}", None)

    def _check(self, is_kept: bool, promise: str) -> None:
        # The function goes on whatever posting raises.
        if not is_kept:
            self.broken.append(promise)

    def heard(self, connection_id: str) -> list[str]:
        """Return what was posted to a connection, and that it was closed."""
        return [what for who, what in self.said if who == connection_id]


class Run(Protocol):
    """Runs the function at a time, in the worker of the runs before or in another one."""

    def __call__(self, now: float, *, worker: int = 0) -> dict[str, int]: ...


@pytest.fixture
def engine(dynamodb: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Engine]:
    monkeypatch.setattr(aws, "client", lambda _service: dynamodb)
    engine = Engine()
    yield engine
    assert engine.broken == []


@pytest.fixture
def run_at(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Run:
    workers: dict[int, Any] = {}

    def run(now: float, *, worker: int = 0) -> dict[str, int]:
        monkeypatch.setattr("time.time", lambda: now)
        if worker not in workers:
            sys.modules.pop("expire", None)
            workers[worker] = importlib.import_module("expire")
            workers[worker].deliverer = engine
        answer: dict[str, int] = workers[worker].handler({}, Context())
        return answer

    return run


def open_connection(
    dynamodb: Any, name: str, seconds: int | None, *, connected_at: int = NOW, user: str = "alice"
) -> None:
    """Open a connection whose token ends some seconds after NOW; None: one without a token."""
    bearer = ANONYMOUS if seconds is None else Bearer(user, EVERYTHING, NOW + seconds)
    Connections(dynamodb, TABLE_NAME).open(Connection(name, connected_at * 1000, "192.0.2.1", "test", bearer))


def test_a_connection_is_closed_within_a_minute_of_its_tokens_end_and_not_before(
    dynamodb: Any, engine: Engine, run_at: Run
) -> None:
    for seconds in (30, 61, 110, 119, 3600):
        open_connection(dynamodb, f"c{seconds}", seconds)
    open_connection(dynamodb, "long", 86_400)
    open_connection(dynamodb, "anybody", None)
    closed_at: dict[str, int] = {}
    for now in range(NOW + 57, NOW + 3700, 60):  # runs need not be at full minutes
        run_at(now)
        closed_at |= {name: now - NOW for name in engine.closed if name not in closed_at}
    assert set(closed_at) == {"c30", "c61", "c110", "c119", "c3600"}
    assert all(0 <= at - int(name[1:]) < 60 for name, at in closed_at.items()), closed_at
    assert len(engine.closed) == 5, "each of them once"


def test_a_run_that_failed_is_an_error_and_made_up_for(
    dynamodb: Any, engine: Engine, run_at: Run, caplog: pytest.LogCaptureFixture
) -> None:
    for name in ("open", "gone", "closed"):
        open_connection(dynamodb, name, 30)
    engine.outcomes = {"open": Outcome.REFUSED, "gone": Outcome.GONE}
    with pytest.raises(Exception, match="refused"):
        run_at(NOW + 600)
    (said,) = (record for record in caplog.records if record.message == "some connections are still open")
    assert (vars(said)["count"], vars(said)["last_failure"]) == (1, "close refused")
    engine.outcomes = {}
    assert run_at(NOW + 660) == {"delivered": 1}
    assert run_at(NOW + 720) == {}
    assert not [item for item in all_items(dynamodb) if item["pk"].startswith("EXPIRES#")]


def test_a_connection_that_may_only_be_opening_is_closed_by_a_later_run(
    dynamodb: Any, engine: Engine, run_at: Run
) -> None:
    open_connection(dynamodb, "opening", 3)
    engine.outcomes = {"opening": Outcome.GONE}
    run_at(NOW + 5)
    engine.outcomes = {}
    assert run_at(NOW + 65) == {"delivered": 1}


def test_after_a_longer_trouble_what_is_still_open_is_closed_within_a_quarter_of_an_hour(
    dynamodb: Any, engine: Engine, run_at: Run
) -> None:
    open_connection(dynamodb, "c1", 30)
    for minute in range(100, 115):
        run_at(NOW + minute * 60)
    assert engine.closed == ["c1"]


@pytest.mark.parametrize("late", [0, 1, 31, 59])
def test_every_connection_is_warned_once_and_in_time_told_why_and_closed(
    dynamodb: Any, engine: Engine, run_at: Run, late: int
) -> None:
    for seconds in range(91, 400, 7):
        open_connection(dynamodb, f"c{seconds}", seconds)
    open_connection(dynamodb, "long", 86_400)
    open_connection(dynamodb, "anybody", None)
    warned_at: dict[str, int] = {}
    for now in range(NOW + late, NOW + 500, 60):
        before = len(engine.said)
        run_at(now)
        warnings = [who for who, what in engine.said[before:] if what == "token_expires"]
        assert not set(warnings) & warned_at.keys(), "warned twice"
        warned_at |= dict.fromkeys(warnings, now - NOW)
    assert set(warned_at) == {f"c{seconds}" for seconds in range(91, 400, 7)}
    assert all(30 <= int(name[1:]) - at <= 90 for name, at in warned_at.items()), warned_at
    for name in warned_at:
        assert engine.heard(name) == ["token_expires", "token_expired", "closed"]


def test_who_opens_a_connection_with_little_left_is_warned_by_the_next_run(
    dynamodb: Any, engine: Engine, run_at: Run
) -> None:
    open_connection(dynamodb, "first", 80)
    run_at(NOW)
    open_connection(dynamodb, "second", 85)
    run_at(NOW + 60)
    assert engine.said == [("first", "token_expires"), ("second", "token_expires")]


def test_a_warning_that_failed_is_counted_and_tried_again(
    dynamodb: Any,
    engine: Engine,
    run_at: Run,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    names = {"refused": Outcome.REFUSED, "silent": Outcome.UNSENT, "left": Outcome.GONE, "fine": None}
    for name in names:
        open_connection(dynamodb, name, 85)
    engine.posting = {name: outcome for name, outcome in names.items() if outcome}
    run_at(NOW)
    assert counted(capsys) == {"Warned": 1, "NotWarned": 2}
    assert vars(caplog.records[-1])["outcomes"] == {"refused": 1, "unsent": 1}
    assert vars(caplog.records[-1])["last_failure"] in ("post refused", "post unsent")
    engine.posting = {}
    run_at(NOW + 60)
    assert counted(capsys) == {"Warned": 3}
    assert engine.heard("fine") == ["token_expires"]


def test_another_worker_may_warn_again_and_what_has_ended_is_forgotten(
    dynamodb: Any, engine: Engine, run_at: Run
) -> None:
    open_connection(dynamodb, "c1", 85)
    run_at(NOW)
    run_at(NOW + 30, worker=1)
    run_at(NOW + 40)
    assert engine.heard("c1") == ["token_expires"] * 2
    run_at(NOW + 90)
    assert sys.modules["expire"].warned == {"c1"}, "the other worker has not run since"
    run_at(NOW + 90, worker=1)
    assert sys.modules["expire"].warned == set()


def test_no_failure_of_a_warning_or_a_reason_stops_the_closing(
    dynamodb: Any, engine: Engine, run_at: Run, caplog: pytest.LogCaptureFixture
) -> None:
    for name in ("c1", "c2"):
        open_connection(dynamodb, name, 30)
    open_connection(dynamodb, "soon", 100)
    engine.failure = RuntimeError("no credentials")
    assert run_at(NOW + 60) == {"delivered": 2}
    assert [record.message for record in caplog.records if record.exc_info] == [NOT_TOLD, NOT_TOLD]
    engine.failure, engine.posting = None, {"soon": Outcome.REFUSED}
    assert run_at(NOW + 120) == {"delivered": 1}, "nor that it was not heard"


def test_a_fleet_whose_tokens_do_not_end_costs_three_more_reads_and_no_post(
    dynamodb: Any, engine: Engine, run_at: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_connection(dynamodb, "long", 86_400)
    queries = mock.Mock(side_effect=dynamodb.query)
    monkeypatch.setattr(dynamodb, "query", queries)
    run_at(NOW + 61)
    assert queries.call_count <= 16 + 3
    assert engine.said == []


class Listed:
    """A table with a thousand connections whose token has expired, and a thousand that are about to."""

    def expired(self, _now: float, *, minutes: int) -> Iterator[tuple[int, list[str]]]:
        yield minutes, [f"expired{number}" for number in range(1000)]

    def expiring(self, now: float, *, seconds: int) -> Iterator[tuple[str, int]]:
        yield from ((f"expiring{number}", int(now) + seconds) for number in range(1000))

    def closed(self, _minute: int, connection_ids: list[str]) -> None:
        assert len(connection_ids) == 1000


@pytest.mark.usefixtures("engine")
def test_a_thousand_ends_at_once_and_some_that_are_silent_fit_one_run(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with FaultyEndpoint() as endpoint:
        endpoint.scripts |= {f"expired{number}": ["silent", "no_content"] for number in range(20)}
        endpoint.scripts |= {f"expiring{number}": ["silent"] for number in range(20)}
        monkeypatch.setenv("CALLBACK_URL", endpoint.url)
        sys.modules.pop("expire", None)
        expire: Any = importlib.import_module("expire")
        expire.table, expire.MOST_SECONDS_FOR_WARNINGS = Listed(), 2.0
        began = time.monotonic()
        assert expire.handler({}, Context()) == {"delivered": 1000}
        took = time.monotonic() - began
        methods = {
            name: [request.method for request in requests] for name, requests in endpoint.requests.items()
        }
    assert 3 < took < 20, "silent ones use up both bounds, and all fits with room to spare"
    assert all(methods[f"expired{number}"] == ["POST", "DELETE"] for number in range(1000))
    assert all(set(methods[f"expiring{number}"]) == {"POST"} for number in range(1000))
    assert len(expire.warned) == 980


def counted(capsys: pytest.CaptureFixture[str]) -> dict[str, int]:
    """Return the metrics that were printed since the last call."""
    lines = printed_metrics(capsys)
    assert {line["Stack"] for line in lines} == {"EntityPush"}
    return {
        metric["Name"]: int(line[metric["Name"]][0])
        for line in lines
        for directives in line["_aws"]["CloudWatchMetrics"]
        for metric in directives["Metrics"]
    }


def test_each_run_looks_a_quarter_of_an_hour_back(dynamodb: Any, engine: Engine, run_at: Run) -> None:
    """A run that failed is made up for by those that follow; not only by the rare longer look."""
    open_connection(dynamodb, "c1", 30)
    minute = next(minute for minute in range(10, 15) if (NOW // 60 + minute) % 15)
    run_at(NOW + minute * 60)
    assert engine.closed == ["c1"]


def test_all_pages_of_a_minutes_list_are_read(
    dynamodb: Any, engine: Engine, run_at: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [f"c{number}" for number in range(7)]
    for name in names:
        open_connection(dynamodb, name, 30)
    query = dynamodb.query
    monkeypatch.setattr(dynamodb, "query", lambda **parameters: query(**parameters, Limit=2))
    run_at(NOW + 60)
    assert sorted(engine.closed) == names

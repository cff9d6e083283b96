"""What is asked for without a grant is seen: all of it in the metric, a sample of it in the log."""

import json
import logging
from typing import Any

import pytest
from entity_push.auth.bearer import Bearer
from entity_push.auth.grants import Grants
from entity_push.routes.forbidden import LOGGED_EVERY, MOST_USERS, Forbidden
from entity_push.table.connections import Connection


def connection(user_id: str = "mallory", connection_id: str = "c1") -> Connection:
    return Connection(connection_id, 0, "192.0.2.1", "wscat", Bearer(user_id, Grants(), 1_800_000_000))


def metrics(capsys: pytest.CaptureFixture[str]) -> list[Any]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines() if "CloudWatchMetrics" in line]


def test_all_that_a_frame_names_is_counted_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    Forbidden("Orders").count(connection(), "subscribe", ["a", "b", "c"])
    (metric,) = metrics(capsys)
    assert (metric["Forbidden"], metric["Stack"]) == ([3], "Orders")


def test_a_frame_that_names_nothing_forbidden_prints_nothing(
    capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    Forbidden("Orders").count(connection(), "subscribe", [])
    assert metrics(capsys) == []
    assert caplog.records == []


def test_the_log_says_who_asked_for_what(caplog: pytest.LogCaptureFixture) -> None:
    Forbidden("Orders").count(connection(), "subscribe", ["orders/1", "orders/2"])
    (record,) = caplog.records
    fields = vars(record)
    assert (record.levelno, record.getMessage()) == (logging.WARNING, "forbidden")
    assert (fields["connection_id"], fields["user_id"]) == ("c1", "mallory")
    assert (fields["action"], fields["entity"], fields["entities"]) == ("subscribe", "orders/1", 2)


def test_a_flood_is_counted_but_not_logged_line_by_line(
    capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    forbidden = Forbidden("Orders")
    for number in range(3 * LOGGED_EVERY):
        forbidden.count(connection(connection_id=f"c{number}"), "subscribe", [f"orders/{number}"])
    forbidden.count(connection("bob"), "publish", ["orders/1"])
    logged = [vars(record)["entity"] for record in caplog.records]
    assert logged == ["orders/0", f"orders/{LOGGED_EVERY}", f"orders/{2 * LOGGED_EVERY}", "orders/1"]
    assert sum(metric["Forbidden"][0] for metric in metrics(capsys)) == 3 * LOGGED_EVERY + 1


def test_what_is_remembered_of_users_is_bounded() -> None:
    forbidden = Forbidden("Orders")
    for number in range(3 * MOST_USERS):
        forbidden.count(connection(f"user{number}"), "subscribe", ["a"])
    assert len(forbidden._asked) <= MOST_USERS

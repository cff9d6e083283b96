"""What can't be undone in an account is asked first; in the local AWS nobody is asked."""

import io
from typing import Any

import boto3
import pytest

from operations import deployment, forget
from operations.deployment import Deployment


@pytest.fixture
def forgotten(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The tables whose histories were all forgotten. There is no terminal."""
    tables: list[str] = []
    monkeypatch.setattr(forget.Histories, "forget_all", lambda histories: tables.append(histories._table))
    monkeypatch.setattr("sys.stdin", io.StringIO("yes\n"))
    return tables


def found(endpoint_url: str | None) -> Deployment:
    session: Any = boto3.Session("test", "test", region_name="eu-west-1")
    return Deployment({"TableName": "table"}, session, endpoint_url, "Orders")


@pytest.mark.parametrize(
    ("chosen", "endpoint_url"),
    [([], None), (["--yes"], None), ([], "http://127.0.0.1:1")],
    ids=["nobody can answer", "--yes", "local"],
)
def test_all_histories_are_forgotten_only_if_that_is_wanted(
    forgotten: list[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    chosen: list[str],
    endpoint_url: str | None,
) -> None:
    done = bool(chosen or endpoint_url)
    monkeypatch.setattr(deployment, "find", lambda _arguments: found(endpoint_url))
    assert forget.main(["--all", *chosen]) == (0 if done else 1)
    assert forgotten == (["table"] if done else [])
    assert ("Forget all histories of the stack Orders in eu-west-1?" in capsys.readouterr().err) == (not done)

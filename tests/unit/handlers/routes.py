"""A connection for tests of routes."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from entity_push.auth.bearer import Bearer
from entity_push.auth.grants import Grants
from entity_push.table.connections import Connection, Connections

from tests.unit.conftest import NOW, TABLE_NAME

Send = Callable[..., dict[str, Any]]


def open_connection(
    dynamodb: Any, *subscribe: str, publish: tuple[str, ...] = (), expires: int = NOW + 3600
) -> None:
    """Write the item of a connection whose bearer may subscribe and publish to these patterns."""
    bearer = Bearer("alice", Grants(subscribe, publish), expires)
    connection = Connection("c1", NOW * 1000, "192.0.2.1", "wscat", bearer)
    Connections(dynamodb, TABLE_NAME).open(connection)


def forbidden_counted(capsys: pytest.CaptureFixture[str]) -> int:
    """Return what was counted as `Forbidden` since the last call."""
    lines = [line for line in capsys.readouterr().out.splitlines() if '"Forbidden"' in line]
    counted = [json.loads(line) for line in lines]
    assert {line["Stack"] for line in counted} <= {"EntityPush"}
    return sum(int(line["Forbidden"][0]) for line in counted)

"""A connection for tests of routes."""

from collections.abc import Callable
from typing import Any

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

"""A backup is restored under workers that remember more than it has, by the recipe in docs/how-to."""

from collections.abc import Callable
from typing import Any

import pytest
from entity_push.table import keys

from operations import forget
from tests.e2e.client import Client
from tests.e2e.conftest import App

Connect = Callable[..., Client]

ENTITY = "restored/1"

pytestmark = pytest.mark.usefixtures("as_local")


class Table:
    """The channel's items in the deployment's table."""

    def __init__(self, app: App):
        self._client, self._name = app.aws.client("dynamodb"), app.outputs.table_name

    def history(self) -> list[dict[str, Any]]:
        """Return the items of the history, and not those of subscribers."""
        found = self._client.query(
            TableName=self._name,
            KeyConditionExpression="pk = :pk",
            ExpressionAttributeValues={":pk": keys.life(f"entity/{ENTITY}")["pk"]},
            ConsistentRead=True,
        )["Items"]
        return [item for item in found if item["sk"]["S"].startswith((keys.LIFE, keys.LOG))]

    def restore(self, backup: list[dict[str, Any]]) -> None:
        """Put a backup in the place of the history."""
        for item in self.history():
            self._client.delete_item(TableName=self._name, Key={name: item[name] for name in ("pk", "sk")})
        for item in backup:
            self._client.put_item(TableName=self._name, Item=item)


def _push(app: App, client: Client, message: str) -> Any:
    app.put_event({"entityId": ENTITY, "message": message})
    return client.receive()


def _ask(client: Client, since: str | None = None) -> Any:
    frame = {"action": "subscribe", "entityId": ENTITY}
    return client.ask(frame | ({"since": since} if since else {}))


def _life(frame: Any) -> str:
    return str(frame["cursor"].rpartition(".")[0])


def test_nobody_is_told_anything_wrong_after_a_restore(app: App, connect: Connect) -> None:
    client, table = connect(), Table(app)
    client.subscribe(ENTITY)
    frames = [_push(app, client, "in the backup")]
    backup = table.history()
    frames += [_push(app, client, f"lost by the restore: {number}") for number in range(2)]
    with app.held_back():
        table.restore(backup)
        assert forget.main(["--local", "--all"]) == 0
    newcomer = connect()
    begun = _ask(newcomer)
    after = _push(app, newcomer, "after the restore")
    assert (after["sequence"], _life(after)) == (1, _life(begun)), "a worker went on with what it remembered"
    assert client.receive() == after
    assert _life(after) not in set(map(_life, frames))
    for frame in frames:
        assert not _ask(client, frame["cursor"])["recovered"]
    assert _ask(newcomer, begun["cursor"])["updates"] == [after]

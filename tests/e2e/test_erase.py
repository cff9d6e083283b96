"""The erase command against the deployed app, with workers that remember what it erases."""

from collections.abc import Callable
from typing import Any

import pytest
from entity_push.table.history import TRUST_SECONDS
from websockets.exceptions import ConnectionClosed

from operations import erase, forget
from tests.e2e.client import Client
from tests.e2e.conftest import App, eventually

Connect = Callable[..., Client]

KIND = "Send User Push Notification"

pytestmark = pytest.mark.usefixtures("as_local")


def _notify(app: App, user: str, message: str) -> None:
    app.put_event({"userId": user, "message": message}, detail_type=KIND)


def _items(app: App, text: str) -> list[str]:
    """Return the items that have a text anywhere."""
    found = app.aws.client("dynamodb").scan(TableName=app.outputs.table_name, ConsistentRead=True)["Items"]
    return [f"{item['pk']['S']} {item['sk']['S']}" for item in found if text in str(item)]


def _is_closed(client: Client) -> bool:
    try:
        client.receive()
    except ConnectionClosed:
        return True
    return False


def test_erased_users_are_nowhere_in_the_table_and_begin_anew(
    app: App, connect: Connect, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    # Here clocks agree, and no push is under way: workers remember a history for so long, and no longer.
    monkeypatch.setattr(forget, "LINGER_SECONDS", TRUST_SECONDS + 1)
    users, other = ["erased-alice", "erased-bob"], connect(user="kept-carol")
    clients = {user: connect(user=user) for user in users}
    before: dict[str, Any] = {}
    for user, client in clients.items():
        client.subscribe("erased/1")
        for message in ("one", "two"):
            _notify(app, user, message)
            before[user] = client.receive()
    _notify(app, "kept-carol", "one")
    kept = other.receive()
    assert len(_items(app, "erased-")) > 6
    assert erase.main(["--local", "--user", *users]) == 0
    shown = capsys.readouterr().out
    assert all(f"{user}: 1 connections are closed" in shown for user in users)
    assert all(map(_is_closed, clients.values()))
    eventually(lambda: not _items(app, "erased-"))
    # The workers that pushed before are still there, with what they remember.
    for user in users:
        again = connect(user=user)
        for number, message in enumerate(("three", "four"), 1):
            _notify(app, user, message)
            after = again.receive()
            assert (after["message"], after["sequence"]) == (message, number)
            assert after["cursor"].rpartition(".")[0] != before[user]["cursor"].rpartition(".")[0]
        told = again.ask({"action": "subscribe", "channel": "user", "since": before[user]["cursor"]})
        assert (told["recovered"], told["latest"]["message"]) == (False, "four")
    _notify(app, "kept-carol", "two")
    assert other.receive()["sequence"] == kept["sequence"] + 1

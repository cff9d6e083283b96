"""The forget command against the deployed app, with workers that remember the histories."""

from collections.abc import Callable
from typing import Any

import pytest

from operations import forget
from tests.e2e.client import Client
from tests.e2e.conftest import App

Connect = Callable[..., Client]

pytestmark = pytest.mark.usefixtures("as_local")


def _push(app: App, client: Client, entity_id: str, **detail: Any) -> Any:
    app.put_event({"entityId": entity_id, **detail})
    return client.receive()


def _come_back(client: Client, entity_id: str, since: str) -> Any:
    return client.ask({"action": "subscribe", "entityId": entity_id, "since": since})


def _life(frame: Any) -> str:
    life: str = frame["cursor"].rpartition(".")[0]
    return life


def test_a_forgotten_history_begins_anew_and_clients_are_told_to_refetch(
    app: App, connect: Connect, capsys: pytest.CaptureFixture[str]
) -> None:
    client = connect()
    client.subscribe("forget/1")
    before = [_push(app, client, "forget/1", message=number, version=10**12 + number) for number in range(3)]
    assert forget.main(["--local", "--entity", "forget/1", "forget/2"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "forgotten: entity/forget/1",
        "has no history: entity/forget/2",
    ]
    after = _push(app, client, "forget/1", message="new", version=1)
    assert (after["sequence"], after["message"]) == (1, "new")
    assert _life(after) != _life(before[-1])
    told = [_come_back(client, "forget/1", frame["cursor"]) for frame in before]
    assert [(answer["recovered"], answer["latest"]) for answer in told] == [(False, after)] * 3
    assert _come_back(client, "forget/1", after["cursor"])["recovered"]


def test_all_histories_are_forgotten(
    app: App, connect: Connect, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(forget, "LINGER_SECONDS", 1.0)  # nothing was restored: no worker knows too much
    client = connect()
    for entity_id in ("forget/3", "forget/4"):
        client.subscribe(entity_id)
    before = [_push(app, client, entity_id) for entity_id in ("forget/3", "forget/4")]
    assert forget.main(["--local", "--all"]) == 0
    assert "histories are ended again" in capsys.readouterr().out
    after = [_push(app, client, frame["entityId"]) for frame in before]
    assert [frame["sequence"] for frame in after] == [1, 1]
    assert not {_life(frame) for frame in before} & {_life(frame) for frame in after}
    for frame in before:
        assert not _come_back(client, frame["entityId"], frame["cursor"])["recovered"]

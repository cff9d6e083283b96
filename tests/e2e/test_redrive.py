"""The redrive command against the deployed app."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from operations import deployment
from operations.redrive import main
from tests.e2e.client import Client
from tests.e2e.conftest import App, eventually

Connect = Callable[..., Client]


pytestmark = pytest.mark.usefixtures("as_local")


@pytest.fixture(autouse=True)
def _empty(app: App) -> None:
    """Start with empty dead-letter queues."""
    sqs = app.aws.client("sqs")
    for url in (app.outputs.dead_letter_queue_url, app.outputs.target_dead_letter_queue_url):
        sqs.purge_queue(QueueUrl=url)


def test_dead_letters_are_listed_with_their_reason_and_redriven_once_mended(
    app: App, connect: Connect, capsys: pytest.CaptureFixture[str]
) -> None:
    client = connect()
    client.subscribe("e1")
    sqs = app.aws.client("sqs")
    event = {"id": "lost", "detail-type": "Entity Updated", "time": "t", "detail": {"entityId": "e1"}}
    sqs.send_message(
        QueueUrl=app.outputs.target_dead_letter_queue_url,
        MessageBody=json.dumps(event),
        MessageAttributes={"ERROR_CODE": {"DataType": "String", "StringValue": "NO_PERMISSIONS"}},
    )
    unusable = app.put_event({"entityId": "not\nan id"})

    def listed() -> str:
        assert main(["list", "--local"]) == 0
        return capsys.readouterr().out

    def both() -> str | None:
        text = listed()
        return text if "NO_PERMISSIONS" in text and "detail.entityId" in text else None

    text = eventually(both)
    assert "1 message could not be pushed" in text
    assert "Mend the service that puts the event" in text
    assert unusable in text
    assert main(["redrive", "--local", "--reason", "NO_PERMISSIONS"]) == 0
    assert client.receive()["id"] == "lost"
    text = listed()
    assert "1 message could not be pushed" in text
    assert "0 messages did not get from EventBridge" in text
    assert main(["delete", "--local", "--reason", "invalid_entity_id"]) == 0
    deleted = capsys.readouterr().out
    assert unusable in deleted
    assert r"not\nan id" in deleted
    assert "0 messages could not be pushed" in listed()


def test_without_a_local_aws_it_says_how_to_start_one(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr(deployment, "LOCAL_OUTPUTS", tmp_path / "none.json")
    assert main(["list", "--local"]) == 1
    assert "make local" in capsys.readouterr().err

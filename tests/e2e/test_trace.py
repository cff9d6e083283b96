"""The trace command against the deployed app, by the log that its functions have really written."""

from collections.abc import Callable

import pytest

from operations.trace import main
from tests.e2e.client import Client
from tests.e2e.conftest import App, eventually

Connect = Callable[..., Client]

pytestmark = pytest.mark.usefixtures("as_local")


@pytest.fixture
def traced(capsys: pytest.CaptureFixture[str]) -> Callable[[str, str], str]:
    """Return a function that traces an event until it comes to something; it returns all that was shown."""

    def run(event_id: str, end: str) -> str:
        def shown() -> str:
            main(["--local", "--event", event_id])
            text = capsys.readouterr().out
            return text if f"=> {end}" in text else ""

        text: str = eventually(shown)
        return text

    return run


def test_a_pushed_update_is_followed_into_its_history(
    app: App, connect: Connect, traced: Callable[[str, str], str]
) -> None:
    clients = [connect(), connect()]
    for client in clients:
        client.subscribe("trace/1")
    first, second = (app.put_event({"entityId": "trace/1", "message": number}) for number in (1, 2))
    numbers = {frame["id"]: frame["sequence"] for frame in (clients[0].receive(), clients[0].receive())}
    for event_id in (first, second):
        text = traced(event_id, "entity/trace/1: pushed as number")
        assert f"=> entity/trace/1: pushed as number {numbers[event_id]} to 2 connections" in text
        assert f"=> entity/trace/1: stored as number {numbers[event_id]} at 20" in text
        assert "never seen" not in text


def test_a_superseded_event_is_told_from_the_one_before(app: App, traced: Callable[[str, str], str]) -> None:
    before = app.put_event({"entityId": "trace/2", "version": 5})
    traced(before, "entity/trace/2: pushed as number 1, but nobody was subscribed")
    late = app.put_event({"entityId": "trace/2", "version": 4})
    assert "stored as" not in traced(late, "entity/trace/2: superseded: ")


def test_a_dead_letter_comes_with_its_advice(app: App, traced: Callable[[str, str], str]) -> None:
    dead = app.put_event({"entityId": "*"})
    text = traced(dead, "dead letters of it that wait in the queues: 1")
    assert "dead letter: invalid_entity_id: detail.entityId" in text
    assert "advice: Mend the service that puts the event" in text
    app.aws.client("sqs").purge_queue(QueueUrl=app.outputs.dead_letter_queue_url)


def test_what_a_client_publishes_is_traced_by_the_id_that_it_is_told(
    connect: Connect, traced: Callable[[str, str], str]
) -> None:
    client = connect()
    answer = client.ask({"action": "publish", "entityId": "trace/3", "message": 1})
    traced(answer["id"], "entity/trace/3: pushed as number 1, but nobody was subscribed")


def test_an_event_that_no_rule_takes_is_explained(app: App, traced: Callable[[str, str], str]) -> None:
    lost = app.put_event({"entityId": "trace/4"}, detail_type="Entity Changed")
    text = traced(lost, "never seen: ")
    assert "takes {" in text, "the rules are shown with their patterns"
    assert "Entity Updated" in text
    assert "On the queue, 0 messages wait" in text
    assert "mapping" not in text, "it is enabled"
    assert main(["--local", "--event", lost]) == 1

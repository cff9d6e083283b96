"""A deployment of the release before is updated while a client is connected, which notices nothing."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from local.aws import LocalAws
from local.deployment import deploy
from tests.e2e.client import Client
from tests.e2e.conftest import App

ENTITY = "upgrade/1"
LASTING = (
    *("TableName", "QueueUrl", "DeadLetterQueueUrl", "TargetDeadLetterQueueUrl"),
    *("WebSocketUrl", "CallbackUrl", "TokenSecretArn"),
)


@pytest.fixture
def before(released: Path) -> Iterator[App]:
    """The release before, on a local AWS of its own."""
    with LocalAws(port=0) as aws:
        yield App(aws, deploy(aws, app=released))


def code(app: App) -> dict[str, str]:
    """Return the hash of each function's code."""
    found = app.aws.client("lambda").list_functions()["Functions"]
    return {function["FunctionName"]: function["CodeSha256"] for function in found}


def check_that_updates_go_on(app: App, client: Client, old: list[dict[str, Any]]) -> None:
    """Check a connection, a subscription and updates that are older than the functions.

    The release before kept another kind of history. So the entity begins another life, and who comes back
    with a cursor of the release before is told to refetch.
    """
    app.put_event({"entityId": ENTITY, "message": "after"})
    pushed = client.receive()
    assert (pushed["message"], pushed["sequence"]) == ("after", 1)
    for cursor in (old[0]["cursor"], old[-1]["cursor"]):
        answer = client.ask({"action": "subscribe", "entityId": ENTITY, "since": cursor})
        assert (answer["recovered"], answer["updates"]) == (False, [])
        assert (answer["cursor"], answer["latest"]) == (pushed["cursor"], pushed)
    app.put_event({"entityId": ENTITY, "message": "after that"})
    second = client.receive()
    answer = client.ask({"action": "subscribe", "entityId": ENTITY, "since": pushed["cursor"]})
    assert (answer["recovered"], answer["updates"]) == (True, [second])
    assert client.ask({"action": "unsubscribe", "entityId": ENTITY})["type"] == "unsubscribed"
    app.put_event({"entityId": ENTITY, "message": "nobody gets it"})
    assert client.hears_nothing()


def test_a_client_stays_connected_and_is_told_to_refetch_when_it_comes_back(before: App) -> None:
    with before.client() as client:
        client.subscribe(ENTITY)
        old = []
        for number in (1, 2):
            before.put_event({"entityId": ENTITY, "message": f"before {number}"})
            old.append(client.receive())
        assert [frame["sequence"] for frame in old] == [1, 2]

        released = code(before)
        after = App(before.aws, deploy(before.aws))
        current = code(after)
        assert current.keys() >= released.keys()
        assert not current.items() & released.items(), "it is not the current code that was deployed"
        assert {name: after.outputs.stack[name] for name in LASTING} == {
            name: before.outputs.stack[name] for name in LASTING
        }
        assert after.signer == before.signer

        check_that_updates_go_on(after, client, old)
    with Client(after.outputs.web_socket_url, token=before.token()) as newcomer:
        newcomer.subscribe(ENTITY)

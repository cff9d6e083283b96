"""`publish` and `onMessage`, from a client's frame to the event."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from entity_push.runtime import aws

from tests.unit.handlers.routes import Send, forbidden_counted, open_connection

Publish = Callable[..., dict[str, Any]]


class Events:
    """An EventBridge client that takes events, or does not."""

    def __init__(self) -> None:
        self.put: list[dict[str, Any]] = []
        self.refuses = False

    def put_events(self, Entries: list[dict[str, Any]]) -> Any:  # noqa: N803 - AWS's name
        if self.refuses:
            return {"FailedEntryCount": 1, "Entries": [{"ErrorCode": "ThrottlingException"}]}
        self.put += Entries
        return {"FailedEntryCount": 0, "Entries": [{"EventId": "event-1"}]}


@pytest.fixture
def events(dynamodb: Any, monkeypatch: pytest.MonkeyPatch, send: Send) -> Events:  # noqa: ARG001 - after it
    client = Events()
    clients = {"dynamodb": dynamodb, "events": client}
    monkeypatch.setattr(aws, "client", clients.__getitem__)
    return client


@pytest.fixture
def publish(send: Send, dynamodb: Any, events: Events) -> Publish:  # noqa: ARG001 - it sees to the client
    """Publish a frame on a connection with grants, and return the answer."""

    def publish(frame: dict[str, Any], *grants: str) -> dict[str, Any]:
        open_connection(dynamodb, publish=grants)
        return send("publish", frame)

    return publish


@pytest.mark.parametrize(
    ("frame", "grant", "expected"),
    [
        (
            {"action": "publish", "entityId": "orders/1", "message": {"a": [1]}},
            "orders/*",
            (
                {"entityId": "orders/1"},
                ("Entity Updated", {"entityId": "orders/1", "message": {"a": [1]}, "from": "alice"}),
            ),
        ),
        (
            {"action": "publish", "entityId": "orders/1", "from": "mallory", "userId": "bob"},
            "orders/1",
            ({"entityId": "orders/1"}, ("Entity Updated", {"entityId": "orders/1", "from": "alice"})),
        ),
        (
            {"action": "onMessage", "message": "Hello everyone"},
            "#everyone",
            ({}, ("Broadcast", {"message": "Hello everyone", "from": "alice"})),
        ),
        (
            {"action": "message", "roomId": "r1", "message": None},
            "rooms/r1",
            (
                {"roomId": "r1"},
                ("Entity Updated", {"entityId": "rooms/r1", "message": None, "from": "alice"}),
            ),
        ),
    ],
)
def test_what_a_client_publishes_becomes_an_event(
    publish: Publish, events: Events, frame: Any, grant: str, expected: Any
) -> None:
    answer, event = expected
    reply = publish({**frame, "requestId": "r1"}, grant)
    assert reply == {"type": "published", **answer, "id": "event-1", "requestId": "r1"}
    (entry,) = events.put
    assert (entry["DetailType"], json.loads(entry["Detail"])) == event
    assert (entry["Source"], entry["EventBusName"]) == ("entity-push.client", "default")


@pytest.mark.parametrize(
    ("frame", "grants", "code"),
    [
        ({"action": "publish", "entityId": "orders/1"}, ("orders/2", "rooms/*"), "forbidden"),
        ({"action": "publish", "entityId": "orders/1"}, (), "forbidden"),
        ({"action": "publish", "entityId": "#everyone"}, ("*",), "invalid_entity_id"),
        ({"action": "publish", "entityId": "orders/*"}, ("*",), "invalid_entity_id"),
        ({"action": "publish"}, ("*",), "invalid_entity_id"),
        ({"action": "onMessage", "message": "x"}, ("rooms/*",), "forbidden"),
        ({"action": "onMessage", "message": "x", "roomId": "r1"}, ("#everyone",), "forbidden"),
        ({"action": "onMessage", "message": "x", "roomId": None}, ("*",), "invalid_entity_id"),
        ({"action": "onMessage", "message": "x", "roomId": ""}, ("*",), "invalid_entity_id"),
        ({"action": "onMessage", "roomId": "r1"}, ("*",), "invalid_message"),
    ],
)
def test_what_may_not_be_published_is_not(
    publish: Publish, events: Events, frame: Any, grants: tuple[str, ...], code: str
) -> None:
    assert publish(frame, *grants)["code"] == code
    assert events.put == []


def test_what_a_client_may_not_publish_is_counted_and_logged(
    publish: Publish, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    publish({"action": "publish", "entityId": "a\nb"}, "rooms/*")
    publish({"action": "publish", "entityId": "rooms/1"}, "rooms/*")
    assert forbidden_counted(capsys) == 0
    publish({"action": "onMessage", "message": "x"}, "rooms/*")
    assert forbidden_counted(capsys) == 1
    fields = vars(caplog.records[-1])
    assert (fields["connection_id"], fields["user_id"]) == ("c1", "alice")
    assert (fields["action"], fields["entity"]) == ("onMessage", "#everyone")


def test_an_event_that_eventbridge_does_not_take_is_not_acknowledged(
    publish: Publish, events: Events
) -> None:
    events.refuses = True
    assert publish({"action": "publish", "entityId": "e1"}, "*")["code"] == "not_published"

"""`publish` and `onMessage`, from a client's frame to the event."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from entity_push.auth.bearer import ANONYMOUS, Bearer
from entity_push.auth.grants import EVERYTHING
from entity_push.protocol.events import DEPLOYMENT, Event, parse_event
from entity_push.runtime import aws
from entity_push.table.calls import one_by_one, run
from entity_push.table.connections import Connection, Connections
from entity_push.table.history import Appended, History
from entity_push.table.no_history import NoHistory

from tests.unit.conftest import NOW, TABLE_NAME
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
        return {"FailedEntryCount": 0, "Entries": [{"EventId": f"event-{len(self.put)}"}]}


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
            {
                "action": "publish",
                "entityId": "orders/1",
                "from": "mallory",
                "userId": "bob",
                DEPLOYMENT: "x",
            },
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
    detail = json.loads(entry["Detail"])
    assert detail.pop(DEPLOYMENT) == "111122223333/us-east-1/EntityPush"
    assert (entry["DetailType"], detail) == event
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
        *(
            ({**frame, "message": "x", "id": own_id}, ("*",), "invalid_id")
            for frame in (
                {"action": "publish", "entityId": "orders/1"},
                {"action": "onMessage"},
                {"action": "message", "roomId": "r1"},
            )
            for own_id in ("", "x" * 129, 7, None, True, ["x"], {"id": "x"}, "a\nb", "\u202e", "\ud800")
        ),
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


@pytest.mark.parametrize(
    ("frame", "named"),
    [
        ({"action": "publish", "entityId": "orders/1"}, {"entityId": "orders/1"}),
        ({"action": "onMessage", "message": 7}, {}),
        ({"action": "message", "roomId": "r1", "message": 7}, {"roomId": "r1"}),
    ],
)
def test_a_client_may_give_what_it_publishes_an_id(
    publish: Publish, events: Events, frame: dict[str, Any], named: dict[str, Any]
) -> None:
    reply = publish({**frame, "id": "Order 7/é"}, "*")
    assert reply == {"type": "published", **named, "id": "event-1", "ownId": "Order 7/é"}
    (pushed,) = pushed_of(events)
    assert (pushed.frame["ownId"], pushed.frame["id"]) == ("Order 7/é", "event-1")
    assert pushed.own_id == ("user/alice", "", "Order 7/é")


def test_a_client_gives_nothing_else_that_decides_about_others_updates(
    publish: Publish, events: Events
) -> None:
    forged = {"version": 2**53 - 1, "ownId": "x", "connection": "c2", "from": "bob", "source": "shop"}
    publish({"action": "publish", "entityId": "orders/1", "id": "x", **forged}, "*")
    (entry,) = events.put
    detail = json.loads(entry["Detail"])
    assert {name: detail[name] for name in ("entityId", "id", "from")} == {
        "entityId": "orders/1",
        "id": "x",
        "from": "alice",
    }
    (pushed,) = pushed_of(events)
    assert pushed.version is None


def pushed_of(events: Events) -> list[Event]:
    """Return what the push function reads of the events that were put, as EventBridge hands them on."""
    found = [
        parse_event(
            {
                "version": "0",
                "id": f"event-{number}",
                "detail-type": entry["DetailType"],
                "source": entry["Source"],
                "time": "2027-01-15T08:00:00Z",  # NOW
                "detail": json.loads(entry["Detail"]),
            },
            sent_at=NOW * 1000,
        )
        for number, entry in enumerate(events.put, 1)
    ]
    return [event for event in found if isinstance(event, Event)]


@pytest.fixture
def several(send: Send, dynamodb: Any, events: Events, monkeypatch: pytest.MonkeyPatch) -> Send:
    """Send frames on connections of alice (two), of mallory, and of two clients without a user."""
    monkeypatch.setenv("AUTHORIZATION", "none")  # so that clients without a user are admitted, too
    for name, bearer in {
        "alice": Bearer("alice", EVERYTHING, NOW + 3600),
        "alice-2": Bearer("alice", EVERYTHING, NOW + 3600),
        "mallory": Bearer("mallory", EVERYTHING, NOW + 3600),
        "anonymous-1": ANONYMOUS,
        "anonymous-2": ANONYMOUS,
    }.items():
        connection = Connection(name, NOW * 1000, "192.0.2.1", "wscat", bearer)
        Connections(dynamodb, TABLE_NAME).open(connection)
    assert not events.put
    return send


def published(several: Send, events: Events, *names: str, entity_id: str = "orders/1") -> list[Event]:
    """Publish on connections, with the same id; return what the push function reads of it."""
    before = len(events.put)
    for name in names:
        frame = {"action": "publish", "entityId": entity_id, "id": "order-7", "message": f"{name}'s"}
        assert several("publish", frame, name)["ownId"] == "order-7"
    return pushed_of(events)[before:]


def appended(dynamodb: Any, some: list[Event], at_once: bool) -> Appended:
    """Number events: all in one batch, or each in a batch of its own, by another worker."""
    total = Appended()
    for batch in [some] if at_once else [[event] for event in some]:
        found = run(History(TABLE_NAME, replay_seconds=3600).append(batch), one_by_one(dynamodb))
        total.updates += found.updates
        total.repeated += found.repeated
    return total


def messages(found: Appended) -> list[str]:
    return [json.loads(update.frame)["message"] for update in found.updates]


@pytest.mark.parametrize("at_once", [True, False])
def test_mallorys_use_of_an_id_suppresses_nothing_of_alices(
    several: Send, events: Events, dynamodb: Any, at_once: bool
) -> None:
    some = published(several, events, "mallory", "anonymous-1", "alice", "anonymous-2")
    found = appended(dynamodb, some, at_once)
    assert messages(found) == ["mallory's", "anonymous-1's", "alice's", "anonymous-2's"]
    assert found.repeated == []


@pytest.mark.parametrize("at_once", [True, False])
def test_what_a_sender_repeats_under_its_id_is_one_update_in_a_channel(
    several: Send, events: Events, dynamodb: Any, at_once: bool
) -> None:
    some = published(several, events, "alice", "mallory", "alice-2", "anonymous-1", "anonymous-1", "mallory")
    found = appended(dynamodb, some, at_once)
    assert messages(found) == ["alice's", "mallory's", "anonymous-1's"]
    assert len(found.repeated) == 3
    others = published(several, events, "alice", entity_id="orders/2")
    assert messages(appended(dynamodb, others, at_once)) == ["alice's"]


def test_without_a_history_the_id_only_travels(several: Send, events: Events, dynamodb: Any) -> None:
    some = published(several, events, "alice", "alice")
    found = run(NoHistory(TABLE_NAME).append(some), one_by_one(dynamodb))
    assert [json.loads(update.frame)["ownId"] for update in found.updates] == ["order-7", "order-7"]


def test_text_beyond_ascii_takes_its_own_bytes_and_no_more(publish: Publish, events: Events) -> None:
    """Escaped, 88 KB of "ü" would be 264 KB, which EventBridge refused for ever when it took 256 KB."""
    message = "ü€😀" * 1000
    answer = publish({"action": "publish", "entityId": "rooms/7", "message": message}, "rooms/*")
    assert answer["type"] == "published"
    (entry,) = events.put
    assert json.loads(entry["Detail"])["message"] == message
    assert len(entry["Detail"].encode()) < len(message.encode()) + 500


def test_characters_that_a_queue_refuses_stay_escaped_on_their_way(publish: Publish, events: Events) -> None:
    """EventBridge puts the event on the queue: SQS would refuse it for ever, and the update would be lost."""
    message = "a\x00 \ud800 \udfff \ufffe \uffff"
    publish({"action": "publish", "entityId": "rooms/7", "message": message}, "rooms/*")
    (entry,) = events.put
    assert json.loads(entry["Detail"])["message"] == message
    assert entry["Detail"].isascii()

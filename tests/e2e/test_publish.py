"""What a client publishes travels as every event does, and says whom it is from."""

from collections.abc import Callable

import pytest
from entity_push.protocol.events import CLIENT_SOURCE, DEPLOYMENT, DETAIL_TYPES

from tests.e2e.client import Client
from tests.e2e.conftest import App

Connect = Callable[..., Client]


def test_a_published_update_has_the_id_that_was_acknowledged_and_its_sender(connect: Connect) -> None:
    listens, speaks = connect(), connect(user="harry", publish=["docs/1"], subscribe=[])
    listens.subscribe("docs/1")
    frame = {"action": "publish", "entityId": "docs/1", "message": {"text": "é"}, "requestId": 3}
    answer = speaks.ask(frame)
    event_id = answer["id"]
    assert answer == {"type": "published", "entityId": "docs/1", "id": event_id, "requestId": 3}
    pushed = listens.receive()
    expected = {"type": "Entity Updated", "entityId": "docs/1", "message": {"text": "é"}}
    assert {name: pushed[name] for name in expected} == expected
    assert (pushed["id"], pushed["from"]) == (event_id, "harry")


def test_what_was_published_is_numbered_and_replayed(app: App, connect: Connect) -> None:
    speaks = connect(user="ida")
    speaks.subscribe("docs/2")
    app.put_event({"entityId": "docs/2", "message": "by a service"})
    first = speaks.receive()
    listens = connect()
    listens.subscribe("docs/2")
    speaks.send({"action": "publish", "entityId": "docs/2", "message": "by a client"})
    second = listens.receive()
    assert (first["sequence"], second["sequence"]) == (1, 2)
    assert "from" not in first
    answer = connect().ask({"action": "subscribe", "entityId": "docs/2", "since": first["cursor"]})
    assert (answer["recovered"], answer["updates"]) == (True, [second])
    assert second["from"] == "ida"


def test_nobody_says_from_whom_it_is_but_the_token(app: App, connect: Connect) -> None:
    listens, speaks = connect(), connect(user="mallory")
    listens.subscribe("docs/3")
    forged = {"entityId": "docs/3", "message": 1, "from": "alice", "userId": "alice", "callback": "c"}
    speaks.send({"action": "publish", **forged, "detail": {"from": "alice"}})
    pushed = listens.receive()
    assert pushed["from"] == "mallory"
    assert set(pushed) == {"type", "entityId", "message", "from", "id", "time", "sequence", "cursor"}
    speaks.send({"action": "onMessage", "message": 2, "from": "alice"})
    assert listens.receive()["from"] == "mallory"
    app.put_event({**forged, "message": 3})
    assert "from" not in listens.receive()


def test_what_clients_of_another_deployment_publish_on_the_same_bus_reaches_nobody(
    app: App, connect: Connect
) -> None:
    listens = connect(user="alice")
    listens.subscribe("docs/8")
    published = {"entityId": "docs/8", "userId": "alice", "message": "forged", "from": "mallory"}
    for other in ("000000000000/us-east-1/EntityPush-staging", "111122223333/us-east-1/EntityPush"):
        for detail_type in DETAIL_TYPES:
            theirs = {**published, DEPLOYMENT: other}
            app.put_event(theirs, detail_type=detail_type, source=CLIENT_SOURCE)
    speaks = connect(user="harry")
    speaks.send({"action": "publish", "entityId": "docs/8", "message": "ours"})
    assert listens.receive()["message"] == "ours"
    assert listens.hears_nothing(0.5)


@pytest.mark.parametrize("publish", [[], ["docs/40", "docs/4/*", "doc", "#everyone"]], ids=repr)
def test_publishing_without_a_grant_is_forbidden_and_reaches_nobody(
    connect: Connect, publish: list[str]
) -> None:
    listens, speaks = connect(), connect(subscribe=["*"], publish=publish)
    listens.subscribe("docs/4")
    answer = speaks.ask({"action": "publish", "entityId": "docs/4", "message": 1, "requestId": 4})
    assert (answer["type"], answer["code"], answer["requestId"]) == ("error", "forbidden", 4)
    assert listens.hears_nothing(0.4)


@pytest.mark.parametrize("entity_id", ["docs/*", "*", "a\nb", None, ["docs/5"]], ids=repr)
def test_only_an_entity_can_be_published_to(connect: Connect, entity_id: object) -> None:
    answer = connect().ask({"action": "publish", "entityId": entity_id, "message": 1})
    assert answer["code"] == "invalid_entity_id"


def test_what_a_client_repeats_under_its_id_is_pushed_once_and_stops_nobody_else(connect: Connect) -> None:
    listens, mallory, alice = connect(), connect(user="mallory"), connect(user="alice")
    listens.subscribe("docs/6")
    frame = {"action": "publish", "entityId": "docs/6", "id": "order-7"}
    answers = [speaks.ask(frame) for speaks in (mallory, alice, alice, mallory)]
    assert [answer["ownId"] for answer in answers] == ["order-7"] * 4
    assert len({answer["id"] for answer in answers}) == 4
    frames = [listens.receive(), listens.receive()]
    assert sorted(pushed["from"] for pushed in frames) == ["alice", "mallory"]
    assert {pushed["ownId"] for pushed in frames} == {"order-7"}
    assert alice.ask({**frame, "id": "order-8"})["type"] == "published"
    assert listens.receive()["sequence"] == 3
    assert listens.hears_nothing()


def test_an_id_that_is_none_is_refused(connect: Connect) -> None:
    listens, speaks = connect(), connect()
    listens.subscribe("docs/7")
    answer = speaks.ask({"action": "publish", "entityId": "docs/7", "id": "a\nb", "requestId": 5})
    assert (answer["type"], answer["code"], answer["requestId"]) == ("error", "invalid_id", 5)
    assert listens.hears_nothing(0.4)

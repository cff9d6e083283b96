"""Several entities in one frame, and in one event."""

from collections.abc import Callable

import pytest

from tests.e2e.client import Client
from tests.e2e.conftest import App

Connect = Callable[..., Client]


def test_one_frame_subscribes_to_several_and_says_of_each_what_it_would_alone(
    app: App, connect: Connect
) -> None:
    client = connect(subscribe=["cars/*"])
    names = ["cars/1", "secret", "cars/2", "a\nb", "cars/*"]
    answer = client.ask({"action": "subscribe", "entityIds": names, "requestId": 1})
    assert (answer["type"], answer["requestId"]) == ("answers", 1)
    first, forbidden, second, unusable, pattern = answer["answers"]
    alone = connect().ask({"action": "subscribe", "entityId": "cars/1"})
    assert first.keys() == alone.keys()
    assert [(one["type"], one["entityId"]) for one in (first, second, pattern)] == [
        ("subscribed", "cars/1"),
        ("subscribed", "cars/2"),
        ("subscribed", "cars/*"),
    ]
    assert (forbidden["code"], forbidden["entityId"]) == ("forbidden", "secret")
    assert unusable["code"] == "invalid_entity_id"
    assert "entityIds[3]" in unusable["message"]  # such an id is not repeated
    app.put_event({"entityId": "cars/2", "message": 1})
    assert client.receive()["entityId"] == "cars/2"


def test_one_frame_catches_up_with_several_each_from_its_own_cursor(app: App, connect: Connect) -> None:
    client = connect()
    names = ["ships/1", "ships/2", "ships/3"]
    client.ask({"action": "subscribe", "entityIds": names})
    pushed: dict[str, list[dict[str, object]]] = {name: [] for name in names}
    for number in range(3):
        for name in names:
            app.put_event({"entityId": name, "message": number})
            pushed[name].append(client.receive())
    since = {"ships/1": pushed["ships/1"][0]["cursor"], "ships/2": pushed["ships/2"][2]["cursor"]}
    answer = connect().ask({"action": "subscribe", "entityIds": names, "since": since})
    behind, level, new = answer["answers"]
    assert (behind["recovered"], behind["updates"]) == (True, pushed["ships/1"][1:])
    assert (level["recovered"], level["updates"]) == (True, [])
    assert (new["recovered"], new["updates"], new["latest"]) == (False, [], pushed["ships/3"][2])


def test_one_frame_unsubscribes_from_several(app: App, connect: Connect) -> None:
    stays, leaves = connect(), connect()
    for client in (stays, leaves):
        client.ask({"action": "subscribe", "entityIds": ["vans/1", "vans/2"]})
    answer = leaves.ask({"action": "unsubscribe", "entityIds": ["vans/1", "vans/2", "vans/3"]})
    assert answer["answers"] == [
        {"type": "unsubscribed", "entityId": "vans/1", "wasSubscribed": True},
        {"type": "unsubscribed", "entityId": "vans/2", "wasSubscribed": True},
        {"type": "unsubscribed", "entityId": "vans/3", "wasSubscribed": False},
    ]
    app.put_event({"entityIds": ["vans/1", "vans/2"], "message": 1})
    assert {stays.receive()["entityId"] for _ in range(2)} == {"vans/1", "vans/2"}
    assert leaves.hears_nothing(0.5)


@pytest.mark.parametrize("names", [[], "trains/1", [f"trains/{number}" for number in range(26)]], ids=len)
def test_too_many_or_no_list_is_refused_and_changes_nothing(
    app: App, connect: Connect, names: object
) -> None:
    client = connect()
    assert client.ask({"action": "subscribe", "entityIds": names})["code"] == "too_many_entities"
    assert "trains/" not in str(app.items())


def test_one_event_updates_several_entities_each_with_its_own_number(app: App, connect: Connect) -> None:
    client, other = connect(), connect()
    names = [f"buses/{number}" for number in range(25)]
    client.ask({"action": "subscribe", "entityIds": names})
    other.subscribe("buses/1")
    app.put_event({"entityId": "buses/1", "message": "one"})
    assert client.receive() == other.receive()
    event_id = app.put_event({"entityIds": [*names, "buses/3"], "message": "all"})
    frames = {frame["entityId"]: frame for frame in (client.receive() for _ in names)}
    assert set(frames) == set(names)
    for name, frame in frames.items():
        assert (frame["id"], frame["message"]) == (event_id, "all")
        assert frame["sequence"] == (2 if name == "buses/1" else 1)
        assert "entityIds" not in frame
    assert other.receive() == frames["buses/1"]
    assert client.hears_nothing(0.5), "an entity that is named twice is updated once"
    assert other.hears_nothing(0.01)


def test_if_one_of_several_is_unusable_none_is_updated(app: App, connect: Connect) -> None:
    client = connect()
    client.subscribe("trams/1")
    app.put_event({"entityIds": ["trams/1", "not\nan id"], "message": 1})
    app.put_event({"entityId": "trams/1", "message": 2})
    assert client.receive()["message"] == 2
    assert client.hears_nothing(0.5)

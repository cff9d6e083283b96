"""Rooms: what is said in one reaches the connections in it, and needs a grant to say and to hear."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from websockets.exceptions import InvalidStatus

from tests.e2e.client import Client
from tests.e2e.conftest import App

Connect = Callable[..., Client]


@pytest.fixture
def enter(app: App) -> Iterator[Callable[..., Client]]:
    """Open connections that name their room in the URL (`?roomId=`)."""
    with ExitStack() as stack:

        def open_client(room_id: str, **bearer: Any) -> Client:
            url = f"{app.outputs.web_socket_url}?roomId={room_id}"
            return stack.enter_context(Client(url, token=app.token(**bearer)))

        yield open_client


@pytest.mark.parametrize("message", ["Hello room", {"text": "Hello", "to": ["you"]}, 7, None], ids=repr)
def test_a_message_reaches_its_room_and_no_other(connect: Connect, message: object) -> None:
    inside, speaks, elsewhere, outside = connect(), connect(user="gina"), connect(), connect()
    inside.subscribe("rooms/r1")
    speaks.subscribe("rooms/r1")
    elsewhere.subscribe("rooms/r2")
    speaks.send({"action": "onMessage", "roomId": "r1", "message": message, "requestId": "m1"})
    frame = inside.receive()
    expected = {"type": "Entity Updated", "entityId": "rooms/r1", "message": message, "from": "gina"}
    assert {name: frame[name] for name in expected} == expected
    answers = {answer["type"]: answer for answer in (speaks.receive(), speaks.receive())}
    assert answers["Entity Updated"] == frame
    published = {"type": "published", "roomId": "r1", "id": frame["id"], "requestId": "m1"}
    assert answers["published"] == published
    assert elsewhere.hears_nothing(0.4)
    assert outside.hears_nothing(0.01)


def test_who_names_a_room_when_connecting_is_in_it_from_the_start(
    app: App, connect: Connect, enter: Callable[..., Client]
) -> None:
    inside, elsewhere, speaks = enter("lobby", subscribe=["rooms/lobby"]), enter("kitchen"), connect()
    assert speaks.ask({"action": "message", "roomId": "lobby", "message": "hi"})["type"] == "published"
    assert inside.receive()["message"] == "hi"
    assert elsewhere.hears_nothing(0.4)
    assert inside.ask({"action": "subscribe", "entityId": "rooms/lobby"})["alreadySubscribed"] is True
    answer = inside.ask({"action": "unsubscribe", "entityId": "rooms/lobby"})
    assert answer["wasSubscribed"] is True
    app.put_event({"entityId": "rooms/lobby", "message": "too late"})
    assert inside.hears_nothing(0.4)


@pytest.mark.parametrize("room_id", ["secret", "*", "lobby/*", "", "a%20b"])
def test_connecting_to_a_room_without_a_grant_is_refused_and_leaves_nothing(
    app: App, enter: Callable[..., Client], room_id: str
) -> None:
    with pytest.raises(InvalidStatus) as refusal:
        enter(room_id, user="intruder", subscribe=["rooms/lobby", "rooms/lobby/1"])
    assert refusal.value.response.status_code == 403
    assert "intruder" not in str(app.items())


def test_hearing_and_speaking_in_a_room_without_a_grant_are_forbidden(connect: Connect) -> None:
    inside = connect()
    inside.subscribe("rooms/secret")
    hears, speaks = connect(subscribe=["rooms/lobby"]), connect(publish=["rooms/lobby"])
    assert hears.ask({"action": "subscribe", "entityId": "rooms/secret"})["code"] == "forbidden"
    frame = {"action": "onMessage", "roomId": "secret", "message": "psst"}
    assert speaks.ask(frame)["code"] == "forbidden"
    assert speaks.ask({**frame, "roomId": "*"})["code"] == "invalid_entity_id"
    assert speaks.ask({**frame, "roomId": 7})["code"] == "invalid_entity_id"
    assert inside.hears_nothing(0.4)

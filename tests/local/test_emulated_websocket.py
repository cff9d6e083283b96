"""What a client of a WebSocket API sees."""

import json

import pytest
from websockets.exceptions import InvalidStatus
from websockets.typing import Subprotocol

from tests.local.websocket_stack import WITHOUT_RESPONSE, WITHOUT_SELECTION, WebSocketStack, ask, receive

OFFERED = [Subprotocol("websocket")]


@pytest.mark.parametrize("route", [WITHOUT_RESPONSE, WITHOUT_SELECTION])
def test_a_route_without_a_selected_response_answers_nothing(api: WebSocketStack, route: str) -> None:
    with api.connect() as client:
        client.send(json.dumps({"action": route}))
        # One connection's messages are served in order, so this answer would be the second.
        assert ask(client, number=2)["frame"]["number"] == 2


def test_an_action_without_a_route_is_forbidden(api: WebSocketStack) -> None:
    with api.connect() as client:
        client.send('{"action":"unknown"}')
        frame = receive(client)
        assert frame["message"] == "Forbidden"
        assert frame["connectionId"] == ask(client)["request"]["connectionId"]
        assert frame["requestId"]


def test_the_client_of_a_failing_function_does_not_see_the_exception(api: WebSocketStack) -> None:
    with api.connect() as client:
        connection = ask(client)["request"]["connectionId"]
        frame = ask(client, **{"raise": True})
    assert frame.pop("requestId")
    assert frame == {"message": "Internal server error", "connectionId": connection}


def test_the_subprotocol_that_connect_returns_is_echoed(api: WebSocketStack) -> None:
    with api.connect("?then=echo", subprotocols=OFFERED) as client:
        assert client.subprotocol == "websocket"


def test_without_connects_answer_no_subprotocol_is_chosen(api: WebSocketStack) -> None:
    with api.connect(subprotocols=OFFERED) as client:
        assert client.subprotocol is None


def test_a_refused_handshake_has_the_status_that_connect_returned(api: WebSocketStack) -> None:
    with pytest.raises(InvalidStatus) as refusal:
        api.connect("?then=refuse")
    assert refusal.value.response.status_code == 401


def test_a_handshake_fails_with_502_when_connect_fails(api: WebSocketStack) -> None:
    with pytest.raises(InvalidStatus) as refusal:
        api.connect("?then=raise")
    assert refusal.value.response.status_code == 502
    assert b"not for the client" not in (refusal.value.response.body or b"")


def test_a_message_carries_the_time_of_its_connection(api: WebSocketStack) -> None:
    with api.connect() as client:
        first = ask(client, sleep=1.1)["request"]
        second = ask(client)["request"]
    assert first["connectedAt"] == second["connectedAt"]
    assert first["requestTimeEpoch"] < second["requestTimeEpoch"]
    assert first["messageDirection"] == "IN"

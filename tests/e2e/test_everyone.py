"""Broadcasts: to every connection, whatever its token grants; and the chat that is made of them."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest

from tests.e2e.client import Client
from tests.e2e.conftest import App

Connect = Callable[..., Client]

HELLO = '{"action":"onMessage","message":"Hello everyone"}'

CHATTERS = 30


def test_the_example_reaches_every_connection(app: App, connect: Connect) -> None:
    clients = [connect(user=f"listener {number}", subscribe=[], publish=[]) for number in range(5)]
    app.put_example("broadcast")
    frames = [client.receive() for client in clients]
    assert all(frame == frames[0] for frame in frames)
    assert (frames[0]["type"], frames[0]["message"]) == ("Broadcast", "The example worked!")
    assert set(frames[0]) == {"type", "message", "id", "time", "sequence", "cursor"}


def test_who_comes_back_gets_the_broadcasts_it_missed(app: App, connect: Connect) -> None:
    stays, leaves = connect(), connect()
    app.put_event({"message": 0}, detail_type="Broadcast")
    seen = leaves.receive()
    leaves.socket.close()
    for number in range(1, 4):
        app.put_event({"message": number}, detail_type="Broadcast")
    pushed = [stays.receive() for _ in range(4)]
    answer = connect().ask({"action": "subscribe", "channel": "everyone", "since": seen["cursor"]})
    assert (answer["type"], answer["channel"]) == ("subscribed", "everyone")
    assert (answer["alreadySubscribed"], answer["recovered"]) == (True, True)
    assert answer["updates"] == sorted(pushed, key=lambda frame: frame["sequence"])[1:]


def test_who_unsubscribes_from_everyones_channel_gets_no_broadcasts(app: App, connect: Connect) -> None:
    stays, leaves = connect(), connect()
    assert leaves.ask({"action": "unsubscribe", "channel": "everyone"})["wasSubscribed"] is True
    app.put_event({"message": 1}, detail_type="Broadcast")
    assert stays.receive()["message"] == 1
    assert leaves.hears_nothing(0.5)


def test_what_one_says_everyone_hears_once_the_sender_included(app: App) -> None:
    with ExitStack() as stack, ThreadPoolExecutor(8) as pool:
        clients = list(
            pool.map(
                lambda number: stack.enter_context(app.client(user=f"chatter {number}")), range(CHATTERS)
            )
        )
        clients[7].send(HELLO)
        # The sender may get the broadcast before the answer.
        answers = {frame.pop("type"): frame for frame in (clients[7].receive(), clients[7].receive())}
        event_id = answers["published"]["id"]
        assert answers["published"] == {"id": event_id}
        heard = answers["Broadcast"]
        assert (heard["message"], heard["from"], heard["id"]) == ("Hello everyone", "chatter 7", event_id)
        for client in clients[:7] + clients[8:]:
            assert client.receive() == {"type": "Broadcast", **heard}
        assert clients[0].hears_nothing(0.5)
        assert all(client.hears_nothing(0.01) for client in clients)


@pytest.mark.parametrize("publish", [[], ["rooms/*"], ["everyone"]], ids=repr)
def test_broadcasting_without_a_grant_is_forbidden(connect: Connect, publish: list[str]) -> None:
    listens, speaks = connect(), connect(subscribe=["*"], publish=publish)
    assert speaks.ask(HELLO)["code"] == "forbidden"
    assert listens.hears_nothing(0.3)


def test_the_grant_for_everyone_is_enough_to_broadcast_and_for_nothing_else(connect: Connect) -> None:
    listens, speaks = connect(), connect(subscribe=[], publish=["#everyone"])
    speaks.send(HELLO)
    assert listens.receive()["message"] == "Hello everyone"
    assert {speaks.receive()["type"] for _ in range(2)} == {"published", "Broadcast"}
    answer = speaks.ask({"action": "publish", "entityId": "everyone", "message": 1})
    assert answer["code"] == "forbidden"


def test_saying_nothing_is_answered_and_reaches_nobody(connect: Connect) -> None:
    listens, speaks = connect(), connect()
    assert speaks.ask('{"action":"onMessage"}')["code"] == "invalid_message"
    assert listens.hears_nothing(0.3)

"""A user's notifications: to all of that user's connections, and to nobody else's."""

from collections.abc import Callable

from tests.e2e.client import Client
from tests.e2e.conftest import App

Connect = Callable[..., Client]

NOTIFICATION = "Send User Push Notification"


def test_the_example_reaches_every_connection_of_its_user_and_no_other(app: App, connect: Connect) -> None:
    mine = [connect(user="myuserid", subscribe=[], publish=[]) for _ in range(3)]
    others = [connect(user="myuserid2"), connect(user="myuseri")]
    app.put_example("send-user-push-notification")
    frames = [client.receive() for client in mine]
    assert frames[0] == frames[1] == frames[2]
    assert {name: frames[0].pop(name) for name in ("type", "message", "callback")} == {
        "type": "User Push Notification",
        "message": "The example worked!",
        "callback": "https://example.com/",
    }
    assert set(frames[0]) == {"id", "time", "sequence", "cursor"}, "nobody is told the user's id"
    assert all(client.hears_nothing(0.5) for client in others)


def test_message_and_callback_are_any_json_and_may_be_missing(app: App, connect: Connect) -> None:
    client = connect(user="bob smith/ü")
    app.put_event({"userId": "bob smith/ü", "callback": {"to": [1]}}, detail_type=NOTIFICATION)
    frame = client.receive()
    assert frame["callback"] == {"to": [1]}
    assert "message" not in frame
    app.put_event({"userId": "bob smith/ü", "message": None}, detail_type=NOTIFICATION)
    frame = client.receive()
    assert frame["message"] is None
    assert "callback" not in frame


def test_who_comes_back_gets_the_notifications_it_missed(app: App, connect: Connect) -> None:
    stays, leaves = connect(user="carol"), connect(user="carol")
    app.put_event({"userId": "carol", "message": 0}, detail_type=NOTIFICATION)
    seen = leaves.receive()
    leaves.socket.close()
    for number in range(1, 4):
        app.put_event({"userId": "carol", "message": number}, detail_type=NOTIFICATION)
    pushed = [stays.receive() for _ in range(4)]
    back = connect(user="carol")
    answer = back.ask({"action": "subscribe", "channel": "user", "since": seen["cursor"], "requestId": 1})
    assert (answer["type"], answer["channel"], answer["requestId"]) == ("subscribed", "user", 1)
    assert answer["alreadySubscribed"] is True, "every connection is in its user's channel from the start"
    assert answer["recovered"] is True
    assert answer["updates"] == sorted(pushed, key=lambda frame: frame["sequence"])[1:]
    app.put_event({"userId": "carol", "message": 4}, detail_type=NOTIFICATION)
    assert back.receive()["sequence"] == 5


def test_nobody_gets_at_another_users_notifications(app: App, connect: Connect) -> None:
    victim, thief = connect(user="dora"), connect(user="thief", subscribe=["*"])
    app.put_event({"userId": "dora", "message": "secret"}, detail_type=NOTIFICATION)
    secret = victim.receive()
    for named in ("user", "user/dora", "dora", "everyone"):
        answer = thief.ask({"action": "subscribe", "channel": named, "since": secret["cursor"]})
        assert "secret" not in str(answer)
    for entity_id in ("user/dora", "dora", "user/*", "*"):
        answer = thief.ask({"action": "subscribe", "entityId": entity_id, "since": secret["cursor"]})
        assert "secret" not in str(answer)
    app.put_event({"userId": "dora", "message": "another secret"}, detail_type=NOTIFICATION)
    assert victim.receive()["message"] == "another secret"
    assert thief.hears_nothing(0.5)


def test_a_connection_stays_in_its_users_channel(app: App, connect: Connect) -> None:
    client = connect(user="erin")
    answer = client.ask({"action": "unsubscribe", "channel": "user"})
    assert (answer["type"], answer["code"]) == ("error", "invalid_channel")
    app.put_event({"userId": "erin", "message": 1}, detail_type=NOTIFICATION)
    assert client.receive()["message"] == 1

"""A client that comes back misses nothing, or is told so."""

from collections.abc import Callable

from tests.e2e.client import Client
from tests.e2e.conftest import App

Connect = Callable[..., Client]


def test_who_comes_back_gets_what_was_missed_in_order_and_then_live(app: App, connect: Connect) -> None:
    stays, leaves = connect(), connect()
    for client in (stays, leaves):
        client.subscribe("replay/1")
    app.put_event({"entityId": "replay/1", "message": 0})
    seen = leaves.receive()
    assert (seen["message"], seen["sequence"]) == (0, 1)
    leaves.socket.close()
    for number in range(1, 6):
        app.put_event({"entityId": "replay/1", "message": number})
    for _ in range(6):
        stays.receive()
    back = connect()
    answer = back.ask({"action": "subscribe", "entityId": "replay/1", "since": seen["cursor"]})
    assert (answer["recovered"], answer["more"], answer["latest"]) == (True, False, None)
    assert [frame["sequence"] for frame in answer["updates"]] == [2, 3, 4, 5, 6]
    assert sorted(frame["message"] for frame in answer["updates"]) == [1, 2, 3, 4, 5]
    app.put_event({"entityId": "replay/1", "message": 6})
    live = back.receive()
    assert (live["message"], live["sequence"]) == (6, 7)
    assert live["cursor"].rpartition(".")[0] == answer["cursor"].rpartition(".")[0]


def test_a_newcomer_gets_the_latest_value_at_once(app: App, connect: Connect) -> None:
    first = connect()
    first.subscribe("replay/2")
    app.put_event({"entityId": "replay/2", "message": "now"})
    pushed = first.receive()
    answer = connect().ask({"action": "subscribe", "entityId": "replay/2"})
    assert answer["latest"] == pushed
    assert answer["recovered"] is False
    assert answer["cursor"] == pushed["cursor"]


def test_a_cursor_of_another_life_is_told_to_refetch(app: App, connect: Connect) -> None:
    client = connect()
    client.subscribe("replay/3")
    app.put_event({"entityId": "replay/3", "message": 1})
    latest = client.receive()
    for since in ("0123456789ab.1", latest["cursor"].replace(".1", ".2")):
        answer = client.ask({"action": "subscribe", "entityId": "replay/3", "since": since})
        assert (answer["recovered"], answer["updates"], answer["latest"]) == (False, [], latest)


def test_what_is_too_much_for_one_answer_comes_in_several(app: App, connect: Connect) -> None:
    client = connect()
    client.subscribe("replay/4")
    for number in range(12):
        app.put_event({"entityId": "replay/4", "message": str(number) + "x" * 8000})
    frames = [client.receive() for _ in range(12)]
    epoch = frames[0]["cursor"].rpartition(".")[0]
    since, got, answers = f"{epoch}.0", [], 0
    while True:
        answer = client.ask({"action": "subscribe", "entityId": "replay/4", "since": since})
        assert answer["recovered"]
        got += answer["updates"]
        since, answers = answer["cursor"], answers + 1
        if not answer["more"]:
            break
    assert got == sorted(frames, key=lambda frame: frame["sequence"])
    assert answers > 3

"""From put-events to the subscribers, and to nobody else."""

import json
from collections.abc import Callable

import pytest

from tests.e2e.client import Client
from tests.e2e.conftest import App, eventually

Connect = Callable[..., Client]


def test_subscribers_of_the_entity_get_the_update_and_others_do_not(app: App, connect: Connect) -> None:
    first, second, other = connect(), connect(), connect()
    first.subscribe("orders/1")
    second.subscribe("orders/1")
    other.subscribe("orders/2")
    event_id = app.put_event({"entityId": "orders/1", "message": {"state": "shipped"}})
    for client in (first, second):
        frame = client.receive()
        assert frame["type"] == "Entity Updated"
        assert frame["entityId"] == "orders/1"
        assert frame["message"] == {"state": "shipped"}
        assert frame["id"] == event_id
        assert frame["time"].endswith("Z")
    assert other.hears_nothing()


def test_the_example_reaches_its_subscriber_through_the_aws_cli(app: App, connect: Connect) -> None:
    client = connect("websocket")
    client.subscribe("myEntityId")
    app.put_example()
    frame = client.receive()
    assert {name: frame[name] for name in ("type", "entityId", "message")} == {
        "type": "Entity Updated",
        "entityId": "myEntityId",
        "message": "The example worked!",
    }


def test_after_unsubscribing_nothing_comes(app: App, connect: Connect) -> None:
    stays, leaves = connect(), connect()
    for client in (stays, leaves):
        client.subscribe("e1")
    assert leaves.ask({"action": "unsubscribe", "entityId": "e1"}) == {
        "type": "unsubscribed",
        "entityId": "e1",
        "wasSubscribed": True,
    }
    app.put_event({"entityId": "e1", "message": 1})
    assert stays.receive()["message"] == 1
    assert leaves.hears_nothing()


def test_one_unusable_event_goes_to_the_dead_letters_and_its_neighbours_arrive(
    app: App, connect: Connect
) -> None:
    client = connect()
    client.subscribe("e1")
    entries = [
        {"Source": "test", "DetailType": "Entity Updated", "Detail": json.dumps(detail)}
        for detail in (
            {"entityId": "e1", "message": 1},
            {"entityId": "not\nan id"},
            {"message": "no entity"},
            {"entityId": "e1", "message": 2},
        )
    ]
    app.aws.client("events").put_events(Entries=entries)
    assert sorted(client.receive()["message"] for _ in range(2)) == [1, 2]
    sqs = app.aws.client("sqs")
    reasons: dict[str, str] = {}

    def both_are_there() -> bool:
        answer = sqs.receive_message(
            QueueUrl=app.outputs.dead_letter_queue_url, MessageAttributeNames=["All"], MaxNumberOfMessages=10
        )
        for message in answer.get("Messages", []):
            reasons[message["Body"]] = message["MessageAttributes"]["reason"]["StringValue"]
        return len(reasons) == 2

    eventually(both_are_there)
    assert all("entityId" in reason for reason in reasons.values())


def test_a_dead_connection_is_forgotten_and_the_living_get_the_update(app: App, connect: Connect) -> None:
    client = connect()
    client.subscribe("e1")
    ghosts = [f"gh0st{number:02}=" for number in range(30)]
    dynamodb = app.aws.client("dynamodb")
    for ghost in ghosts:  # as a lost $disconnect leaves them
        for key in (
            {
                "pk": {"S": f"CONNECTION#{ghost}"},
                "sk": {"S": "CONNECTION"},
                "channels": {"SS": ["entity/e1"]},
            },
            {"pk": {"S": "CHANNEL#entity/e1"}, "sk": {"S": f"SUBSCRIBER#{ghost}"}},
        ):
            dynamodb.put_item(TableName=app.outputs.table_name, Item=key)
    app.put_event({"entityId": "e1", "message": 1})
    assert client.receive()["message"] == 1
    eventually(lambda: not [item for item in app.items() if "gh0st" in str(item)])
    assert client.hears_nothing(0.5), "one dead connection must not bring the others duplicates"


@pytest.mark.parametrize("message", ["text", 7, None, True, ["a"], {"ü": "€ 𝄞"}, ""], ids=repr)
def test_a_message_is_any_json(app: App, connect: Connect, message: object) -> None:
    client = connect()
    client.subscribe("e1")
    app.put_event({"entityId": "e1", "message": message})
    assert client.receive()["message"] == message


def test_an_update_that_is_not_above_the_last_version_is_not_pushed(app: App, connect: Connect) -> None:
    client = connect()
    client.subscribe("rows/1")
    app.put_event({"entityId": "rows/1", "version": 2})
    assert client.receive()["version"] == 2
    for version in (1, 2):
        app.put_event({"entityId": "rows/1", "version": version})
    app.put_event({"entityId": "rows/1", "version": 3, "id": "row-3"})
    frame = client.receive()
    assert (frame["version"], frame["ownId"], frame["sequence"]) == (3, "row-3", 2)
    assert client.hears_nothing()
    answer = connect().ask({"action": "subscribe", "entityId": "rows/1"})
    assert answer["latest"] == frame

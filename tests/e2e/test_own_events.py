"""A team's own events as updates, by the setting `eventRules`; on a bus of the deployment's own."""

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from local.deployment import deploy
from tests.e2e.client import Client
from tests.e2e.conftest import App, eventually

Connect = Callable[..., Client]

RULES = [
    {
        "pattern": {"source": ["shop"], "detail-type": ["OrderShipped"]},
        "entityId": "orders/{$.detail.order.id}",
        "message": "$.detail.order",
    },
    {
        "pattern": {
            "source": ["aws.s3"],
            "detail-type": ["Object Created"],
            "detail": {"bucket": {"name": [{"prefix": "reports"}]}},
        },
        "entityId": "files/{$.detail.bucket.name}/{$.detail.object.key}",
    },
    {
        "pattern": {"source": ["orders-table"], "detail": {"eventName": ["INSERT", "MODIFY"]}},
        "entityId": "{$.detail.eventName}:{$.detail.dynamodb.Keys.id.N}",
        "message": "$.detail.dynamodb.NewImage.state.S",
    },
]


@pytest.fixture(scope="module")
def own(app: App) -> App:
    """A second deployment with rules for events of other shapes."""
    settings = {"eventBus": "own", "eventRules": json.dumps(RULES)}
    return App(app.aws, deploy(app.aws, settings, stack="Own"))


@pytest.fixture
def connect(own: App) -> Iterator[Connect]:
    """Open connections to the second deployment."""
    with ExitStack() as stack:
        yield lambda **bearer: stack.enter_context(own.client(**bearer))


def put(own: App, source: str, detail_type: str, detail: dict[str, Any]) -> str:
    """Put an event on the deployment's own bus; return its id."""
    entry = {"Source": source, "DetailType": detail_type, "Detail": json.dumps(detail)}
    entries = [{**entry, "EventBusName": own.outputs.event_bus_name}]
    answer = own.aws.client("events").put_events(Entries=entries)
    assert answer["FailedEntryCount"] == 0, answer
    return str(answer["Entries"][0]["EventId"])


def test_the_documented_example_becomes_an_update(own: App, connect: Connect) -> None:
    client = connect()
    client.subscribe("orders/7")
    order = {"id": 7, "state": "shipped", "note": 'said "soon" \\ é'}
    event_id = put(own, "shop", "OrderShipped", {"order": order})
    frame = client.receive()
    assert (frame["type"], frame["entityId"], frame["message"]) == ("Entity Updated", "orders/7", order)
    assert (frame["id"], frame["sequence"]) == (event_id, 1)
    assert frame["time"].endswith("Z")
    put(own, "shop", "OrderShipped", {"order": {"id": "7"}})
    assert client.receive()["sequence"] == 2, "a number and a text make the same id"
    put(own, "shop", "OrderPacked", {"order": order})
    put(own, "another shop", "OrderShipped", {"order": order})
    assert client.hears_nothing(0.5)


def test_an_object_put_into_s3_becomes_an_update_without_a_message(own: App, connect: Connect) -> None:
    events, s3 = own.aws.client("events"), own.aws.client("s3")
    events.put_rule(Name="to-own", EventPattern=json.dumps({"source": ["aws.s3"]}))
    bus = events.describe_event_bus(Name=own.outputs.event_bus_name)["Arn"]
    events.put_targets(Rule="to-own", Targets=[{"Id": "own", "Arn": bus}])
    for bucket in ("reports-2026", "private"):
        s3.create_bucket(Bucket=bucket)
        s3.put_bucket_notification_configuration(
            Bucket=bucket, NotificationConfiguration={"EventBridgeConfiguration": {}}
        )
    client = connect()
    client.subscribe("files/*")
    s3.put_object(Bucket="private", Key="plan.pdf", Body=b"1")
    s3.put_object(Bucket="reports-2026", Key="may/sales.pdf", Body=b"1")
    frame = client.receive()
    assert (frame["type"], frame["entityId"]) == ("Entity Updated", "files/reports-2026/may/sales.pdf")
    assert "message" not in frame
    assert client.hears_nothing(0.5)


def test_a_change_of_a_dynamodb_item_becomes_an_update_with_a_part_of_it(own: App, connect: Connect) -> None:
    client = connect()
    client.subscribe("MODIFY:7")
    keys, image = {"id": {"N": "7"}}, {"id": {"N": "7"}, "state": {"S": "paid"}}
    for kind in ("REMOVE", "MODIFY"):
        record = {"eventName": kind, "dynamodb": {"Keys": keys, "NewImage": image}}
        put(own, "orders-table", "Item changed", record)
    assert client.receive()["message"] == "paid"
    assert client.hears_nothing(0.5)


@pytest.mark.parametrize("order", [{"state": "shipped"}, {"id": "a b"}, {"id": {"a": 1}}], ids=repr)
def test_without_a_usable_id_it_is_a_dead_letter_with_the_reason(own: App, order: dict[str, Any]) -> None:
    event_id = put(own, "shop", "OrderShipped", {"order": order})
    sqs = own.aws.client("sqs")

    def reason() -> str | None:
        answer = sqs.receive_message(
            QueueUrl=own.outputs.dead_letter_queue_url,
            MessageAttributeNames=["All"],
            MaxNumberOfMessages=10,
            VisibilityTimeout=1,
        )
        for message in answer.get("Messages", []):
            if json.loads(message["Body"])["id"] == event_id:
                return str(message["MessageAttributes"]["reason"]["StringValue"])
        return None

    assert "entityId" in eventually(reason)


def test_events_of_the_documented_shape_and_clients_are_taken_too(own: App, connect: Connect) -> None:
    client = connect()
    client.subscribe("plain")
    put(own, "any", "Entity Updated", {"entityId": "plain", "message": 1})
    assert client.receive()["message"] == 1
    client.send({"action": "publish", "entityId": "plain", "message": 2})
    assert {client.receive()["type"] for _ in range(2)} == {"published", "Entity Updated"}

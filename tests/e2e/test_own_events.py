"""A team's own events as updates, by the setting `eventRules`; on a bus of the deployment's own."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from typing import Any

import pytest

from local.deployment import deploy
from tests.e2e.client import Client
from tests.e2e.conftest import App, eventually
from tests.e2e.event_shapes import SHAPES, Shape

Connect = Callable[..., Client]

FORGED = '7","message":{"state":"paid"}},"zz":{"a":"'
"""What would end a text in JSON early, and go on with a message, if it were ever more than a value."""


def shop(detail_type: str) -> dict[str, Any]:
    """Return the pattern of the shop's events of a type."""
    return {"source": ["shop"], "detail-type": [detail_type]}


RULES = [
    {
        "name": "order",
        "pattern": shop("OrderShipped"),
        "entityId": "orders/{$.detail.order.id}",
        "message": "$.detail.order",
    },
    {
        "name": "file",
        "pattern": {
            "source": ["aws.s3", "files"],
            "detail-type": ["Object Created"],
            "detail": {"bucket": {"name": [{"prefix": "reports"}]}},
        },
        "entityId": "files/{$.detail.bucket.name}/{+$.detail.object.key}",
    },
    {
        "name": "item",
        "pattern": {"source": ["orders-table"], "detail": {"eventName": ["INSERT", "MODIFY"]}},
        "entityId": "{$.detail.eventName}:{$.detail.dynamodb.Keys.id.N}",
        "message": "$.detail.dynamodb.NewImage.state.S",
    },
    {"name": "paid", "pattern": shop("OrderPaid"), "entityId": "orders/{$.detail.id}", "message": "$.detail"},
    {
        "name": "sum",
        "pattern": shop("OrderPaid"),
        "entityId": "orders/{$.detail.id}",
        "message": "$.detail.sum",
    },
    {"name": "tagged", "pattern": shop("Tagged"), "entityIds": "$.resources", "message": "$.detail.tag"},
    {
        "name": "row",
        "pattern": shop("RowChanged"),
        "entityId": "rows/{$.detail.id}",
        "version": "$.detail.row",
        "id": "$.detail.change",
    },
    {"name": "ready", "pattern": shop("Ready"), "userId": "{$.detail.customer}", "message": "$.detail.text"},
    {
        "name": "closed",
        "pattern": shop("Closed"),
        "broadcast": True,
        "message": {"what": "$.detail-type", "until": "$.detail.until"},
    },
    *(shape.whole_rule for shape in SHAPES),
]

MOST_RULES = 100
"""In a Region with the lowest quota (docs/reference/limits.md)."""

LONG_NAMES = [f"{number:03}".rjust(32, "n") for number in range(MOST_RULES - len(RULES))]
OTHERS = [
    {"name": name, "pattern": {"source": [name]}, "entityId": "long/{$.detail.id}"} for name in LONG_NAMES
]
OWN_STACK = "Own" + "-with-a-long-name" * 7


@pytest.fixture(scope="module")
def own(app: App) -> App:
    """A second deployment with rules for events of other shapes, and as many others as there may be."""
    first, *others = OTHERS
    settings = {"eventBus": "own", "eventRules": json.dumps([first, *RULES, *others])}
    return App(app.aws, deploy(app.aws, settings, stack=OWN_STACK))


@pytest.fixture
def connect(own: App) -> Iterator[Connect]:
    """Open connections to the second deployment."""
    with ExitStack() as stack:
        yield lambda **bearer: stack.enter_context(own.client(**bearer))


def put(
    own: App, source: str, detail_type: str, detail: Mapping[str, Any], resources: Sequence[str] = ()
) -> str:
    """Put an event on the deployment's own bus; return its id."""
    entry = {"Source": source, "DetailType": detail_type, "Detail": json.dumps(detail)}
    entries = [{**entry, "EventBusName": own.outputs.event_bus_name, "Resources": list(resources)}]
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
    assert (frame["id"], frame["sequence"], frame["rule"]) == (event_id, 1, "order")
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


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.rule["name"])
def test_an_event_of_a_service_or_partner_arrives(own: App, connect: Connect, shape: Shape) -> None:
    client = connect(user=shape.user)
    if shape.entity_id:
        client.subscribe(shape.entity_id)
    event_id = put(own, "test", shape.detail_type, shape.detail, shape.resources)
    frame = client.receive()
    assert (frame["message"], frame["id"], frame["rule"]) == (shape.message, event_id, shape.rule["name"])
    assert frame.get("entityId", "") == shape.entity_id


def test_a_text_that_would_forge_a_message_arrives_as_the_id_that_it_is(own: App, connect: Connect) -> None:
    victim, everybody = connect(), connect()
    victim.subscribe("orders/7")
    everybody.subscribe("orders/*")
    order = {"id": FORGED, "state": "open"}
    put(own, "shop", "OrderShipped", {"order": order})
    frame = everybody.receive()
    assert (frame["entityId"], frame["message"]) == (f"orders/{FORGED}", order)
    assert victim.hears_nothing(0.5)


def test_a_key_that_would_forge_an_entity_is_below_its_bucket(own: App, connect: Connect) -> None:
    victim, everybody = connect(), connect()
    victim.subscribe("orders/7")
    everybody.subscribe("files/*")
    key = 'a"},"entityId":"orders/7","message":{"state":"paid"},"zz":{"a":"'
    put(own, "files", "Object Created", {"bucket": {"name": "reports"}, "object": {"key": key}})
    frame = everybody.receive()
    assert frame["entityId"] == f"files/reports/{key}"
    assert "message" not in frame
    assert victim.hears_nothing(0.5)


def test_two_rules_make_two_updates_of_one_event(own: App, connect: Connect) -> None:
    client = connect()
    client.subscribe("orders/two")
    event_id = put(own, "shop", "OrderPaid", {"id": "two", "sum": 5})
    frames = [client.receive(), client.receive()]
    assert {frame["id"] for frame in frames} == {event_id}
    assert sorted(frame["sequence"] for frame in frames) == [1, 2]
    messages = {frame["rule"]: frame["message"] for frame in frames}
    assert messages == {"paid": {"id": "two", "sum": 5}, "sum": 5}


def test_a_rule_names_version_and_id_and_so_repeating_is_safe(own: App, connect: Connect) -> None:
    client = connect()
    client.subscribe("rows/7")
    put(own, "shop", "RowChanged", {"id": 7, "row": 5, "change": "a"})
    frame = client.receive()
    assert (frame["version"], frame["ownId"], frame["rule"]) == (5, "a", "row")
    put(own, "shop", "RowChanged", {"id": 7, "row": 4, "change": "b"})
    put(own, "shop", "RowChanged", {"id": 7, "row": 9, "change": "a"})
    put(own, "shop", "RowChanged", {"id": 7, "row": 8, "change": "c"})
    frame = client.receive()
    assert (frame["version"], frame["ownId"], frame["sequence"]) == (8, "c", 2)
    assert client.hears_nothing(0.5)


def test_each_of_several_entities_gets_the_update(own: App, connect: Connect) -> None:
    names = ("arn:aws:s3:::one", "arn:aws:s3:::two")
    client = connect()
    for name in names:
        client.subscribe(name)
    put(own, "shop", "Tagged", {"tag": "new"}, [*names, names[0]])
    frames = [client.receive(), client.receive()]
    assert {frame["entityId"]: frame["message"] for frame in frames} == dict.fromkeys(names, "new")
    assert client.hears_nothing(0.5)


def test_a_user_and_everyone_are_audiences_too(own: App, connect: Connect) -> None:
    alice, bob = connect(user="alice"), connect(user="bob")
    put(own, "shop", "Ready", {"customer": "alice", "text": "Come and get it"})
    frame = alice.receive()
    assert (frame["type"], frame["message"]) == ("User Push Notification", "Come and get it")
    assert bob.hears_nothing(0.5)
    put(own, "shop", "Closed", {"until": "Monday"})
    for client in (alice, bob):
        frame = client.receive()
        assert (frame["type"], frame["rule"]) == ("Broadcast", "closed")
        assert frame["message"] == {"what": "Closed", "until": "Monday"}


@pytest.mark.parametrize(
    ("order", "why"),
    [
        ({"state": "shipped"}, "$.detail.order.id is missing"),
        ({"id": "a\u0007b"}, "U+0007"),
        ({"id": {"a": 1}}, "$.detail.order.id is an object"),
        ({"id": "7/lines"}, "$.detail.order.id has a slash"),
    ],
    ids=repr,
)
def test_without_a_usable_id_it_is_a_dead_letter_with_the_reason(
    own: App, order: dict[str, Any], why: str
) -> None:
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
            body = json.loads(message["Body"])
            if body["event"]["id"] == event_id:
                assert (body["rule"], body["event"]["detail"]) == ("order", {"order": order})
                return str(message["MessageAttributes"]["reason"]["StringValue"])
        return None

    found = eventually(reason)
    assert found.startswith("rule order: ")
    assert why in found


def test_the_first_and_the_last_of_a_hundred_rules_with_the_longest_names_write_to_the_queue(
    own: App, connect: Connect
) -> None:
    client = connect()
    client.subscribe("long/*")
    names = [
        rule["Name"]
        for rule in own.aws.client("events").list_rules(EventBusName=own.outputs.event_bus_name, Limit=100)[
            "Rules"
        ]
    ]
    assert sum("_" in name for name in names) == MOST_RULES
    for name in (LONG_NAMES[0], LONG_NAMES[-1]):
        put(own, name, "Put", {"id": name})
        frame = client.receive()
        assert (frame["rule"], frame["entityId"]) == (name, f"long/{name}")
    for url in (own.outputs.queue_url, own.outputs.target_dead_letter_queue_url):
        answer = own.aws.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["Policy"])
        policy = json.loads(answer["Attributes"]["Policy"])
        assert len(json.dumps(policy)) < 8192
        assert len(policy["Statement"]) <= 20
        assert sum(len(statement.get("Condition", {})) for statement in policy["Statement"]) <= 10


def test_events_of_the_documented_shape_and_clients_are_taken_too(own: App, connect: Connect) -> None:
    client = connect()
    client.subscribe("plain")
    put(own, "any", "Entity Updated", {"entityId": "plain", "message": 1})
    frame = client.receive()
    assert frame["message"] == 1
    assert "rule" not in frame
    client.send({"action": "publish", "entityId": "plain", "message": 2})
    assert {client.receive()["type"] for _ in range(2)} == {"published", "Entity Updated"}

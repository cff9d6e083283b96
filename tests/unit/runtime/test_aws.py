"""The clients as the functions have them: moto answers them as it answers botocore; and what init costs."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from entity_push.runtime import aws
from entity_push.runtime.aws_errors import RefusedError
from entity_push.runtime.json_client import JsonClient

from testbed.table_schema import TABLE_SCHEMA
from tests.moto_server import moto_server
from tests.unit.conftest import TABLE_NAME
from tests.unit.runtime.standin_service import StandIn, answer

KEY = {"pk": {"S": "CONNECTION#é"}, "sk": {"S": "CONNECTION"}}
ITEM = {**KEY, "channels": {"SS": ["a", "b"]}, "n": {"N": "1"}, "map": {"M": {"x": {"BOOL": True}}}}
OTHER = {**KEY, "sk": {"S": "x"}}
TABLE = {"TableName": TABLE_NAME}
GET = {"RequestItems": {TABLE_NAME: {"Keys": [KEY], "ConsistentRead": True}}}
PUT = {"RequestItems": {TABLE_NAME: [{"PutRequest": {"Item": OTHER}}, {"DeleteRequest": {"Key": KEY}}]}}
QUERY = {
    **TABLE,
    "KeyConditionExpression": "pk = :pk",
    "ExpressionAttributeValues": {":pk": KEY["pk"]},
    "ConsistentRead": True,
}
IF_NEW = {"ConditionExpression": "attribute_not_exists(pk)", "ReturnValuesOnConditionCheckFailure": "ALL_OLD"}
SUBSCRIBE = {
    **TABLE,
    "Key": KEY,
    "UpdateExpression": "ADD channels :channels",
    "ConditionExpression": "attribute_exists(pk)",
    "ExpressionAttributeValues": {":channels": {"SS": ["c"]}},
    "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
}
ENTRY = {"EventBusName": "default", "Source": "s", "DetailType": "t", "Detail": '{"é": 1}'}
SENT = [
    {"Id": "0", "MessageBody": "é", "DelaySeconds": 0},
    {"Id": "1", "MessageBody": "b", "DelaySeconds": 900},
]
QUEUE = "https://sqs.us-east-1.amazonaws.com/123456789012/queue"
ATTRIBUTES = {"reason": {"DataType": "String", "StringValue": "why"}}

CALLS: list[tuple[str, str, dict[str, Any]]] = [
    ("dynamodb", "put_item", {**TABLE, "Item": ITEM, **IF_NEW}),
    ("dynamodb", "put_item", {**TABLE, "Item": ITEM, **IF_NEW}),
    ("dynamodb", "get_item", {**TABLE, "Key": KEY, "ConsistentRead": True}),
    ("dynamodb", "get_item", {**TABLE, "Key": OTHER}),
    ("dynamodb", "query", QUERY),
    ("dynamodb", "query", {**QUERY, "Select": "COUNT"}),
    ("dynamodb", "query", {**QUERY, "TableName": "another"}),
    ("dynamodb", "batch_get_item", GET),
    ("dynamodb", "transact_write_items", {"TransactItems": [{"Update": SUBSCRIBE}]}),
    ("dynamodb", "transact_write_items", {"TransactItems": [{"Put": {**TABLE, "Item": ITEM, **IF_NEW}}]}),
    ("dynamodb", "batch_write_item", PUT),
    ("dynamodb", "delete_item", {**TABLE, "Key": OTHER, "ReturnValues": "ALL_OLD"}),
    ("dynamodb", "delete_item", {**TABLE, "Key": OTHER, "ReturnValues": "ALL_OLD"}),
    ("dynamodb", "put_item", {**TABLE, "Item": {"pk": KEY["pk"]}}),
    ("events", "put_events", {"Entries": [ENTRY]}),
    ("events", "put_events", {"Entries": [{**ENTRY, "Detail": "no JSON"}]}),
    ("secretsmanager", "get_secret_value", {"SecretId": "token", "VersionStage": "AWSCURRENT"}),
    ("secretsmanager", "get_secret_value", {"SecretId": "token", "VersionStage": "AWSPREVIOUS"}),
    ("sqs", "send_message", {"QueueUrl": QUEUE, "MessageBody": "é", "MessageAttributes": ATTRIBUTES}),
    ("sqs", "send_message_batch", {"QueueUrl": QUEUE, "Entries": SENT}),
    ("sqs", "send_message_batch", {"QueueUrl": QUEUE, "Entries": []}),
    (
        "sqs",
        "change_message_visibility_batch",
        {"QueueUrl": QUEUE, "Entries": [{"Id": "0", "ReceiptHandle": "unknown", "VisibilityTimeout": 1}]},
    ),
    (
        "sqs",
        "get_queue_attributes",
        {"QueueUrl": QUEUE, "AttributeNames": ["ApproximateNumberOfMessages"]},
    ),
    ("sqs", "send_message", {"QueueUrl": QUEUE + "s", "MessageBody": "x"}),
]
"""Every call that a function makes, and the refusals that it knows; in an order that gives each an effect."""

NEW_EACH_TIME = (
    "EventId",
    "MessageId",
    "RequestId",
    "ResponseMetadata",
    "VersionId",
    "CreatedDate",
    "ARN",
    "Name",
)


def told(answered: Any) -> Any:
    """Return an answer without what moto makes up each time."""
    if isinstance(answered, dict):
        return {name: told(value) for name, value in answered.items() if name not in NEW_EACH_TIME}
    if isinstance(answered, list):
        return list(map(told, answered))
    return answered


def outcome(client: Any, operation: str, parameters: dict[str, Any]) -> Any:
    """Return a call's answer, or its error with what the functions read of it."""
    try:
        return told(getattr(client, operation)(**parameters))
    except RefusedError as error:
        return error.code, error.members.get("CancellationReasons"), error.members.get("Item")
    except ClientError as error:
        known: Any = error.response
        return known["Error"]["Code"], known.get("CancellationReasons"), known.get("Item")


def boto3s(service: str) -> Any:
    """Return boto3's client."""
    made: Any = boto3.client
    return made(service)


def outcomes(monkeypatch: pytest.MonkeyPatch, client_of: Callable[[str], Any]) -> list[Any]:
    """Return the outcomes of all calls to an AWS of their own."""
    with moto_server() as url:
        monkeypatch.setenv("AWS_ENDPOINT_URL", url)
        boto3s("dynamodb").create_table(**TABLE, **TABLE_SCHEMA)
        boto3.client("sqs").create_queue(QueueName="queue")
        boto3.client("secretsmanager").create_secret(Name="token", SecretString="s" * 64)
        clients = {service: client_of(service) for service, _, _ in CALLS}
        found = [outcome(clients[service], operation, parameters) for service, operation, parameters in CALLS]
        monkeypatch.delenv("AWS_ENDPOINT_URL")
    return found


def test_each_call_has_the_answer_that_botocores_client_gets(monkeypatch: pytest.MonkeyPatch) -> None:
    ours, theirs = outcomes(monkeypatch, aws.client), outcomes(monkeypatch, boto3s)
    assert sum(isinstance(one, tuple) for one in theirs) >= 7, "the refusals"
    for call, one, other in zip(CALLS, ours, theirs, strict=True):
        assert one == other, call


@pytest.mark.parametrize("service", sorted(aws.SERVICES))
def test_each_service_is_asked_as_botocore_asks_it(monkeypatch: pytest.MonkeyPatch, service: str) -> None:
    _, operation, parameters = next(call for call in CALLS if call[0] == service)
    with StandIn([answer(200, {"Entries": []})]) as running:
        monkeypatch.setenv("AWS_ENDPOINT_URL", running.url)
        getattr(aws.client(service), operation)(**parameters)
        getattr(boto3s(service), operation)(**parameters)
    ours, theirs = running.calls
    assert ours.parameters == theirs.parameters
    for header in ("content-type", "x-amz-target", "x-amzn-query-mode"):
        assert ours.headers.get(header) == theirs.headers.get(header), header


def test_bytes_are_base64_on_the_way_back(monkeypatch: pytest.MonkeyPatch) -> None:
    with moto_server() as url:
        monkeypatch.setenv("AWS_ENDPOINT_URL", url)
        client: Any = aws.client("dynamodb")
        client.create_table(**TABLE, **TABLE_SCHEMA)
        client.put_item(**TABLE, Item={**KEY, "updates": {"B": b"\x00\xff"}})
        assert client.get_item(**TABLE, Key=KEY)["Item"]["updates"] == {"B": "AP8="}


def test_signed_requests_are_in_no_log(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")  # what Lambda does to the root logger with logLevel=DEBUG
    with StandIn([answer(200, {})]) as service:
        monkeypatch.setenv("AWS_ENDPOINT_URL", service.url)
        aws.client("dynamodb").get_item(**TABLE, Key=KEY)
    assert len(service.calls) == 1
    assert "AWS4-HMAC-SHA256" not in caplog.text
    assert "CONNECTION" not in caplog.text


@pytest.fixture
def init(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], JsonClient]:
    """Make a client of a service at a URL, as a function's init does when it begins now."""

    def made(service: str, url: str) -> JsonClient:
        monkeypatch.setenv("AWS_ENDPOINT_URL", url)
        monkeypatch.setattr(aws, "_began", time.monotonic())
        return aws.client(service)

    return made


@pytest.mark.parametrize(
    ("service", "early"), [("dynamodb", 1), ("events", 1), ("secretsmanager", 1), ("sqs", 0)]
)
def test_init_connects_and_the_first_call_uses_that(
    init: Callable[[str, str], JsonClient], service: str, early: int
) -> None:
    with StandIn([answer(200, {})]) as running:
        client = init(service, running.url)
        give_up = time.monotonic() + 5
        while running.connections < early and time.monotonic() < give_up:
            time.sleep(0.01)
        time.sleep(0.1)  # for one that should not be
        assert running.connections == early
        client.query(**QUERY)
        client.query(**QUERY)
        assert running.connections == 1


def test_a_connection_of_an_init_long_ago_is_not_trusted(
    init: Callable[[str, str], JsonClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    with StandIn([answer(200, {})]) as running:
        client = init("dynamodb", running.url)
        frozen_until = time.time() + 61
        monkeypatch.setattr("time.time", lambda: frozen_until)
        client.query(**QUERY)
        assert running.connections == 2


def test_an_early_connection_that_was_closed_meanwhile_costs_no_pause(
    init: Callable[[str, str], JsonClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(time, "sleep", lambda _seconds: pytest.fail("it paused"))
    with socket.create_server(("127.0.0.1", 0)) as listening:
        client = init("dynamodb", f"http://127.0.0.1:{listening.getsockname()[1]}")
        listening.accept()[0].close()
        served = threading.Thread(target=serve_once, args=(listening,), daemon=True)
        served.start()
        client.query(**QUERY)


def serve_once(listening: socket.socket) -> None:
    with listening.accept()[0] as connection:
        connection.recv(65536)
        connection.sendall(answer(200, {}))


@pytest.fixture
def silent() -> Iterator[str]:
    """Take connections, and never say anything: the TLS handshake waits."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield f"https://127.0.0.1:{listening.getsockname()[1]}"


def test_silence_costs_all_clients_of_an_init_a_second_together(
    init: Callable[[str, str], JsonClient], silent: str
) -> None:
    began = time.monotonic()
    init("dynamodb", silent)
    for service in ("events", "secretsmanager"):
        aws.client(service)
    assert 0.9 < time.monotonic() - began < 1.5


def test_names_that_are_never_found_cost_an_init_a_second(
    init: Callable[[str, str], JsonClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Looking a name up knows no time-out."""
    found = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found.wait(10) and [])
    began = time.monotonic()
    init("dynamodb", "https://dynamodb.eu-west-1.amazonaws.com")
    assert 0.9 < time.monotonic() - began < 1.5
    found.set()


@pytest.mark.parametrize("what", ["refused", "unknown name", "no credentials"])
def test_an_init_that_can_not_connect_does_not_fail(
    init: Callable[[str, str], JsonClient], monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    if what == "unknown name":
        monkeypatch.setattr(socket, "getaddrinfo", failing_lookup)
    if what == "no credentials":
        monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    told: list[Any] = []
    monkeypatch.setattr(threading, "excepthook", told.append)
    began = time.monotonic()
    init("dynamodb", "http://127.0.0.1:9")
    assert time.monotonic() - began < 0.5
    assert told == [], "a trace in the function's log"


def failing_lookup(*_: object, **__: object) -> Any:
    raise socket.gaierror("no such name")

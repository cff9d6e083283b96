"""What each function's role allows, tried out by a function that has the role and is not ours."""

import io
import json
import urllib.request
import zipfile
from pathlib import Path
from typing import Any

import pytest

from tests.e2e import probe
from tests.e2e.conftest import App

PROBE = "probe"

CALLS_TO_TABLE = {
    **{"get": "GetItem", "query": "Query", "batch get": "BatchGetItem", "scan": "Scan"},
    **{"put": "PutItem", "update": "UpdateItem", "delete": "DeleteItem", "batch write": "BatchWriteItem"},
}

ITEMS = ("CONNECTION", "CHANNEL", "EXPIRES")


def _each(items: tuple[str, ...], *calls: str) -> set[str]:
    return {f"{call} {item}" for call in calls for item in items}


MAY: dict[str, set[str]] = {
    "authorize": {"secret"},
    "connect": _each(ITEMS, "batch write", "query", "delete", "batch get") | {"look at connection"},
    "default": set(),
    "disconnect": _each(ITEMS, "batch write", "delete"),
    "expire": _each(("EXPIRES",), "batch write", "query") | {"post", "close"},
    "publish": {"get CONNECTION", "put event"},
    "push": _each(ITEMS, "get", "query", "batch get", "put", "update", "batch write")
    | {"post", "close", "send", "receive", "give up", "look"},
    "subscribe": _each(("CONNECTION", "CHANNEL"), "get", "query", "put", "update"),
    "unsubscribe": _each(("CONNECTION", "CHANNEL"), "get", "update", "delete"),
    "watch": {"look"},
}
"""What each function needs for its job, and nothing else."""


def test_every_function_is_tried(app: App) -> None:
    assert set(_functions(app)) == set(MAY)


@pytest.mark.parametrize("module", MAY)
def test_a_functions_role_allows_its_job_and_nothing_else(app: App, module: str) -> None:
    allowed = _try(app, _functions(app)[module], _calls(app))
    app.aws.client("sqs").purge_queue(QueueUrl=app.outputs.dead_letter_queue_url)
    assert set(allowed) == MAY[module]


def _functions(app: App) -> dict[str, dict[str, Any]]:
    """Return the configuration of each of the stack's functions by its module."""
    stacks, functions = app.aws.client("cloudformation"), app.aws.client("lambda")
    resources = stacks.describe_stack_resources(StackName="EntityPush")["StackResources"]
    found = [
        functions.get_function_configuration(FunctionName=resource["PhysicalResourceId"])
        for resource in resources
        if resource["ResourceType"] == "AWS::Lambda::Function"
    ]
    return {configuration["Handler"].partition(".")[0]: configuration for configuration in found}


def _calls(app: App) -> dict[str, dict[str, Any]]:
    """Return what is tried, by a name. Nothing of it leaves anything behind that another test would see."""
    queue, dead_letters = app.outputs.queue_url, app.outputs.dead_letter_queue_url
    other_queue = app.aws.client("sqs").create_queue(QueueName="another")["QueueUrl"]
    secret = app.outputs.stack["TokenSecretArn"]
    connection = f"{app.outputs.callback_url}/@connections/nobody"
    harmless = json.dumps({"id": "1", "detail-type": "Entity Updated", "detail": {"entityId": "probe"}})
    sqs: dict[str, tuple[str, dict[str, Any]]] = {
        "send": ("SendMessage", {"QueueUrl": queue, "MessageBody": harmless}),
        "receive": ("ReceiveMessage", {"QueueUrl": queue, "VisibilityTimeout": 0}),
        "give up": ("SendMessage", {"QueueUrl": dead_letters, "MessageBody": harmless}),
        "send to another queue": ("SendMessage", {"QueueUrl": other_queue, "MessageBody": harmless}),
        "read dead letters": ("ReceiveMessage", {"QueueUrl": dead_letters, "VisibilityTimeout": 0}),
        "look": ("GetQueueAttributes", {"QueueUrl": queue, "AttributeNames": ["QueueArn"]}),
        "look at another queue": ("GetQueueAttributes", {"QueueUrl": other_queue, "AttributeNames": ["All"]}),
        "purge": ("PurgeQueue", {"QueueUrl": queue}),
    }
    secrets: dict[str, tuple[str, dict[str, Any]]] = {
        "secret": ("GetSecretValue", {"SecretId": secret}),
        "new secret": ("PutSecretValue", {"SecretId": secret, "SecretString": "x" * 64}),
    }
    entry = {"Source": "probe", "DetailType": "Probe", "Detail": "{}"}
    buses = {"put event": app.outputs.event_bus_name, "put event on another bus": "another"}
    return {
        **{
            name: _call("events", "PutEvents", {"Entries": [{**entry, "EventBusName": bus}]})
            for name, bus in buses.items()
        },
        **{
            f"{name} {item}": call
            for item in (*ITEMS, "other items")
            for name, call in _calls_to_table(app.outputs.table_name, item).items()
        },
        **{f"{name} another table": call for name, call in _calls_to_table("Another", "CHANNEL").items()},
        **{name: _call("sqs", *call) for name, call in sqs.items()},
        **{name: _call("secretsmanager", *call) for name, call in secrets.items()},
        **{
            name: _call("execute-api", method, {"url": connection})
            for name, method in (("post", "POST"), ("close", "DELETE"), ("look at connection", "GET"))
        },
    }


def _calls_to_table(table: str, item: str) -> dict[str, dict[str, Any]]:
    key = {"pk": {"S": f"{item}#probe"}, "sk": {"S": "PROBE"}}
    of_table = {"TableName": table}
    values = {":pk": key["pk"]}
    parameters: dict[str, dict[str, Any]] = {
        "GetItem": {**of_table, "Key": key},
        "Query": {
            **of_table,
            "KeyConditionExpression": "pk = :pk",
            "ExpressionAttributeValues": values,
        },
        "BatchGetItem": {"RequestItems": {table: {"Keys": [key]}}},
        "Scan": of_table,
        "PutItem": {**of_table, "Item": key},
        "UpdateItem": {**of_table, "Key": key},
        "DeleteItem": {**of_table, "Key": key},
        "BatchWriteItem": {"RequestItems": {table: [{"DeleteRequest": {"Key": key}}]}},
    }
    return {
        name: _call("dynamodb", operation, parameters[operation])
        for name, operation in CALLS_TO_TABLE.items()
    }


def _call(service: str, operation: str, parameters: dict[str, Any]) -> dict[str, Any]:
    return {"service": service, "operation": operation, "parameters": parameters}


def _try(app: App, configuration: dict[str, Any], calls: dict[str, dict[str, Any]]) -> list[str]:
    """Run the probe with a function's role, on its bundle; return the names of the calls that it may make."""
    functions = app.aws.client("lambda")
    code = functions.get_function(FunctionName=configuration["FunctionName"])["Code"]["Location"]
    with urllib.request.urlopen(code) as answer:
        archive = io.BytesIO(answer.read())
    with zipfile.ZipFile(archive, "a") as bundle:
        bundle.writestr("probe.py", Path(probe.__file__).read_bytes())
    functions.create_function(
        FunctionName=PROBE,
        Runtime=configuration["Runtime"],
        Handler="probe.handler",
        Role=configuration["Role"],
        Code={"ZipFile": archive.getvalue()},
        Timeout=60,
    )
    try:
        answer = functions.invoke(FunctionName=PROBE, Payload=json.dumps(calls))
        allowed: list[str] = json.loads(answer["Payload"].read())
        assert "FunctionError" not in answer, allowed
    finally:
        functions.delete_function(FunctionName=PROBE)
    return allowed

"""Clients as the functions have them, against moto."""

from typing import Any

import pytest
from botocore.exceptions import ClientError
from entity_push.auth.bearer import ANONYMOUS
from entity_push.runtime import aws
from entity_push.table.connections import Connection, Connections
from entity_push.table.subscriptions import Outcome, Subscriptions

from tests.unit.conftest import TABLE_NAME

CONNECTION = Connection("c1", 1, "192.0.2.1", "wscat", ANONYMOUS)


def without_metadata(response: dict[str, Any]) -> dict[str, Any]:
    assert response["ResponseMetadata"]["HTTPStatusCode"] == 200
    return {name: value for name, value in response.items() if name != "ResponseMetadata"}


def test_answers_of_dynamodb_are_as_botocore_reads_them(dynamodb: Any) -> None:
    client = aws.client("dynamodb")
    table = Subscriptions(client, TABLE_NAME)
    Connections(client, TABLE_NAME).open(CONNECTION)
    for number in range(3):
        table.subscribe(CONNECTION, [f"entity/e{number}"], limit=9, histories=9)
    key = {"pk": {"S": "CONNECTION#c1"}, "sk": {"S": "CONNECTION"}}
    calls: list[tuple[str, dict[str, Any]]] = [
        ("scan", {"TableName": TABLE_NAME}),
        ("get_item", {"TableName": TABLE_NAME, "Key": key}),
        ("batch_get_item", {"RequestItems": {TABLE_NAME: {"Keys": [key]}}}),
        (
            "delete_item",
            {"TableName": TABLE_NAME, "Key": {**key, "sk": {"S": "x"}}, "ReturnValues": "ALL_OLD"},
        ),
    ]
    for name, parameters in calls:
        plain = getattr(client, name)(**parameters)
        assert without_metadata(plain) == without_metadata(getattr(dynamodb, name)(**parameters)), name


def test_errors_of_dynamodb_are_botocores(dynamodb: Any) -> None:
    assert dynamodb is not None
    with pytest.raises(ClientError) as raised:
        aws.client("dynamodb").query(
            TableName="another",
            KeyConditionExpression="pk = :pk",
            ExpressionAttributeValues={":pk": {"S": "x"}},
        )
    assert raised.value.response["Error"]["Code"] == "ResourceNotFoundException"


def test_a_failed_condition_of_a_transaction_carries_the_item(dynamodb: Any) -> None:
    assert dynamodb is not None
    client = aws.client("dynamodb")
    table = Subscriptions(client, TABLE_NAME)
    Connections(client, TABLE_NAME).open(CONNECTION)
    table.subscribe(CONNECTION, ["entity/e1"], limit=1, histories=9)
    found = table.subscribe(CONNECTION, ["entity/e2"], limit=1, histories=9)  # as if there were none yet
    assert found.outcomes == {"entity/e2": Outcome.TOO_MANY}


def test_missing_credentials_are_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    aws.session.cache_clear()
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/dev/null")
    with pytest.raises(Exception, match="credentials"):
        aws.credentials()
    aws.session.cache_clear()


def test_signed_requests_are_in_no_log(dynamodb: Any, caplog: pytest.LogCaptureFixture) -> None:
    assert dynamodb is not None
    caplog.set_level("DEBUG")  # what Lambda does to the root logger with logLevel=DEBUG
    aws.client("dynamodb").get_item(TableName=TABLE_NAME, Key={"pk": {"S": "x"}, "sk": {"S": "secret"}})
    assert "AWS4-HMAC-SHA256" not in caplog.text
    assert "secret" not in caplog.text

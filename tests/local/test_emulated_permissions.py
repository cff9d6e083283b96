"""Which permissions operations take."""

import json
from collections.abc import Callable
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from local.aws import REGION, LocalAws


@pytest.fixture
def client_with(aws: LocalAws) -> Callable[..., Any]:
    """Return what makes a service's client of a role that has one statement."""

    def client(service: str, actions: list[str], condition: Any = None) -> Any:
        iam, name = aws.client("iam"), f"role-{service}"
        trust = {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}
        rights = {"Effect": "Allow", "Action": actions, "Resource": "*", "Condition": condition or {}}
        role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(_policy(trust)))["Role"]
        iam.put_role_policy(RoleName=name, PolicyName="x", PolicyDocument=json.dumps(_policy(rights)))
        session = aws.client("sts").assume_role(RoleArn=role["Arn"], RoleSessionName="test")["Credentials"]
        make: Any = boto3.client
        return make(
            service,
            region_name=REGION,
            endpoint_url=aws.endpoint_url,
            aws_access_key_id=session["AccessKeyId"],
            aws_secret_access_key=session["SecretAccessKey"],
            aws_session_token=session["SessionToken"],
        )

    return client


def _policy(statement: dict[str, Any]) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": [statement]}


def test_who_may_send_a_message_may_send_several_and_who_may_not_delete_may_not(
    aws: LocalAws, client_with: Callable[..., Any]
) -> None:
    sqs = client_with("sqs", ["sqs:SendMessage", "sqs:ReceiveMessage"])
    queue = aws.client("sqs").create_queue(QueueName="batches")["QueueUrl"]
    entries = [{"Id": "1", "MessageBody": "a"}, {"Id": "2", "MessageBody": "b"}]
    assert len(sqs.send_message_batch(QueueUrl=queue, Entries=entries)["Successful"]) == 2
    (received, *_) = sqs.receive_message(QueueUrl=queue)["Messages"]
    gone = [{"Id": "1", "ReceiptHandle": received["ReceiptHandle"]}]
    with pytest.raises(ClientError, match="AccessDenied"):
        sqs.delete_message_batch(QueueUrl=queue, Entries=gone)


def _items(table: str, name: str) -> dict[str, dict[str, Any]]:
    """Return calls to DynamoDB that name an item whose partition key is `name`."""
    key = {"id": {"S": name}}
    of_table = {"TableName": table}
    values = {"ExpressionAttributeValues": {":id": {"S": name}}}
    return {
        "get_item": {**of_table, "Key": key},
        "put_item": {**of_table, "Item": key},
        "query": {**of_table, "KeyConditionExpression": "id = :id", **values},
        "batch_get_item": {"RequestItems": {table: {"Keys": [{"id": {"S": "mine#0"}}, key]}}},
        "batch_write_item": {"RequestItems": {table: [{"PutRequest": {"Item": key}}]}},
        "transact_write_items": {
            "TransactItems": [
                {"Delete": {**of_table, "Key": key}},
                {"Put": {**of_table, "Item": {"id": {"S": "mine#2"}}}},
            ]
        },
    }


def test_rights_that_look_at_keys(aws: LocalAws, client_with: Callable[..., Any]) -> None:
    aws.client("dynamodb").create_table(
        TableName="items",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    mine = {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["mine#*"]}}
    singles = ("GetItem", "PutItem", "DeleteItem", "Query", "BatchGetItem", "BatchWriteItem")
    client = client_with("dynamodb", [f"dynamodb:{single}" for single in singles], mine)
    for call, parameters in _items("items", "mine#1").items():
        getattr(client, call)(**parameters)
    for call, parameters in _items("items", "yours#1").items():
        with pytest.raises(ClientError, match="AccessDenied"):
            getattr(client, call)(**parameters)


@pytest.mark.parametrize("body", [b"{", b'{"TableName":"items","Key":"x"}', b'{"RequestItems":{"items":7}}'])
def test_what_is_no_request_of_dynamodbs_is_refused_as_one(aws: LocalAws, body: bytes) -> None:
    client = aws.client("dynamodb")

    def instead(request: Any, **_others: Any) -> None:
        request.data = body

    client.meta.events.register("before-sign.dynamodb.*", instead)
    with pytest.raises(ClientError) as refused:
        client.get_item(TableName="items", Key={"id": {"S": "mine#1"}})
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400

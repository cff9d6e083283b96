"""Which permissions operations take."""

import json
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from local.aws import REGION, LocalAws

ALLOWED = ["sqs:SendMessage", "sqs:ReceiveMessage"]


@pytest.fixture
def sqs(aws: LocalAws) -> Any:
    """An SQS client of a role that may send and receive, and not delete."""
    iam = aws.client("iam")
    trust = {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}
    rights = {"Effect": "Allow", "Action": ALLOWED, "Resource": "*"}
    role = iam.create_role(RoleName="sender", AssumeRolePolicyDocument=json.dumps(_policy(trust)))["Role"]
    iam.put_role_policy(RoleName="sender", PolicyName="send", PolicyDocument=json.dumps(_policy(rights)))
    session = aws.client("sts").assume_role(RoleArn=role["Arn"], RoleSessionName="test")["Credentials"]
    return boto3.client(
        "sqs",
        region_name=REGION,
        endpoint_url=aws.endpoint_url,
        aws_access_key_id=session["AccessKeyId"],
        aws_secret_access_key=session["SecretAccessKey"],
        aws_session_token=session["SessionToken"],
    )


def _policy(statement: dict[str, Any]) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": [statement]}


def test_who_may_send_a_message_may_send_several_and_who_may_not_delete_may_not(
    aws: LocalAws, sqs: Any
) -> None:
    queue = aws.client("sqs").create_queue(QueueName="batches")["QueueUrl"]
    entries = [{"Id": "1", "MessageBody": "a"}, {"Id": "2", "MessageBody": "b"}]
    assert len(sqs.send_message_batch(QueueUrl=queue, Entries=entries)["Successful"]) == 2
    (received, *_) = sqs.receive_message(QueueUrl=queue)["Messages"]
    gone = [{"Id": "1", "ReceiptHandle": received["ReceiptHandle"]}]
    with pytest.raises(ClientError, match="AccessDenied"):
        sqs.delete_message_batch(QueueUrl=queue, Entries=gone)

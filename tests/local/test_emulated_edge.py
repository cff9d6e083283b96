"""What stands in front of every endpoint."""

import json
from typing import Any

import boto3
import pytest
from websockets.exceptions import ConnectionClosed

from local.aws import LocalAws
from tests.local.websocket_stack import WebSocketStack, ask

LIMIT = 128 * 1024


def frame_of(size: int) -> str:
    empty = json.dumps({"action": "silent", "padding": ""})
    return json.dumps({"action": "silent", "padding": "x" * (size - len(empty))})


def close_code(api: WebSocketStack, message: str | bytes) -> int:
    with api.connect() as client:
        client.send(message)
        with pytest.raises(ConnectionClosed) as closed:
            client.recv(timeout=5)
    assert closed.value.rcvd is not None
    return int(closed.value.rcvd.code)


def test_a_binary_message_closes_the_connection(api: WebSocketStack) -> None:
    assert close_code(api, b'{"action":"echo"}') == 1003


def test_a_message_over_128_kb_closes_the_connection(api: WebSocketStack) -> None:
    assert close_code(api, frame_of(LIMIT + 1)) == 1009


def test_a_message_is_measured_in_bytes(api: WebSocketStack) -> None:
    assert close_code(api, "é" * (LIMIT // 2 + 1)) == 1009


def test_a_message_of_128_kb_is_taken(api: WebSocketStack) -> None:
    with api.connect() as client:
        client.send(frame_of(LIMIT))
        assert ask(client, still="open")["frame"]["still"] == "open"


def test_posting_over_128_kb_is_refused_and_128_kb_is_not(api: WebSocketStack) -> None:
    management = api.management()
    with api.connect() as client:
        connection = ask(client)["request"]["connectionId"]
        with pytest.raises(management.exceptions.PayloadTooLargeException) as refusal:
            management.post_to_connection(ConnectionId=connection, Data=b"x" * (LIMIT + 1))
        assert refusal.value.response["ResponseMetadata"]["HTTPStatusCode"] == 413
        management.post_to_connection(ConnectionId=connection, Data=b"y" * LIMIT)
        assert client.recv(timeout=5) == "y" * LIMIT


def test_requests_count_as_sent_over_tls(aws: LocalAws) -> None:
    bucket = "arn:aws:s3:::tls-only/*"
    allow = {"Effect": "Allow", "Action": "s3:PutObject", "Resource": bucket}
    refuse = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": bucket,
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }
    s3 = aws.client("s3")
    s3.create_bucket(Bucket="tls-only")
    s3.put_bucket_policy(Bucket="tls-only", Policy=policy(refuse))

    # As a user: such a policy doesn't bind the account's root, which the other tests are.
    iam = aws.client("iam")
    iam.create_user(UserName="uploader")
    iam.put_user_policy(UserName="uploader", PolicyName="upload", PolicyDocument=policy(allow))
    key = iam.create_access_key(UserName="uploader")["AccessKey"]
    uploader = boto3.client(
        "s3",
        endpoint_url=aws.endpoint_url,
        region_name="us-east-1",
        aws_access_key_id=key["AccessKeyId"],
        aws_secret_access_key=key["SecretAccessKey"],
    )
    uploader.put_object(Bucket="tls-only", Key="key", Body=b"")


def policy(statement: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})

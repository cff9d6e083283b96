"""A table in moto, made as stacks/storage.py makes the real one."""

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from entity_push import aws
from entity_push.table.subscriptions import Subscriptions
from moto import mock_aws

from tests.table_schema import TABLE_SCHEMA

TABLE_NAME = "table"


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_REGION": "us-east-1",
        "TABLE_NAME": TABLE_NAME,
        "SUBSCRIPTIONS_PER_CONNECTION": "3",
        "REPLAY_SECONDS": "86400",
        "HEAD_SECONDS": "2592000",
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    aws.session.cache_clear()  # it remembers the environment of its first use


@pytest.fixture
def dynamodb() -> Iterator[Any]:
    with mock_aws():
        client = boto3.client("dynamodb", region_name="us-east-1")
        client.create_table(
            TableName=TABLE_NAME,
            **TABLE_SCHEMA,
        )
        yield client


@pytest.fixture
def table(dynamodb: Any) -> Subscriptions:
    return Subscriptions(dynamodb, TABLE_NAME, pause=lambda _seconds: None)


def all_items(dynamodb: Any) -> list[dict[str, Any]]:
    """Return every connection and subscription, as plain values, sorted by key."""
    items = [
        {name: next(iter(value.values())) for name, value in item.items()}
        for item in dynamodb.scan(TableName=TABLE_NAME, ConsistentRead=True)["Items"]
        if item["sk"]["S"].startswith(("CONNECTION", "SUBSCRIBER#"))
    ]
    return sorted(items, key=lambda item: (item["pk"], item["sk"]))

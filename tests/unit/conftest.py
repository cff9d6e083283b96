"""A table in moto, made as stacks/storage.py makes the real one."""

import importlib
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from entity_push.runtime import aws
from entity_push.table.subscriptions import Subscriptions
from moto import mock_aws

from testbed.function_variables import function_variables
from testbed.table_schema import TABLE_SCHEMA
from tests.contract import check_server_frame
from tests.model.moto_tables import MotoTables

TABLE_NAME = "table"
NOW = 1_800_000_000


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    facts = {"connections_per_user": 2, "everyone": False, "subscriptions_per_connection": 3}
    for name, value in function_variables(table_name=TABLE_NAME, **facts).items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)


@pytest.fixture
def dynamodb() -> Iterator[Any]:
    with mock_aws():
        client = MotoTables()
        client.create_table(TableName=TABLE_NAME, **TABLE_SCHEMA)
        yield client


@pytest.fixture
def table(dynamodb: Any) -> Subscriptions:
    return Subscriptions(dynamodb, TABLE_NAME, pause=lambda _seconds: None)


def all_items(dynamodb: Any) -> list[dict[str, Any]]:
    """Return the items of connections, subscriptions and expirations: plain values, sorted by key."""
    items = [
        {name: next(iter(value.values())) for name, value in item.items()}
        for item in dynamodb.scan(TableName=TABLE_NAME, ConsistentRead=True)["Items"]
        if item["sk"]["S"].startswith(("CONNECTION", "SUBSCRIBER#")) or item["pk"]["S"].startswith("EXPIRES#")
    ]
    return sorted(items, key=lambda item: (item["pk"], item["sk"]))


def printed_metrics(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    """Return the lines of metrics (EMF) that were printed since the last call."""
    return [json.loads(line) for line in capsys.readouterr().out.splitlines() if '"_aws"' in line]


@pytest.fixture
def send(dynamodb: Any, monkeypatch: pytest.MonkeyPatch) -> Callable[..., dict[str, Any]]:
    """Send a frame, a text or a JSON value, to a route's handler; return its answer, one of asyncapi.yaml."""
    monkeypatch.setattr(aws, "client", lambda _service: dynamodb)
    monkeypatch.setattr("time.time", lambda: float(NOW))

    def send(module: str, frame: Any, connection_id: str = "c1") -> dict[str, Any]:
        event = {
            "requestContext": {"connectionId": connection_id, "connectedAt": NOW * 1000},
            "body": frame if isinstance(frame, str) else json.dumps(frame),
        }
        response = importlib.reload(importlib.import_module(module)).handler(event, None)
        assert response["statusCode"] == 200
        answer: dict[str, Any] = json.loads(response["body"])
        check_server_frame(answer)
        return answer

    return send

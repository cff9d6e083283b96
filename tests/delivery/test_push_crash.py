"""The push function as a process of its own that is killed in the middle, and run twice at once."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from entity_push.auth.bearer import Bearer
from entity_push.auth.grants import EVERYTHING
from entity_push.table.connections import Connection, Connections

from local.aws import LocalAws
from testbed.function_variables import function_variables
from testbed.table_schema import TABLE_SCHEMA
from tests.delivery.faults import FaultyEndpoint

LAMBDAS = Path(__file__).resolve().parents[2] / "lambdas"
SUBSCRIBERS = 300
EXPIRED = 30

INVOKE = """
import json, sys
sys.path.insert(0, sys.argv[1])
import push
class Context:
    def get_remaining_time_in_millis(self):
        return 60_000
print(json.dumps(push.handler(json.load(sys.stdin), Context())))
"""


@dataclass
class World:
    """A table and queues behind a real socket, and the endpoint."""

    endpoint: FaultyEndpoint
    environment: dict[str, str]

    def invoke(self) -> "subprocess.Popen[str]":
        """Start the push function with the one record there is."""
        process = subprocess.Popen(
            [sys.executable, "-c", INVOKE, str(LAMBDAS)],
            env=self.environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        event = {
            "id": "id-1",
            "detail-type": "Entity Updated",
            "time": "2026-11-22T18:43:48Z",
            "detail": {"entityId": "e1", "message": 1},
        }
        record = {
            "messageId": "m1",
            "receiptHandle": "r1",
            "body": json.dumps(event),
            "attributes": {
                "SentTimestamp": str(round(time.time() * 1000)),
                "ApproximateReceiveCount": "1",
            },
        }
        assert process.stdin is not None
        process.stdin.write(json.dumps({"Records": [record]}))
        process.stdin.close()
        return process

    def posts(self) -> list[int]:
        """Return how many frames each connection got."""
        return [len(self.endpoint.requests[f"c{number:03}="]) for number in range(SUBSCRIBERS)]


def connection(connection_id: str, *, expires: int | None = None) -> Connection:
    opened = round(time.time() - 60) * 1000
    bearer = Bearer(None, EVERYTHING, expires)
    return Connection(connection_id, opened, "192.0.2.1", "test", bearer, frozenset(["entity/e1"]))


@pytest.fixture(scope="module")
def aws() -> Iterator[LocalAws]:
    with LocalAws(port=0, auth=False) as running:
        yield running


@pytest.fixture
def world(aws: LocalAws) -> Iterator[World]:
    dynamodb, sqs = aws.client("dynamodb"), aws.client("sqs")
    name = f"table{time.monotonic_ns()}"
    dynamodb.create_table(
        TableName=name,
        **TABLE_SCHEMA,
    )
    table = Connections(dynamodb, name)
    for number in range(SUBSCRIBERS):
        table.open(connection(f"c{number:03}="))
    for number in range(EXPIRED):
        table.open(connection(f"expired{number:03}=", expires=round(time.time()) - 1))
    with FaultyEndpoint() as endpoint:
        variables = function_variables(
            "push",
            table_name=name,
            queue_url=sqs.create_queue(QueueName="queue")["QueueUrl"],
            dead_letter_queue_url=sqs.create_queue(QueueName="dead")["QueueUrl"],
            callback_url=endpoint.url,
        )
        environment = {
            **variables,
            **aws.environment(),
            "POWERTOOLS_SERVICE_NAME": "push",
        }
        yield World(endpoint, environment)


def answer(process: "subprocess.Popen[str]") -> Any:
    """Return what the handler returned, below its log lines."""
    assert process.stdout is not None
    text = process.stdout.read()
    assert process.wait(60) == 0
    return json.loads(text.splitlines()[-1])


def test_killed_in_the_middle_and_delivered_again_nothing_is_lost(world: World) -> None:
    world.endpoint.latency = 0.02
    killed = world.invoke()
    give_up = time.monotonic() + 30
    while sum(world.posts()) < 50:
        assert time.monotonic() < give_up
        time.sleep(0.001)
    killed.kill()
    killed.wait()
    before = world.posts()
    assert 0 in before, "it was killed too late to show anything"
    assert answer(world.invoke()) == {"batchItemFailures": []}
    assert all(world.posts())
    # A few requests may have been under way when it was killed.
    assert max(world.posts()) <= 3


def test_the_same_record_twice_at_the_same_time_loses_nothing(world: World) -> None:
    first, second = world.invoke(), world.invoke()
    assert answer(first) == answer(second) == {"batchItemFailures": []}
    assert set(world.posts()) == {2}


def test_nobody_whose_right_has_ended_gets_anything(world: World) -> None:
    assert answer(world.invoke()) == {"batchItemFailures": []}
    assert set(world.posts()) == {1}
    assert not [name for name in world.endpoint.requests if name.startswith("expired")]

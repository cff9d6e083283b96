"""The app, deployed once by the real CDK CLI into a local AWS that enforces IAM."""

import json
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from local.aws import LocalAws
from local.deployment import Outputs, deploy
from tests.e2e.client import Client

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class App:
    """The deployed app.

    Attributes:
        aws: the local AWS.
        outputs: the stack's outputs.
    """

    aws: LocalAws
    outputs: Outputs

    def put_event(
        self, detail: dict[str, Any], *, detail_type: str = "Entity Updated", source: str = "test"
    ) -> str:
        """Put one event; return its id."""
        entry = {"Source": source, "DetailType": detail_type, "Detail": json.dumps(detail)}
        answer = self.aws.client("events").put_events(Entries=[entry])
        assert answer["FailedEntryCount"] == 0, answer
        event_id: str = answer["Entries"][0]["EventId"]
        return event_id

    def put_example(self) -> None:
        """Put examples/entity-updated.json with the real aws CLI."""
        subprocess.run(
            ["aws", "events", "put-events", "--entries", "file://examples/entity-updated.json"],
            cwd=ROOT,
            env=self.aws.environment(),
            check=True,
            capture_output=True,
        )

    def items(self) -> list[dict[str, Any]]:
        """Return every connection and subscription in the table."""
        found = self.aws.client("dynamodb").scan(TableName=self.outputs.table_name, ConsistentRead=True)
        assert "LastEvaluatedKey" not in found
        return [item for item in found["Items"] if item["sk"]["S"].startswith(("CONNECTION", "SUBSCRIBER#"))]


def eventually(condition: Callable[[], Any], seconds: float = 20) -> Any:
    """Return what a condition gives as soon as it is true; fail if it does not become true."""
    give_up = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < give_up, "it did not happen in time"
        time.sleep(0.05)
    return value


@pytest.fixture(scope="session")
def app() -> Iterator[App]:
    with LocalAws(port=0) as aws:
        deployed = App(aws, deploy(aws))
        yield deployed
        # Whatever the tests did: after every client has left, nothing of them is left.
        eventually(lambda: not deployed.items())


@pytest.fixture
def connect(app: App) -> Iterator[Callable[..., Client]]:
    """Open connections that are closed when the test ends."""
    with ExitStack() as stack:

        def open_client(*subprotocols: str) -> Client:
            return stack.enter_context(Client(app.outputs.web_socket_url, subprotocols))

        yield open_client

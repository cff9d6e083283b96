"""The app, deployed once by the real CDK CLI into a local AWS that enforces IAM."""

import itertools
import json
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from local.aws import LocalAws
from local.deployment import Outputs, deploy
from operations import deployment
from operations.minting import TokenSigner
from tests.e2e.client import Client, Place

ROOT = Path(__file__).resolve().parents[2]


class App:
    """The deployed app.

    Attributes:
        aws: the local AWS.
        outputs: the stack's outputs.
        signer: makes tokens with the deployment's secret, as last read.
    """

    def __init__(self, aws: LocalAws, outputs: Outputs):
        self.aws, self.outputs = aws, outputs
        self._events, self._dynamodb = aws.client("events"), aws.client("dynamodb")
        self._lambda = aws.client("lambda")
        self._numbers = itertools.count(1)
        self.read_secret()

    def read_secret(self) -> None:
        """Read the secret again, after a test has rotated it."""
        self.signer = TokenSigner.of(self.outputs.stack, self.aws.client("secretsmanager"))

    def token(
        self,
        user: str | None = None,
        *,
        subscribe: Sequence[str] = ("*",),
        publish: Sequence[str] = ("*",),
        minutes: float = 60,
    ) -> str:
        """Return a token; by default, of a new user with all grants."""
        user = user or f"user {next(self._numbers)}"
        return self.signer.token(user, subscribe=subscribe, publish=publish, seconds=minutes * 60)

    def client(
        self,
        *subprotocols: str,
        token: str | None = None,
        place: Place | tuple[Place, ...] = "header",
        **bearer: Any,
    ) -> Client:
        """Return a client, a context manager that connects on entry.

        Args:
            *subprotocols: the subprotocols to offer.
            token: the token to connect with; by default, a new one.
            place: the token's place; a tuple for several places at once.
            **bearer: arguments of `App.token` for a new token.
        """
        token = self.token(**bearer) if token is None else token
        return Client(self.outputs.web_socket_url, subprotocols, token=token, place=place)

    def put_event(
        self, detail: dict[str, Any], *, detail_type: str = "Entity Updated", source: str = "test"
    ) -> str:
        """Put one event; return the id that EventBridge gave it."""
        entry = {"Source": source, "DetailType": detail_type, "Detail": json.dumps(detail)}
        answer = self._events.put_events(Entries=[entry])
        assert answer["FailedEntryCount"] == 0, answer
        event_id: str = answer["Entries"][0]["EventId"]
        return event_id

    def put_example(self, name: str = "entity-updated") -> None:
        """Put one of the events in examples/ with the real aws CLI."""
        subprocess.run(
            ["aws", "events", "put-events", "--entries", f"file://examples/{name}.json"],
            cwd=ROOT,
            env=self.aws.environment(),
            check=True,
            capture_output=True,
        )

    def shell(self, *words: str) -> str:
        """Run a command as a person would, with the local AWS as AWS; return what it prints."""
        done = subprocess.run(
            words,
            cwd=ROOT,
            env={**self.aws.environment(), "PYTHONPATH": f"{ROOT}:{ROOT / 'lambdas'}"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def push_mapping(self) -> dict[str, Any]:
        """Return how the push function takes from the queue: the event source mapping."""
        (mapping,) = (
            mapping
            for mapping in self._lambda.list_event_source_mappings()["EventSourceMappings"]
            if mapping["EventSourceArn"].endswith(f":{self.outputs.queue_url.rpartition('/')[2]}")
        )
        return dict(mapping)

    @contextmanager
    def held_back(self) -> Iterator[None]:
        """Leave events on the queue meanwhile."""
        uuid = self.push_mapping()["UUID"]
        self._lambda.update_event_source_mapping(UUID=uuid, Enabled=False)
        try:
            yield
        finally:
            self._lambda.update_event_source_mapping(UUID=uuid, Enabled=True)

    def run_expire(self) -> None:
        """Warn of tokens' ends, and close connections whose token has ended, as is done each minute."""
        pages = self._lambda.get_paginator("list_functions").paginate()
        (name,) = (
            function["FunctionName"]
            for page in pages
            for function in page["Functions"]
            if function["Handler"] == "expire.handler"
        )
        assert "FunctionError" not in self._lambda.invoke(FunctionName=name, Payload="{}")

    def items(self) -> list[dict[str, Any]]:
        """Return every connection and subscription in the table."""
        found = self._dynamodb.scan(TableName=self.outputs.table_name, ConsistentRead=True)
        assert "LastEvaluatedKey" not in found
        return [item for item in found["Items"] if item["sk"]["S"].startswith(("CONNECTION", "SUBSCRIBER#"))]


def eventually(condition: Callable[[], Any], seconds: float = 60) -> Any:
    """Return a condition's value as soon as it is true; fail if it stays false for `seconds`."""
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
        # After every client has left, the table holds no connection and no subscription.
        eventually(lambda: not deployed.items())


@pytest.fixture
def as_local(app: App, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the operations commands take this deployment for that of `make local`."""
    path = tmp_path / "outputs.json"
    app.outputs.save(path)
    monkeypatch.setattr(deployment, "LOCAL_OUTPUTS", path)


@pytest.fixture
def connect(app: App) -> Iterator[Callable[..., Client]]:
    """Yield a function that opens connections, with `App.client`'s arguments. The test's end closes them."""
    with ExitStack() as stack:

        def open_client(*subprotocols: str, **options: Any) -> Client:
            return stack.enter_context(app.client(*subprotocols, **options))

        yield open_client

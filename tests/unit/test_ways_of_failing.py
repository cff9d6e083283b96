"""What is broken on purpose prints the metric that an alarm looks at; tests/infrastructure has the alarms."""

import importlib
from collections.abc import Callable
from typing import Any

import pytest
from entity_push.auth.authorizer import Authorizer
from entity_push.auth.claims import ExpectedClaims
from entity_push.auth.refusals import Refusal, RefusedTokenError
from entity_push.posting.posts import Outcome
from entity_push.push.retries import MAX_ROUNDS
from entity_push.runtime import aws
from entity_push.runtime.aws_errors import RefusedError

from tests.unit.conftest import printed_metrics
from tests.unit.handlers.routes import open_connection
from tests.unit.push.bench import Bench, chunk, event

Fixture = Callable[[str], Any]

DENIED = RefusedError("PutItem", "AccessDeniedException", "no")


class Refusing:
    """A client of AWS, or numbers of updates: every call is refused."""

    async def append(self, _events: Any) -> Any:
        raise DENIED

    def put_events(self, **_arguments: Any) -> Any:
        raise DENIED


class Verifying:
    """A verifier of tokens that ends with an exception."""

    def __init__(self, error: Exception):
        self._error = error

    def claims(self, _token: str | None) -> Any:
        raise self._error


def authorize(error: Exception) -> None:
    expected = ExpectedClaims("issuer", "audience", "sub", "subscribe", "publish")
    authorizer = Authorizer(Verifying(error), expected, deployment_name="Orders")
    headers = {"Authorization": "Bearer a.b.c"}
    handshake = {"methodArn": "arn", "requestContext": {"connectionId": "c1"}, "headers": headers}
    if not isinstance(error, RefusedTokenError):
        with pytest.raises(type(error)):
            authorizer.authorize(handshake)
    else:
        assert authorizer.authorize(handshake) is None


def keys_are_missing(_fixture: Fixture) -> None:
    authorize(DENIED)


def token_is_refused(_fixture: Fixture) -> None:
    authorize(RefusedTokenError(Refusal.EXPIRED))


def table_refuses_a_frame(fixture: Fixture) -> None:
    fixture("dynamodb").delete_table(TableName="table")
    assert fixture("send")("unsubscribe", {"action": "unsubscribe", "entityId": "e"})["type"] == "error"


def bus_refuses_an_event(fixture: Fixture) -> None:
    send, dynamodb = fixture("send"), fixture("dynamodb")
    clients = {"dynamodb": dynamodb, "events": Refusing()}
    fixture("monkeypatch").setattr(aws, "client", clients.__getitem__)
    open_connection(dynamodb, publish=("*",))
    assert send("publish", {"action": "publish", "entityId": "e"})["code"] == "not_published"


def push(fixture: Fixture, outcome: Outcome, rounds: int = 0) -> None:
    bench = Bench(fixture("dynamodb"))
    bench.engine.verdict = lambda _name: outcome
    assert bench.push(chunk("a", "b", rounds=rounds)) == []


def table_refuses_the_push(fixture: Fixture) -> None:
    bench = Bench(fixture("dynamodb"))
    bench.fan_out = bench.with_numbers(Refusing())
    assert sorted(bench.push(event("e1"), event("e2"))) == ["m0", "m1"]


def queue_refuses_retries(fixture: Fixture) -> None:
    bench = Bench(fixture("dynamodb"))
    bench.engine.verdict, bench.sqs.refuses = (lambda _name: Outcome.RETRY), True
    assert bench.push(chunk("a")) == ["m0"]


def posting_crashes(fixture: Fixture) -> None:
    """What was done before is still told."""
    bench = Bench(fixture("dynamodb"))
    outcomes: dict[str, Outcome] = {}
    bench.engine.verdict = outcomes.__getitem__
    with pytest.raises(KeyError):
        bench.push("no json", chunk("a"))


class Sqs:
    """Tells how many messages wait in some queues, and denies access to the others."""

    def __init__(self, waiting: dict[str, int]):
        self._waiting = waiting

    def get_queue_attributes(self, *, QueueUrl: str, AttributeNames: list[str]) -> Any:  # noqa: N803
        if QueueUrl not in self._waiting:
            raise DENIED
        (name,) = AttributeNames
        return {"Attributes": {name: str(self._waiting[QueueUrl])}}


def watch(monkeypatch: pytest.MonkeyPatch, waiting: dict[str, int]) -> Any:
    monkeypatch.setattr(aws, "client", lambda _service: Sqs(waiting))
    module: Any = importlib.reload(importlib.import_module("watch"))
    return module.handler({}, None)


def look(fixture: Fixture, queue: str) -> None:
    waiting = {"queue": 0, "dead-letters": 0, "target-dead-letters": 0, queue: 2}
    assert sorted(watch(fixture("monkeypatch"), waiting).values()) == [0, 0, 2]


BREAKS: list[tuple[str, Callable[[Fixture], None], int]] = [
    ("ConnectsFailed", keys_are_missing, 1),
    ("ConnectsRefused", token_is_refused, 1),
    ("FramesFailed", table_refuses_a_frame, 1),
    ("FramesFailed", bus_refuses_an_event, 1),
    ("Failed", table_refuses_the_push, 2),
    ("Failed", queue_refuses_retries, 1),
    ("DeadLetters", posting_crashes, 1),
    ("Deliveries", lambda fixture: push(fixture, Outcome.DELIVERED), 2),
    ("Retried", lambda fixture: push(fixture, Outcome.RETRY), 2),
    ("Retried", lambda fixture: push(fixture, Outcome.UNSENT), 2),
    ("Retried", lambda fixture: push(fixture, Outcome.SILENT), 2),
    ("Refused", lambda fixture: push(fixture, Outcome.REFUSED), 2),
    ("Abandoned", lambda fixture: push(fixture, Outcome.RETRY, MAX_ROUNDS - 1), 2),
    ("MessagesWaiting", lambda fixture: look(fixture, "queue"), 2),
    ("DeadLettersWaiting", lambda fixture: look(fixture, "dead-letters"), 2),
    ("TargetDeadLettersWaiting", lambda fixture: look(fixture, "target-dead-letters"), 2),
]
"""Metrics, what makes the code print each, and how much it then counts."""


@pytest.mark.parametrize(("metric", "break_it", "counted"), BREAKS)
def test_what_fails_is_counted(
    metric: str,
    break_it: Callable[[Fixture], None],
    counted: int,
    request: pytest.FixtureRequest,
    capsys: pytest.CaptureFixture[str],
) -> None:
    break_it(request.getfixturevalue)
    lines = printed_metrics(capsys)
    assert sum(sum(line.get(metric, ())) for line in lines) == counted
    assert all(line["Stack"] for line in lines)


def test_empty_queues_cost_no_metric_and_one_that_is_denied_hides_no_other(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(RefusedError):
        watch(monkeypatch, {"queue": 0, "target-dead-letters": 3})
    (line,) = printed_metrics(capsys)
    assert line["TargetDeadLettersWaiting"] == [3]

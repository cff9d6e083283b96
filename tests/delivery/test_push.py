"""The whole push function between a queue, a table and an endpoint that misbehaves, over real sockets."""

import json
import time
from collections import Counter, deque
from collections.abc import Iterator
from typing import Any

import pytest
from entity_push.auth.bearer import Bearer
from entity_push.auth.grants import EVERYTHING
from entity_push.posting import run
from entity_push.posting.deliverer import Deliverer
from entity_push.push import messages, retries
from entity_push.push.dead_letters import DeadLetters
from entity_push.push.fan_out import FanOut
from entity_push.push.metrics import PushMetrics
from entity_push.push.queue import Queue
from entity_push.runtime.signing import Credentials
from entity_push.table.calls import each, one_by_one
from entity_push.table.connections import Connection, Connections
from entity_push.table.history import History
from entity_push.table.subscribers import Subscribers
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from moto import mock_aws

from testbed.table_schema import TABLE_SCHEMA
from tests.delivery import faults
from tests.delivery.faults import FaultyEndpoint
from tests.model.moto_tables import MotoTables

PAGE = 7
CHUNK = 3
OPENED = round(time.time() - 60) * 1000
ENDED = round(time.time()) - 30
IN_PROCESS_ATTEMPTS = 2
MOST = IN_PROCESS_ATTEMPTS * retries.MAX_ROUNDS

PASSING = st.lists(
    st.sampled_from(sorted(faults.RETRIED | faults.AMBIGUOUS - {"silent", "closed", "garbage"})), max_size=5
)
LASTING = st.sampled_from(["ok"] * 5 + ["gone", "gone", "throttled", "error_500", "bad_request"])
SCRIPTS = st.one_of(st.just(["ok"]), st.tuples(PASSING, LASTING).map(lambda parts: [*parts[0], parts[1]]))


class SmallPages:
    """A DynamoDB client whose queries return few items at a time."""

    def __init__(self, client: Any):
        self._client = client

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def query(self, **parameters: Any) -> Any:
        return self._client.query(**{"Limit": PAGE, **parameters})


class MemoryQueue:
    """SQS as far as the push function sees it; delays are not waited for."""

    def __init__(self) -> None:
        self.waiting: deque[dict[str, Any]] = deque()
        self.dead: list[str] = []
        self._number = 0

    def put(self, body: str) -> None:
        self._number += 1
        self.waiting.append(
            {
                "messageId": f"m{self._number}",
                "receiptHandle": f"r{self._number}",
                "body": body,
                "attributes": {
                    "SentTimestamp": str(round(time.time() * 1000)),
                    "ApproximateReceiveCount": "1",
                },
            }
        )

    def send_message_batch(self, QueueUrl: str, Entries: list[dict[str, Any]]) -> dict[str, Any]:  # noqa: N803
        assert QueueUrl == "queue"
        for entry in Entries:
            self.put(entry["MessageBody"])
        return {}

    def send_message(self, QueueUrl: str, MessageBody: str, MessageAttributes: Any) -> None:  # noqa: N803
        assert QueueUrl == "dead"
        assert MessageAttributes["reason"]
        self.dead.append(MessageBody)

    def change_message_visibility_batch(self, QueueUrl: str, Entries: Any) -> None:  # noqa: N803
        """Records that come back are put back by the test."""


@pytest.fixture(autouse=True, scope="module")
def _quick() -> Iterator[list[PushMetrics]]:
    patch = pytest.MonkeyPatch()
    patch.setattr(run, "_THROTTLED_PAUSE", 0.002)
    patch.setattr(run, "_FAILED_PAUSE", 0.002)
    patch.setattr(messages, "CHUNK_SIZE", CHUNK)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        patch.setenv(name, "testing")
    yield []
    patch.undo()


def event(message: int) -> str:
    return json.dumps(
        {
            "id": f"id-{message}",
            "detail-type": "Entity Updated",
            "time": "2026-11-22T18:43:48Z",
            "detail": {"entityId": "e1", "message": message},
        }
    )


def push_until_quiet(fan_out: FanOut, queue: MemoryQueue) -> PushMetrics:
    """Run invocations until the queue is empty; return what they counted together."""
    total = PushMetrics()
    flush = PushMetrics.flush

    def add(self: PushMetrics, deployment_name: str) -> None:
        flush(self, deployment_name)
        for name in ("deliveries", "gone", "refused", "abandoned", "expired", "dead_letters"):
            setattr(total, name, getattr(total, name) + getattr(self, name))

    PushMetrics.flush = add  # type: ignore[method-assign]
    try:
        for _ in range(500):
            if not queue.waiting:
                return total
            batch = [queue.waiting.popleft() for _ in range(min(10, len(queue.waiting)))]
            failed = set(fan_out.push(batch, seconds=retries.FORGET_RESERVE_SECONDS + 40))
            queue.waiting.extend(record for record in batch if record["messageId"] in failed)
    finally:
        PushMetrics.flush = flush  # type: ignore[method-assign]
    raise AssertionError("it never became quiet")


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    scripts=st.lists(SCRIPTS, min_size=1, max_size=30), updates=st.integers(1, 2), expired=st.integers(0, 5)
)
def test_whatever_happens_every_connection_is_accounted_for(
    scripts: list[list[str]], updates: int, expired: int
) -> None:
    with mock_aws(), FaultyEndpoint() as endpoint:
        dynamodb: Any = MotoTables()
        dynamodb.create_table(TableName="table", **TABLE_SCHEMA)
        subscribers = Subscribers("table")
        make = one_by_one(SmallPages(dynamodb))
        ends = {f"c{number:02}=": script for number, script in enumerate(scripts)}
        endpoint.scripts = dict(ends)
        # A connection that is disconnected in the end answers its DELETE whatever its posts meet.
        closed: set[str] = set()

        def before(connection_id: str, headers: dict[str, str]) -> str | None:
            if headers.get("content-length", "0") == "0":
                closed.add(connection_id)
                return "no_content"
            return None

        endpoint.before = before
        for number, name in enumerate(ends):
            bearer = Bearer(None, EVERYTHING, ENDED if number < expired else None)
            connection = Connection(
                name, OPENED, "192.0.2.1", "test", bearer, channels=frozenset(["entity/e1"])
            )
            Connections(dynamodb, "table").open(connection)
        queue = MemoryQueue()
        deliverer = Deliverer(
            endpoint.url,
            "us-east-1",
            lambda: Credentials("AKIDEXAMPLE", "secret", "token"),
            tries=IN_PROCESS_ATTEMPTS,
            timeout=2,
        )
        fan_out = FanOut(
            subscribers=subscribers,
            connections=Connections(dynamodb, "table", pause=lambda _seconds: None),
            numbers=History("table", replay_seconds=86400),
            make=make,
            deliverer=deliverer,
            queue=Queue(queue, "queue"),
            dead_letters=DeadLetters(queue, "dead"),
            deployment_name="EntityPush",
        )
        for message in range(updates):
            queue.put(event(message))
        total = push_until_quiet(fan_out, queue)
        deliverer.close()
        left = {name for page in each(subscribers.pages("entity/e1"), make) for name in page.subscribers}
        for name in list(ends)[:expired]:
            del ends[name]
            assert endpoint.requests[name] == [], "its right had ended"
            assert name in left, "that is another function's business"
        assert total.expired == updates * min(expired, len(scripts))
        check(ends, endpoint, closed, left, total=total, updates=updates)
        refused = {name for name, script in ends.items() if script[-1] == "bad_request"}
        letters = [json.loads(body)["chunk"]["subscribers"] for body in queue.dead]
        assert {name for letter in letters for name in letter} == refused, "each refusal is a dead letter"


def check(
    ends: dict[str, list[str]],
    endpoint: FaultyEndpoint,
    closed: set[str],
    left: set[str],
    *,
    total: PushMetrics,
    updates: int,
) -> None:
    for name, script in ends.items():
        got: Counter[bytes] = Counter()
        for request in endpoint.requests[name]:
            if request.method == "POST" and request.step in faults.DELIVERED:
                got[request.body] += 1
        if script == ["ok"]:
            assert sorted(got.values()) == [1] * updates, "one that never failed gets each frame once"
        if script[-1] == "ok":
            assert len(got) == updates, "a living connection gets each frame"
            assert name in left
        if script[-1] == "gone":
            assert name not in left, "the dead are forgotten"
        if script[-1] in ("throttled", "error_500"):
            assert name in closed, "who can't be reached is disconnected"
            assert name not in left
    if updates == 1:
        assert total.deliveries + total.gone + total.refused + total.abandoned == len(ends)

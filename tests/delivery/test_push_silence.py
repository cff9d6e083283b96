"""What silence costs the whole push function: workers' time, and nobody's connection."""

import heapq
import itertools
import json
import random
import time
from collections.abc import Iterable, Iterator
from typing import Any

import pytest
from entity_push.posting import run, silence
from entity_push.posting.deliverer import Deliverer
from entity_push.protocol.events import Update
from entity_push.push import retries
from entity_push.push.dead_letters import DeadLetters
from entity_push.push.fan_out import FanOut
from entity_push.push.messages import Chunk
from entity_push.push.queue import Queue
from entity_push.table.no_history import NoHistory
from entity_push.table.subscribers import NEVER, Subscribers

from tests.delivery.engine import CREDENTIALS, FRAME
from tests.delivery.faults import FaultyEndpoint

SCALE = 10
"""How much shorter the time-outs are here."""


class Later:
    """SQS as far as the push function sees it, with a clock that the delays alone set forward."""

    def __init__(self) -> None:
        self.now = 0
        self.waiting: list[tuple[int, int, str]] = []
        self.dead: list[str] = []
        self._numbers = itertools.count()

    def put(self, body: str, delay: int = 0) -> None:
        heapq.heappush(self.waiting, (self.now + delay, next(self._numbers), body))

    def take(self) -> list[dict[str, Any]]:
        """Return the records that are due next."""
        self.now, number, body = heapq.heappop(self.waiting)
        taken = [(number, body)]
        while self.waiting and self.waiting[0][0] == self.now and len(taken) < 10:
            taken.append(heapq.heappop(self.waiting)[1:])
        attributes = {"SentTimestamp": "1", "ApproximateReceiveCount": "1"}
        return [
            {"messageId": f"m{number}", "receiptHandle": "r", "body": body, "attributes": attributes}
            for number, body in taken
        ]

    def send_message_batch(self, QueueUrl: str, Entries: list[dict[str, Any]]) -> dict[str, Any]:  # noqa: N803
        assert QueueUrl == "queue"
        for entry in Entries:
            self.put(entry["MessageBody"], entry["DelaySeconds"])
        return {}

    def send_message(self, QueueUrl: str, MessageBody: str, MessageAttributes: Any) -> None:  # noqa: N803
        assert QueueUrl == "dead"
        code = MessageAttributes["reasonCode"]["StringValue"]
        self.dead += [code] * len(json.loads(MessageBody)["chunk"]["subscribers"])


class Connections:
    """A table that forgets at once."""

    def forget(self, connection_ids: Iterable[str], channel: str, *, opened_before: int) -> list[str]:
        assert connection_ids
        assert channel
        assert opened_before
        return []


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(silence, "LATER_SECONDS", silence.LATER_SECONDS / SCALE)
    monkeypatch.setattr(run, "WAITING_SECONDS", silence.WAITING_SECONDS / SCALE)
    monkeypatch.setattr(run, "_SWEEP_SECONDS", run._SWEEP_SECONDS / SCALE)
    monkeypatch.setattr(random, "randint", lambda least, _most: least)  # rounds follow as fast as they may


@pytest.fixture
def sqs() -> Later:
    return Later()


@pytest.fixture
def fan_out(endpoint: FaultyEndpoint, sqs: Later) -> Iterator[FanOut]:
    first = silence.FIRST_SECONDS / SCALE
    deliverer = Deliverer(endpoint.url, "us-east-1", lambda: CREDENTIALS, timeout=first)
    yield FanOut(
        subscribers=Subscribers("table"),
        connections=Connections(),
        numbers=NoHistory("table"),
        make=lambda _calls: [],
        deliverer=deliverer,
        queue=Queue(sqs, "queue"),
        dead_letters=DeadLetters(sqs, "dead"),
        deployment_name="EntityPush",
    )
    deliverer.close()


def chunk(*names: str, rounds: int = 0) -> str:
    update = Update("entity/e1", "id-1", FRAME, round(time.time() * 1000))
    return Chunk(update, dict.fromkeys(names, NEVER), rounds).to_message()


def run_all(fan_out: FanOut, sqs: Later) -> float:
    """Push until the queue is empty; return the seconds that it took the workers."""
    spent = 0.0
    while sqs.waiting:
        records = sqs.take()
        began = time.monotonic()
        assert fan_out.push(records, seconds=60) == []
        spent += time.monotonic() - began
    return spent


@pytest.mark.parametrize("silent", [1, 2])
def test_those_that_never_answer_cost_the_workers_15_seconds_each_over_all_rounds(
    endpoint: FaultyEndpoint, fan_out: FanOut, sqs: Later, silent: int
) -> None:
    names = [f"silent{number}" for number in range(silent)]
    endpoint.scripts = {name: ["silent"] for name in names}
    sqs.put(chunk(*names, "a"))
    assert run_all(fan_out, sqs) * SCALE < 15 * silent
    assert sqs.dead == ["unreachable"] * silent
    for name in names:
        methods = [request.method for request in endpoint.requests[name]]
        assert methods[-1] == "DELETE"
        assert methods.count("POST") > retries.MAX_ROUNDS, "it had a second try in the first round"


@pytest.mark.parametrize("rounds", [0, retries.MAX_ROUNDS - 1])
def test_an_endpoint_that_is_silent_for_a_minute_closes_nobody(
    endpoint: FaultyEndpoint, fan_out: FanOut, sqs: Later, rounds: int
) -> None:
    """Not even those that had failed in all rounds but one."""
    names = [f"c{number}" for number in range(20)]
    endpoint.before = lambda _id, _headers: "silent" if sqs.now < 60 else "ok"
    for some in (names[:7], names[7:]):
        sqs.put(chunk(*some, rounds=rounds))
    run_all(fan_out, sqs)
    for name in names:
        steps = [(request.method, request.step) for request in endpoint.requests[name]]
        assert steps[-1] == ("POST", "ok")
        assert {method for method, _ in steps} == {"POST"}, "it was closed"
    assert not sqs.dead


def test_even_a_single_subscriber_outlasts_a_minute_of_silence(
    endpoint: FaultyEndpoint, fan_out: FanOut, sqs: Later
) -> None:
    """Whose fault it is, nobody can tell."""
    endpoint.before = lambda _id, _headers: "silent" if sqs.now < 60 else "ok"
    sqs.put(chunk("c0"))
    run_all(fan_out, sqs)
    assert [request.method for request in endpoint.requests["c0"]] == ["POST"] * len(endpoint.requests["c0"])
    assert endpoint.steps("c0")[-1] == "ok"
    assert not sqs.dead

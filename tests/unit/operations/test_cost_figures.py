"""The counts behind `make cost`, measured on the code."""

import importlib
import io
import json
import logging
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from entity_push.posting.posts import Outcome, Post, Result
from entity_push.push import messages
from entity_push.runtime import aws
from entity_push.runtime.telemetry import count, logger
from entity_push.table import log

from operations.cost import figures
from stacks.access_log import ACCESS_LOG_FIELDS
from testbed.function_variables import function_variables
from testbed.metering import Metered
from tests.unit.conftest import NOW, TABLE_NAME
from tests.unit.handlers.test_connect import connect, context
from tests.unit.handlers.test_expire import Context
from tests.unit.push.bench import Bench

SETTINGS = Path(__file__).parents[3] / "clients/javascript/src/settings.js"
CONNECTION_ID = "L0SM9cOFvHcCIhw="
BROWSER = (
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36"
)
EVENT = {
    "id": "6a7e8feb-b491-4cf7-a9f1-bf3703467718",
    "detail-type": "Entity Updated",
    "source": "shop",
    "time": "2026-11-22T18:43:48Z",
    "detail": {"entityId": "orders/42", "message": {"state": "paid"}},
}


class NoEngine:
    """A delivery engine with nothing to do."""

    def deliver(self, posts: list[Post], **_limits: Any) -> Iterator[Result]:
        for post in posts:
            yield Result(post.connection_id, Outcome.DELIVERED, 200, "")


class Counting:
    """A client of DynamoDB that counts queries, each of half a unit: eventually consistent, and of little."""

    def __init__(self, client: Any):
        self._client = client
        self.queries = 0

    def query(self, **parameters: Any) -> Any:
        assert "ConsistentRead" not in parameters
        self.queries += 1
        return self._client.query(**parameters)


@pytest.fixture
def metered(dynamodb: Any, monkeypatch: pytest.MonkeyPatch) -> Metered:
    client = Metered(dynamodb, TABLE_NAME)
    monkeypatch.setattr(aws, "client", lambda _service: client)
    monkeypatch.setattr("time.time", lambda: float(NOW))
    facts = {"connections_per_user": 50, "everyone": True, "subscriptions_per_connection": 100}
    for name, value in function_variables(table_name=TABLE_NAME, **facts).items():
        monkeypatch.setenv(name, value)
    return client


def units(client: Metered, work: Callable[[], object]) -> tuple[int, int]:
    """Return the write units and the read units of some work."""
    client.write_units = client.read_units = 0
    work()
    return client.write_units, client.read_units


def handled(module: str, event: dict[str, Any]) -> Callable[[], Any]:
    return lambda: importlib.reload(importlib.import_module(module)).handler(event, None)


def test_a_connection_from_its_beginning_to_its_end(metered: Metered) -> None:
    frame = json.dumps({"action": "subscribe", "entityId": "orders/42"})
    subscribe = handled("subscribe", {"requestContext": context(), "body": frame})
    assert units(metered, connect) == (figures.CONNECT_WRITES, figures.CONNECT_READS)
    first = units(metered, subscribe)
    assert first == (figures.SUBSCRIBE_WRITES + 1, figures.SUBSCRIBE_READS), "and the entity's new life"
    assert units(metered, handled("disconnect", {"requestContext": context()})) == (
        figures.DISCONNECT_WRITES,
        0,
    )
    connect("c2")
    again = handled("subscribe", {"requestContext": context("c2"), "body": frame})
    assert units(metered, again) == (figures.SUBSCRIBE_WRITES, figures.SUBSCRIBE_READS)


def update(number: int, entity_id: str = "orders/42") -> str:
    return json.dumps({**EVENT, "id": f"{number:036}", "detail": {"entityId": entity_id, "message": "x"}})


def test_an_update_that_comes_alone(metered: Metered, monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench(metered)
    bench.push(update(0))
    alone = units(metered, lambda: bench.push(update(1)))
    assert alone == (1, figures.UPDATE_LISTS)
    monkeypatch.setattr("time.time", lambda: float(NOW + 61))
    later = units(metered, lambda: bench.push(update(2)))
    assert later == (1, figures.UPDATE_LISTS + figures.LOOK_READS)


def test_how_many_subscribers_one_unit_reads(metered: Metered) -> None:
    bench = Bench(metered)
    many, order = 2 * figures.SUBSCRIBERS_PER_READ, f"orders/{EVENT['id']}"
    bench.subscribe(f"entity/{order}", *(f"L0SM9cOFvH{number:05}=" for number in range(many)))
    bench.push(update(0, order))
    _, reads = units(metered, lambda: bench.push(update(1, order)))
    assert reads == 2 + figures.UPDATE_LISTS - 1


def test_a_minute_of_the_expire_function(dynamodb: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = Counting(dynamodb)
    monkeypatch.setattr(aws, "client", lambda _service: asked)
    module = importlib.reload(importlib.import_module("expire"))
    monkeypatch.setattr(module, "deliverer", NoEngine())
    for minute in range(15):
        monkeypatch.setattr("time.time", lambda minute=minute: float(NOW + 60 * minute))
        module.handler({}, Context())
    assert figures.EXPIRE_READS - 1 < asked.queries / 15 * 0.5 <= figures.EXPIRE_READS


def near(measured: int, figure: int) -> bool:
    """Tell whether a figure is the measured one, rounded up a little."""
    return measured <= figure <= 1.2 * measured


def test_what_pushing_an_update_prints(dynamodb: Any, capsys: pytest.CaptureFixture[str]) -> None:
    bench, lines, handler = Bench(dynamodb), io.StringIO(), logger.registered_handler
    assert isinstance(handler, logging.StreamHandler)
    stream = handler.stream
    bench.subscribe("entity/orders/42", CONNECTION_ID)
    handler.setStream(lines)
    try:
        bench.push(json.dumps(EVENT))
    finally:
        handler.setStream(stream)
    assert '"message":"pushed"' in lines.getvalue()
    printed = lines.getvalue() + capsys.readouterr().out
    assert near(len(printed.encode()), figures.PUSH_LOG_BYTES)


def test_what_a_handshake_prints(capsys: pytest.CaptureFixture[str]) -> None:
    count("EntityPush", "ConnectsAllowed")
    assert near(len(capsys.readouterr().out.encode()), figures.AUTHORIZE_LOG_BYTES)


def test_a_line_of_the_access_log() -> None:
    said = {
        "requestTime": "22/Nov/2026:18:43:48 +0000",
        "requestId": "A1B2C3D4E5F6G7H=",
        "connectionId": CONNECTION_ID,
        "eventType": "MESSAGE",
        "routeKey": "subscribe",
        "status": "200",
        "integrationStatus": "200",
        "integrationLatency": "23",
        "error": "-",
        "ip": "203.0.113.7",
        "userAgent": BROWSER,
    }
    assert said.keys() == ACCESS_LOG_FIELDS.keys()
    assert near(len(json.dumps(said)), figures.ACCESS_LOG_BYTES)


def test_what_the_client_libraries_do() -> None:
    text = SETTINGS.read_text(encoding="utf-8")
    (age,) = re.findall(r"maxConnectionAge: (\d+) \* 60_000", text)
    assert int(age) * 0.9 == figures.CONNECTION_MINUTES, "at a random 80 to 100 % of it"
    (ping,) = re.findall(r"pingAfter: (\d+) \* 60_000", text)
    assert int(ping) == figures.PING_AFTER_MINUTES


def test_the_numbers_of_the_push() -> None:
    assert figures.CHUNK == messages.CHUNK_SIZE
    assert figures.STORED_BYTES_AT_MOST == log.MAX_STORED_BYTES

"""What an update and a subscribe cost in DynamoDB; docs/explanation/performance.md states these figures."""

import random
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from entity_push.auth.bearer import Bearer
from entity_push.auth.grants import Grants
from entity_push.protocol.catch_up import CatchUp
from entity_push.protocol.channels import everyone_list, user_channel
from entity_push.protocol.cursors import Cursor
from entity_push.protocol.events import Event
from entity_push.routes.replay import catch_up
from entity_push.table.calls import one_by_one, run
from entity_push.table.connections import Connection, Connections
from entity_push.table.history import History
from entity_push.table.subscriptions import Subscriptions

from testbed.metering import Metered
from tests.unit.conftest import TABLE_NAME

CHANNEL = "entity/orders/4711"
CONNECTION_ID = "L0SM9cOFvHcCIhw="
NOW = 1_795_000_000_000
CONNECTION = Connection(
    CONNECTION_ID,
    NOW,
    "203.0.113.7",
    "Mozilla/5.0 " + "x" * 100,
    Bearer("alice", Grants(("orders/*", "rooms/7"), ("rooms/7",)), NOW // 1000 + 3600),
    frozenset({user_channel("alice"), everyone_list(CONNECTION_ID)}),
)


def events(first: int, count: int, *, noise: bool = False) -> list[Event]:
    """Events as EventBridge makes them, each a frame of about 250 bytes; with noise they compress badly."""
    found, chance = [], random.Random(first)
    for number in range(first, first + count):
        event_id = f"6a7e8feb-b491-4cf7-a9f1-{number:012}"
        frame = {
            "type": "Entity Updated",
            "entityId": "orders/4711",
            "message": {"state": "shipped", "note": chance.randbytes(30).hex() if noise else "x" * 60},
            "id": event_id,
            "time": "2026-11-22T18:43:48Z",
        }
        found.append(Event(CHANNEL, event_id, frame, NOW))
    return found


class Worker:
    """A history with its metered calls.

    Attributes:
        client: counts what they cost.
    """

    def __init__(self, dynamodb: Any):
        self.client = Metered(dynamodb, TABLE_NAME)
        self._history = History(TABLE_NAME, replay_seconds=86_400)

    def append(self, some: list[Event]) -> None:
        run(self._history.append(some), one_by_one(self.client))

    def catch_up(self, since: Cursor | None) -> CatchUp:
        return run(catch_up(self._history, CHANNEL, since), one_by_one(self.client))

    def cost_of(self, work: Callable[[], object]) -> tuple[int, int]:
        """Return the write units and the read units of some work."""
        self.client.write_units = self.client.read_units = 0
        work()
        return self.client.write_units, self.client.read_units


@pytest.fixture
def worker(dynamodb: Any) -> Worker:
    return Worker(dynamodb)


def test_a_small_update_costs_one_write_unit_and_no_read(worker: Worker) -> None:
    assert worker.cost_of(lambda: worker.append(events(0, 1))) == (2, 2), "the life, the update, two looks"
    for number in range(1, 4):
        assert worker.cost_of(partial(worker.append, events(number, 1))) == (1, 0)


def test_ten_updates_of_a_channel_in_one_batch_cost_one_write_unit(worker: Worker) -> None:
    worker.append(events(0, 1))
    for first in (10, 20):
        assert worker.cost_of(partial(worker.append, events(first, 10))) == (1, 0)
    assert worker.cost_of(lambda: worker.append(events(30, 10, noise=True))) == (1, 0)


def test_a_large_update_is_stored_without_its_message(worker: Worker) -> None:
    worker.append(events(0, 1))
    (large,) = events(1, 1)
    large.frame["message"] = "x" * 100_000
    assert worker.cost_of(lambda: worker.append([large]))[0] <= 2


def test_a_connect_costs_four_write_units_and_a_frame_one_read_unit_to_know_its_bearer(dynamodb: Any) -> None:
    client = Metered(dynamodb, TABLE_NAME)
    connections = Connections(client, TABLE_NAME)
    connections.open(CONNECTION)  # itself, its user's channel, everyone's, the expiry of its token
    assert client.write_units == 4
    connections.find(CONNECTION_ID)
    assert client.read_units == 1


def test_a_subscribe_costs_four_write_units_and_two_read_units(dynamodb: Any, worker: Worker) -> None:
    client = Metered(dynamodb, TABLE_NAME)
    worker.append(events(0, 12))
    subscriptions = Subscriptions(client, TABLE_NAME)
    Connections(dynamodb, TABLE_NAME).open(CONNECTION)
    subscriptions.subscribe(CONNECTION, [CHANNEL], limit=100, histories=200)
    assert client.write_units == 4
    newcomer = worker.catch_up(None)
    cursor = newcomer.cursor
    assert cursor is not None
    assert worker.cost_of(lambda: worker.catch_up(None)) == (0, 2)
    assert worker.cost_of(lambda: worker.catch_up(cursor)) == (0, 2), "the life and the tail"
    assert len(worker.catch_up(Cursor(cursor.epoch, 2)).updates) == 10
    assert worker.cost_of(lambda: worker.catch_up(Cursor(cursor.epoch, 2))) == (0, 2), "the tail holds them"


def test_with_a_tail_of_16_kb_a_subscribe_reads_five_units(worker: Worker) -> None:
    (large,) = events(0, 1)
    large.frame["message"] = random.Random(1).randbytes(8_000).hex()
    worker.append([large])
    assert worker.cost_of(lambda: worker.catch_up(None))[1] <= 5, "and one more finds the connection"


def test_the_first_subscriber_of_a_new_entity_pays_one_write_unit_for_its_life(worker: Worker) -> None:
    assert worker.cost_of(lambda: worker.catch_up(None)) == (1, 2)
    assert worker.cost_of(lambda: worker.catch_up(None)) == (0, 2)


def test_items_stay_within_their_budgets(worker: Worker) -> None:
    client = worker.client
    worker.append(events(0, 10))
    subscriptions = Subscriptions(client, TABLE_NAME)
    Connections(client, TABLE_NAME).open(CONNECTION)
    for number in range(20):
        subscriptions.subscribe(CONNECTION, [f"{CHANNEL}{number:02}"], limit=100, histories=200)
    # 1 MB / 100 bytes: a page holds about 10,000 subscribers.
    budgets = {
        "SUBSCRIBER": 100,
        "LIFE": 100,
        "LOG": 1024,
        "CONNECTION": 1024,
    }
    assert {name: size for name, size in client.largest.items() if size > budgets[name]} == {}
    assert set(client.largest) == set(budgets)

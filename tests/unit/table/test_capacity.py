"""What an update and a subscribe cost in DynamoDB; docs/explanation/performance.md states these figures."""

from typing import Any

from entity_push.auth.bearer import Bearer
from entity_push.auth.grants import Grants
from entity_push.protocol.channels import everyone_list, user_channel
from entity_push.protocol.cursors import Cursor
from entity_push.protocol.events import Event
from entity_push.routes.replay import catch_up
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


def events(first: int, count: int) -> list[Event]:
    """Events as EventBridge makes them, each a frame of about 300 bytes."""
    found = []
    for number in range(first, first + count):
        event_id = f"6a7e8feb-b491-4cf7-a9f1-{number:012}"
        frame = {
            "type": "Entity Updated",
            "entityId": "orders/4711",
            "message": {"state": "shipped", "note": "x" * 60},
            "id": event_id,
            "time": "2026-11-22T18:43:48Z",
        }
        found.append(Event(CHANNEL, event_id, frame, NOW))
    return found


def history(client: Any) -> History:
    return History(client, TABLE_NAME, replay_seconds=86_400, head_seconds=2_592_000)


def test_an_update_costs_six_write_units_and_a_read_unit_that_a_worker_alone_saves(dynamodb: Any) -> None:
    client = Metered(dynamodb, TABLE_NAME)
    worker = history(client)
    worker.append(events(0, 1))
    worker.append(events(1, 1))
    assert (client.write_units, client.read_units) == (12, 2)
    worker.append(events(2, 1))
    assert (client.write_units, client.read_units) == (18, 2)


def test_ten_updates_of_a_channel_in_one_batch_share_the_heads_write(dynamodb: Any) -> None:
    client = Metered(dynamodb, TABLE_NAME)
    history(client).append(events(0, 10))
    assert (client.write_units, client.read_units) == (42, 1)


def test_a_connect_costs_four_write_units_and_a_frame_one_read_unit_to_know_its_bearer(dynamodb: Any) -> None:
    client = Metered(dynamodb, TABLE_NAME)
    connections = Connections(client, TABLE_NAME)
    connections.open(CONNECTION)  # itself, its user's channel, everyone's, the expiry of its token
    assert client.write_units == 4
    connections.find(CONNECTION_ID)
    assert client.read_units == 1


def test_a_subscribe_costs_four_write_units_and_one_read_unit(dynamodb: Any) -> None:
    client = Metered(dynamodb, TABLE_NAME)
    history(dynamodb).append(events(0, 12))
    subscriptions = Subscriptions(client, TABLE_NAME)
    Connections(dynamodb, TABLE_NAME).open(CONNECTION)
    subscriptions.subscribe(CONNECTION, [CHANNEL], limit=100, histories=200)
    assert client.write_units == 4
    past = history(client)
    newcomer = catch_up(past, CHANNEL, None)
    assert newcomer.cursor is not None
    assert client.read_units == 1
    catch_up(past, CHANNEL, newcomer.cursor)
    assert client.read_units == 2, "who has missed nothing pays for the head alone"
    missed_ten = catch_up(past, CHANNEL, Cursor(newcomer.cursor.epoch, 2))
    assert len(missed_ten.updates) == 10
    assert client.read_units == 2 + 2, "ten missed updates are one read unit more"
    assert client.write_units == 4


def test_the_first_subscriber_of_a_new_entity_pays_one_write_unit_for_its_head(dynamodb: Any) -> None:
    client = Metered(dynamodb, TABLE_NAME)
    catch_up(history(client), CHANNEL, None)
    assert (client.write_units, client.read_units) == (1, 1)
    catch_up(history(client), CHANNEL, None)
    assert (client.write_units, client.read_units) == (1, 2)


def test_items_stay_within_their_budgets(dynamodb: Any) -> None:
    client = Metered(dynamodb, TABLE_NAME)
    history(client).append(events(0, 10))
    subscriptions = Subscriptions(client, TABLE_NAME)
    Connections(client, TABLE_NAME).open(CONNECTION)
    for number in range(20):
        subscriptions.subscribe(CONNECTION, [f"{CHANNEL}{number:02}"], limit=100, histories=200)
    # 1 MB / 100 bytes: a page holds about 10,000 subscribers.
    budgets = {
        "SUBSCRIBER": 100,
        "EVENT": 150,
        "UPDATE": 500,
        "HEAD": 500,
        "CONNECTION": 1024,
    }
    assert {name: size for name, size in client.largest.items() if size > budgets[name]} == {}
    assert set(client.largest) == set(budgets)

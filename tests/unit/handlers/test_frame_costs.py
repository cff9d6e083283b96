"""What the dearest frames cost; docs/explanation/performance.md states these figures."""

import json
import random
from typing import Any

import pytest
from entity_push.auth.bearer import Bearer
from entity_push.auth.grants import MAX_GRANTS_BYTES, Grants
from entity_push.protocol.channels import entity_channel, everyone_list, user_channel
from entity_push.protocol.events import Event
from entity_push.protocol.ids import MAX_ENTITY_ID_LENGTH
from entity_push.routes.connecting import MAX_USER_AGENT_BYTES
from entity_push.runtime import aws
from entity_push.table import keys
from entity_push.table.calls import one_by_one, run
from entity_push.table.connections import Connection, Connections
from entity_push.table.history import History
from entity_push.table.log import MAX_STORED_BYTES
from entity_push.table.subscriptions import MAX_CHANNELS_BYTES, channels_bytes

from testbed.metering import Metered, item_size
from tests.unit.conftest import NOW, TABLE_NAME
from tests.unit.handlers.routes import Send

SMALL = 2 * 1024
"""The connection's item after the frame, if its client uses the app as it is meant."""

LONGEST_USER_ID = "\U0001f600" * 256


class Frames:
    """Sends frames of one connection, and counts what each costs."""

    def __init__(self, send: Send, dynamodb: Any, monkeypatch: pytest.MonkeyPatch):
        self._send, self._dynamodb, self._patch = send, dynamodb, monkeypatch
        monkeypatch.setenv("SUBSCRIPTIONS_PER_CONNECTION", "1000")

    def open(self, grants: int, *entity_ids: str) -> None:
        """Open a connection with so many bytes of grants that is subscribed to these entities."""
        everything = Grants(("*", *("x" * 250 for _ in range(grants // 253)), "x" * (grants % 253)), ())
        bearer = Bearer(LONGEST_USER_ID if grants else "alice", everything, NOW + 3600)
        channels = {user_channel(bearer.user_id or ""), everyone_list("c1"), *map(entity_channel, entity_ids)}
        agent = "x" * (MAX_USER_AGENT_BYTES if grants else 110)
        connection = Connection("c1", NOW * 1000, "203.0.113.7", agent, bearer, frozenset(channels))
        Connections(self._dynamodb, TABLE_NAME).open(connection)

    def cost(self, action: str, entity_ids: list[str], since: object = None) -> tuple[int, int]:
        """Send a frame about several entities; return the write units and the read units."""
        metered = Metered(self._dynamodb, TABLE_NAME)
        self._patch.setattr(aws, "client", lambda _service: metered)
        frame = {"action": action, "entityIds": entity_ids, "since": since}
        answer = self._send(action, json.dumps(frame, ensure_ascii=False))
        assert len(answer["answers"]) == len(entity_ids), answer
        return metered.write_units, metered.read_units

    def connection_bytes(self) -> int:
        """Return the bytes of the connection's item."""
        return item_size(self._dynamodb.get_item(TableName=TABLE_NAME, Key=keys.connection("c1"))["Item"])


@pytest.fixture
def client(send: Send, dynamodb: Any, monkeypatch: pytest.MonkeyPatch) -> Frames:
    return Frames(send, dynamodb, monkeypatch)


def noise(size: int, seed: int) -> str:
    """A text that hardly compresses: to five sixths."""
    return "".join(random.Random(seed).choices(PRINTABLE, k=size))


def ids(first: int, count: int = 25, size: int = MAX_ENTITY_ID_LENGTH) -> list[str]:
    """Ids of so many characters, the last four of which are digits; the others have two bytes each."""
    return [f"{number:04}".rjust(size, "ü") for number in range(first, first + count)]


def most(leave: int) -> list[str]:
    """So many of the longest ids that as many more as `leave` fill a connection's set."""
    each = channels_bytes([entity_channel(ids(0)[0])])
    others = channels_bytes([user_channel(LONGEST_USER_ID), everyone_list("c1")])
    return ids(1000, (MAX_CHANNELS_BYTES - others) // each - leave)


def test_many_new_entities_on_a_small_connection(client: Frames) -> None:
    client.open(0)
    figures = client.cost("subscribe", ids(0, size=33))
    assert SMALL - 100 <= client.connection_bytes() <= SMALL
    assert figures == (79, 51), figures
    assert client.cost("subscribe", ids(0, size=33)) == (0, 51), "all subscribed already"
    assert client.cost("unsubscribe", ids(0, size=33)) == (54, 1)


def test_many_long_ids_on_a_small_connection(client: Frames) -> None:
    client.open(0)
    figures = client.cost("subscribe", ids(0))
    assert figures == (101, 51), figures


def test_many_new_entities_on_the_largest_connection(client: Frames) -> None:
    client.open(MAX_GRANTS_BYTES, *most(leave=25))
    figures = client.cost("subscribe", ids(0))
    assert client.connection_bytes() > MAX_CHANNELS_BYTES + MAX_GRANTS_BYTES
    assert figures[0] <= 225, figures
    assert figures == (219, 65), figures
    assert client.cost("subscribe", ids(0)) == (0, 68), "all subscribed already"
    assert client.cost("subscribe", ids(100)) == (0, 18), "all over the limit"
    figures = client.cost("unsubscribe", ids(0))
    assert figures == (194, 18), figures


def test_an_entity_that_is_named_25_times_is_written_and_read_once(client: Frames) -> None:
    client.open(0)
    assert client.cost("subscribe", ids(0, 1) * 25) == (2 + 2 + 1, 3)
    assert client.cost("unsubscribe", ids(0, 1) * 25) == (4, 1)


class Pasts:
    """Appends updates of which none compresses and each is as large as one that is stored whole may be."""

    def __init__(self, dynamodb: Any):
        self._history, self._make = History(TABLE_NAME, replay_seconds=86_400), one_by_one(dynamodb)

    def append(self, entity_id: str, count: int) -> str:
        """Append to an entity's history; return the cursor of a client that has them."""
        channel = entity_channel(entity_id)
        for number in range(count):
            frame = {"type": "Entity Updated", "entityId": entity_id, "message": noise(LARGEST, number)}
            frame |= {"id": f"{number}-{count}", "time": "2026-11-22T18:43:48Z"}
            event = Event(channel, frame["id"], frame, NOW * 1000)
            run(self._history.append([event]), self._make)
        tail = run(self._history.tail(channel), self._make)
        assert tail is not None
        return str(tail.cursor)


LARGEST = MAX_STORED_BYTES - 800
PRINTABLE = "".join(sorted({*map(chr, range(32, 127))} - {'"', "\\"}))


def test_what_has_no_room_in_the_answer_is_not_read(client: Frames, dynamodb: Any) -> None:
    client.open(0, *ids(0))
    pasts = Pasts(dynamodb)
    since = {entity_id: pasts.append(entity_id, 0) for entity_id in ids(0)}
    for entity_id in ids(0):
        pasts.append(entity_id, 3)
    # The life and the tail; the segment after the cursor, which fits, and another one that does not.
    figures = client.cost("subscribe", ids(0), since)
    assert figures == (0, 4 + 1 + 5 + 5 + 5), figures


def test_the_frame_that_reads_most_of_histories(client: Frames, dynamodb: Any) -> None:
    client.open(0, *ids(0))
    pasts = Pasts(dynamodb)
    since = {entity_id: pasts.append(entity_id, 1) for entity_id in ids(0)}
    connection = 4
    newcomer = client.cost("subscribe", ids(0))
    assert newcomer == (0, connection + 25 * 6), newcomer
    pasts.append(ids(0)[-1], 8)
    returning = client.cost("subscribe", ids(0), since)
    assert returning == (0, connection + 25 * 6 + 5 + 4 * 5), returning
    assert returning[1] - connection <= 256

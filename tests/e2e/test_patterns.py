"""Patterns: all entities below one, at any depth, each update once; and how a client comes back to them."""

import random
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.e2e.client import Client
from tests.e2e.conftest import App

Connect = Callable[..., Client]

DEEP = "farm/2/3/4/5/6/7"


def subscribe(client: Client, entity_id: str) -> dict[str, Any]:
    """Subscribe to an entity or a pattern; return the answer."""
    answer: dict[str, Any] = client.ask({"action": "subscribe", "entityId": entity_id})
    assert answer["type"] == "subscribed", answer
    return answer


@pytest.mark.parametrize(
    ("pattern", "covered", "others"),
    [
        ("farm/*", ["farm/1", "farm/1/lines", DEEP], ["farm", "farms/1", "a/farm/1"]),
        ("farm/2/3/4/5/*", [DEEP, "farm/2/3/4/5/6"], ["farm/2/3/4/5", "farm/2/3/4/6/6"]),
        ("*", ["farm", "farm/1", DEEP], []),
    ],
)
def test_a_pattern_brings_everything_below_it_and_nothing_else(
    app: App, connect: Connect, pattern: str, covered: list[str], others: list[str]
) -> None:
    client, everything = connect(subscribe=[pattern]), connect()
    for name in others + covered:
        everything.subscribe(name)
    subscribe(client, pattern)
    for name in others + covered:
        app.put_event({"entityId": name, "message": name})
    assert {everything.receive()["entityId"] for _ in others + covered} == set(others + covered)
    frames = [client.receive() for _ in covered]
    assert {frame["entityId"] for frame in frames} == set(covered)
    assert all(frame["cursor"].endswith(f".{frame['sequence']}") for frame in frames)
    assert client.hears_nothing(0.5)


def test_subscribed_in_several_ways_each_update_comes_once_until_the_last_way_ends(
    app: App, connect: Connect
) -> None:
    client, witness = connect(), connect()
    witness.subscribe("mill/1/a")
    ways = ["mill/1/a", "mill/1/*", "mill/*", "*"]
    for way in ways:
        assert subscribe(client, way)["alreadySubscribed"] is False
    for number, way in enumerate(ways):
        app.put_event({"entityId": "mill/1/a", "message": number})
        assert client.receive() == witness.receive()
        assert client.hears_nothing(0.3)
        answer = client.ask({"action": "unsubscribe", "entityId": way})
        assert answer == {"type": "unsubscribed", "entityId": way, "wasSubscribed": True}
    app.put_event({"entityId": "mill/1/a", "message": "none left"})
    assert witness.receive()["message"] == "none left"
    assert client.hears_nothing(0.5)


def test_a_pattern_has_no_history_and_says_so(app: App, connect: Connect) -> None:
    client = connect()
    subscribe(client, "barn/*")
    app.put_event({"entityId": "barn/1", "message": 1})
    cursor = client.receive()["cursor"]
    answer = connect().ask({"action": "subscribe", "entityId": "barn/*", "since": cursor})
    assert (answer["cursor"], answer["recovered"], answer["more"]) == (None, False, False)
    assert (answer["updates"], answer["latest"]) == ([], None)


@pytest.mark.parametrize("pattern", ["1/2/3/4/5/6/*", "//////*", "farm\n/*", "x" * 257 + "/*"])
def test_what_is_no_pattern_is_refused(connect: Connect, pattern: str) -> None:
    answer = connect().ask({"action": "subscribe", "entityId": pattern})
    assert answer["code"] == "invalid_entity_id"


@pytest.mark.parametrize("entity_id", ["farm*", "**", "*/farm", "注文/42", "gid://shop/Order/1", "USER#1 é"])
def test_what_looks_like_a_pattern_or_like_a_key_is_an_id_like_any_other(
    app: App, connect: Connect, entity_id: str
) -> None:
    client, other = connect(), connect()
    subscribe(client, entity_id)
    subscribe(other, "farm")
    app.put_event({"entityId": entity_id, "message": 1})
    assert client.receive()["entityId"] == entity_id
    assert other.hears_nothing(0.3)


@pytest.mark.parametrize("pattern", ["*", "orders/*", "orders/1/*"])
def test_a_pattern_needs_a_grant_that_covers_all_of_it(connect: Connect, pattern: str) -> None:
    client = connect(subscribe=["orders", "orders/1", "orders/2/*"])
    answer = client.ask({"action": "subscribe", "entityId": pattern})
    assert answer["code"] == "forbidden"
    subscribe(client, "orders/2/*")
    subscribe(client, "orders/2/3/*")


KNOWN = ["trips/1", "trips/2", "trips/2/legs"]


@contextmanager
def updating(app: App) -> Iterator[None]:
    """Update the known entities all the time."""
    stop = threading.Event()
    choices = random.Random(1)

    def update() -> None:
        while not stop.wait(0.02):
            app.put_event({"entityId": choices.choice(KNOWN)})

    thread = threading.Thread(target=update)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def test_who_comes_back_to_a_pattern_and_then_to_what_it_knew_of_misses_nothing(
    app: App, connect: Connect
) -> None:
    leaves, stays = connect(), connect()
    for client in (leaves, stays):
        subscribe(client, "trips/*")
    seen: dict[str, dict[str, Any]] = {}
    for name in KNOWN:
        app.put_event({"entityId": name})
        seen[name] = leaves.receive()
    leaves.socket.close()
    for name in KNOWN:
        app.put_event({"entityId": name, "message": "while away"})
    missed: set[str] = set()
    while missed != set(KNOWN):
        frame = stays.receive()
        missed |= {frame["entityId"]} if frame.get("message") == "while away" else set()
    with updating(app):
        back = connect()
        frames, asked = _come_back(back, {name: frame["cursor"] for name, frame in seen.items()})
        frames += [back.receive() for _ in range(5)]
    last = _last_of_each(connect())
    got = {name: {seen[name]["sequence"]} for name in KNOWN}
    for frame in frames:
        got[frame["entityId"]].add(frame["sequence"])
    while any(last[name] not in got[name] for name in KNOWN):
        frame = back.receive()
        got[frame["entityId"]].add(frame["sequence"])
    assert all(asked[name] > 1 for name in KNOWN), "each was updated during the absence"
    assert got == {name: set(range(1, last[name] + 1)) for name in KNOWN}


def _come_back(client: Client, since: dict[str, str]) -> tuple[list[dict[str, Any]], dict[str, int]]:
    """Subscribe to the pattern, then to what is known.

    Returns:
        All frames that came, in answers and by themselves; and how far each entity's answer went.
    """
    client.send({"action": "subscribe", "entityId": "trips/*"})
    client.send({"action": "subscribe", "entityIds": list(since), "since": since})
    frames: list[dict[str, Any]] = []
    asked: dict[str, int] = {}
    while not asked:
        match client.receive():
            case {"type": "answers", "answers": answers}:
                for answer in answers:
                    assert (answer["recovered"], answer["more"]) == (True, False)
                    frames += answer["updates"]
                    asked[answer["entityId"]] = int(answer["cursor"].rpartition(".")[2])
            case {"type": "Entity Updated"} as frame:
                frames.append(frame)
            case answer:
                assert (answer["type"], answer["recovered"]) == ("subscribed", False)
    return frames, asked


def _last_of_each(client: Client) -> dict[str, int]:
    """Return the last number of each known entity, as a newcomer is told it."""
    answers = client.ask({"action": "subscribe", "entityIds": KNOWN})["answers"]
    return {answer["entityId"]: answer["latest"]["sequence"] for answer in answers}

"""The runner tells what a client did from what is expected. A puppet in its place does what a test says."""

import asyncio
import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from clients.conformance.adapter import Report, Synced
from clients.conformance.driving import ConformanceError
from clients.conformance.frames import Json
from clients.conformance.play import Player
from clients.conformance.server import Connection, Server
from clients.conformance.vocabulary import load

UPDATE = {
    "message": "at e.5",
    "id": "ev-e.5",
    "time": "2026-11-22T18:43:48Z",
    "sequence": 5,
    "replayed": False,
}
ASKED = {"action": "subscribe", "entityId": "orders/1", "since": "e.4", "requestId": 1}


class Puppet:
    """An adapter that reports what a test says as soon as something is subscribed to."""

    def __init__(self, player: Player, reports: list[Report], frames: list[Json]) -> None:
        self._player, self._reports, self._frames = player, reports, frames

    def order(self, do: str, **_fields: Any) -> None:
        if do != "subscribe":
            return
        connection = Connection(self._player.server)
        connection.name = "A"
        connection.frames.extend(self._frames)
        self._player.server.connections = [connection]
        for report in self._reports:
            self._player.report(report)

    def order_exactly(self, order: Report) -> None:
        self.order(**order)

    @contextlib.contextmanager
    def together(self) -> Iterator[None]:
        yield

    async def sync(self) -> Synced:
        return Synced(0, len(self._player.server.connections), 0)


def failure(folder: Path, steps: str, reports: list[Report], frames: list[Json]) -> str:
    """Play steps after the puppet has done its part; return the failure, or nothing."""
    lines = ["subscribe: orders/1", *steps.splitlines()]
    text = "name: one\nabout: It.\nrules: [5]\nsteps:\n" + "".join(f"  - {line}\n" for line in lines)
    (folder / "one.yaml").write_text(text, encoding="utf-8")
    (scenario,) = load(folder)

    async def play() -> str:
        server = Server()
        await server.start()
        player = Player(server)
        player.adapter = Puppet(player, reports, frames)  # type: ignore[assignment]
        try:
            await player.play(scenario)
        except ConformanceError as failed:
            return str(failed)
        finally:
            server.connections = []
            server.stop()
        return ""

    return asyncio.run(play())


def update(**fields: Any) -> Report:
    return {"report": "update", "as": "orders/1", "update": {**UPDATE, **fields}}


def without(name: str) -> Report:
    return {**update(), "update": {key: value for key, value in UPDATE.items() if key != name}}


def reset(**fields: Any) -> Report:
    return {"report": "reset", "as": "orders/1", **fields}


def state(**fields: Any) -> Report:
    return {"report": "state", **fields}


def error(of: str) -> Report:
    return {"report": "error", "of": of, "as": "orders/1", "code": "c"}


PUSHED = "pushes: {orders/1: [e.5]}\n"


@pytest.mark.parametrize(
    ("steps", "report"),
    [
        (PUSHED + "shown: {orders/1: [e.5]}", update()),
        (PUSHED + "shown: {orders/1: [e.5]}", update(cursor="e.5", entityId="orders/1")),
        (PUSHED + "shown: {orders/1: [e.5 replayed]}", update(replayed=True)),
        (PUSHED + "shown: {orders/1: [e.5 either]}", update(replayed=True)),
        ("shown: {orders/1: [{reset: s}]}", reset(state="s")),
        (
            PUSHED + "shown: {orders/1: [{reset: s, latest: e.5}]}",
            reset(state="s", latest=without("replayed")["update"]),
        ),
        ("states: {client: waiting until 0.25}", state(state="waiting", until=0.25)),
        (
            "states: {orders/1: refused forbidden}",
            state(**{"as": "orders/1"}, state="refused", code="forbidden"),
        ),
        ("errors: [{of: handler, as: orders/1, code: c}]", error("handler")),
        ("expect: nothing", error("connection")),
        ("outcome: {p: {published: ev-1}}", {"report": "published", "as": "p", "id": "ev-1"}),
        ("outcome: {p: {rejected: c}}", {"report": "rejected", "as": "p", "code": "c"}),
        ("ready: {orders/1: c}", {"report": "ready", "as": "orders/1", "error": "c"}),
        ("ready: {orders/1: thrown}", {"report": "ready", "as": "orders/1", "error": "c"}),
        ("ready: {orders/1: yes}", {"report": "ready", "as": "orders/1"}),
    ],
)
def test_what_is_expected_passes(tmp_path: Path, steps: str, report: Report) -> None:
    assert failure(tmp_path, steps, [report], []) == ""


@pytest.mark.parametrize(
    ("steps", "reports"),
    [
        (PUSHED + "shown: {orders/1: [e.5]}", []),
        (PUSHED + "shown: {orders/1: [e.5]}", [update(), update()]),
        (PUSHED + "shown: {orders/1: [e.5]}", [update(), {**update(), "as": "other"}]),
        (PUSHED + "shown: nothing", [update()]),
        (PUSHED + "expect: nothing", [update()]),
        (PUSHED, [update()]),
        (PUSHED + "shown: {orders/1: [e.5]}", [update(message="at e.4")]),
        (PUSHED + "shown: {orders/1: [e.5]}", [update(replayed=True)]),
        (PUSHED + "shown: {orders/1: [e.5 replayed]}", [update()]),
        (PUSHED + "shown: {orders/1: [e.5]}", [update(version=1)]),
        (PUSHED + "shown: {orders/1: [e.5]}", [without("sequence")]),
        (PUSHED + "shown: {orders/1: [e.5]}", [without("replayed")]),
        (PUSHED + "shown: {orders/1: [e.5]}", [reset()]),
        (PUSHED + "shown: {orders/1: [{at: e.5, with: {cursor: e.5}}]}", [update()]),
        ("shown: {orders/1: [{reset: s}]}", [reset(state="t")]),
        ("shown: {orders/1: [{reset: s}]}", [reset()]),
        ("shown: {orders/1: [reset]}", [reset(state="s")]),
        ("shown: {orders/1: [{reset: s}]}", [reset(state="s", latest=UPDATE)]),
        (PUSHED + "shown: {orders/1: [{reset: s, latest: e.5}]}", [reset(state="s")]),
        ("states: {client: waiting until 0.25}", [state(state="waiting", until=0.5)]),
        ("states: {client: connected}", [state(state="connected"), state(state="waiting")]),
        (
            "states: {orders/1: refused forbidden}",
            [state(**{"as": "orders/1"}, state="refused", code="other")],
        ),
        ("errors: nothing", [error("server")]),
        ("errors: [{of: server}]", []),
        ("errors: [{of: server}]", [error("server"), error("handler")]),
        ("expect: nothing", [error("parse")]),
        ("outcome: {p: {published: ev-1}}", [{"report": "published", "as": "p", "id": "ev-2"}]),
        ("outcome: {p: waiting}", [{"report": "published", "as": "p", "id": "ev-2"}]),
        ("ready: {orders/1: not yet}", [{"report": "ready", "as": "orders/1"}]),
        ("calls: {token: 1}", []),
    ],
)
def test_what_is_not_expected_fails(tmp_path: Path, steps: str, reports: list[Report]) -> None:
    assert "expected: " in failure(tmp_path, steps, reports, [])


@pytest.mark.parametrize(
    ("steps", "frames"),
    [
        ("subscribes: {orders/1: e.4}", [ASKED]),
        ("subscribes: {orders/1: none|e.4}", [ASKED]),
        (
            "subscribes: {orders/1: e.4, orders/2: none}",
            [ASKED, {"action": "subscribe", "entityIds": ["orders/2"]}],
        ),
        ("receives: {action: ping}", [{"action": "ping", "requestId": 7}]),
        ("receives: {action: publish, message: <any>}", [{"action": "publish", "message": {"a": 1}}]),
    ],
)
def test_expected_frames_pass(tmp_path: Path, steps: str, frames: list[Json]) -> None:
    assert failure(tmp_path, steps, [], frames) == ""


@pytest.mark.parametrize(
    ("steps", "frames"),
    [
        ("subscribes: {orders/1: e.4}", []),
        ("subscribes: {orders/1: e.5}", [ASKED]),
        ("subscribes: {orders/1: none}", [ASKED]),
        ("subscribes: {orders/1: e.4, orders/2: none}", [ASKED]),
        ("subscribes: {orders/2: e.4}", [ASKED]),
        ("subscribes: {orders/1: e.4}", [ASKED, ASKED]),
        ("subscribes: {orders/1: e.4}", [ASKED, {"action": "ping"}]),
        ("unsubscribes: [orders/1]", [ASKED]),
        ("advance: 1 s", [ASKED]),
        ("receives: {action: ping}", [ASKED]),
        ("receives: {action: publish}", [{"action": "publish", "message": 1}]),
        ("expect: nothing", [ASKED]),
    ],
)
def test_other_frames_fail(tmp_path: Path, steps: str, frames: list[Json]) -> None:
    assert "expected: " in failure(tmp_path, steps, [], frames)


def test_a_failure_names_the_step_the_expected_and_the_got(tmp_path: Path) -> None:
    told = failure(tmp_path, "subscribes: {orders/1: e.5}", [], [ASKED])

    assert told.splitlines()[:3] == [
        f"{tmp_path}/one.yaml:6:",
        "    subscribes: {orders/1: e.5}",
        'expected: subscribe {"orders/1": "e.5"}',
    ]
    assert '"since": "e.4"' in told

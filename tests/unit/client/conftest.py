"""A client on a fake clock and a fake server. Its tests are coroutines, run by `run`."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import entity_push_client as ep
import pytest

from tests.unit.client.fakes import FakeClock, FakeServer, FakeSocket, settle, subscribed


class Stage:
    """What a test plays with.

    Attributes:
        states: the client's states, by name.
        errors: what the application was told.
    """

    def __init__(self) -> None:
        self.clock, self.server = FakeClock(), FakeServer()
        self.states: list[str] = []
        self.errors: list[ep.EntityPushError] = []
        self.chance = 0.5
        self.push = self.client()

    def client(self, **options: Any) -> ep.EntityPush:
        """Make a client in the place of the one before."""
        given: dict[str, Any] = {
            "connect": self.server.connect,
            "clock": self.clock,
            "random": lambda: self.chance,
            "on_state": lambda state: self.states.append(state.name),
            "on_error": self.errors.append,
        }
        self.push = ep.EntityPush("ws://test", **(given | options))
        return self.push

    async def live(self, entity_id: str = "orders/42", **given: Any) -> ep.Subscription[Any, Any]:
        """Subscribe at e.4; the reset was taken."""
        subscription = self.push.subscribe(entity_id, **given)
        await settle()
        await self.answer("e.4")
        assert isinstance(await anext(subscription), ep.Reset)
        return subscription

    async def answer(self, cursor: str | None, *updates: Any, **fields: Any) -> dict[str, Any]:
        """Answer the one question on the newest connection; return it."""
        (question,) = self.server.socket.take()
        self.server.socket.push(subscribed(question, cursor, *updates, **fields))
        await settle()
        return question

    async def send(self, *frames: Any, on: FakeSocket | None = None) -> None:
        for frame in frames:
            (on or self.server.socket).push(frame)
        await settle()

    async def cut(self) -> None:
        self.server.socket.cut()
        await settle()


async def taken(subscription: ep.Subscription[Any, Any]) -> list[Any]:
    """Return what can be taken without waiting: cursors of updates, and `reset` with its state."""
    found: list[Any] = []
    while True:
        taking = asyncio.ensure_future(anext(subscription))
        await settle()
        if not taking.done():
            taking.cancel()
            await settle()
            return found
        change = taking.result()
        found.append(("reset", change.state) if isinstance(change, ep.Reset) else change.cursor)


@pytest.fixture
def run() -> Callable[[Callable[[Stage], Awaitable[None]]], None]:
    """Run a test's coroutine on a stage, and close its client. Nothing may be left of it."""

    def run(play: Callable[[Stage], Awaitable[None]]) -> None:
        async def whole() -> None:
            stage = Stage()
            await play(stage)
            await stage.push.close()
            await settle()
            left = asyncio.all_tasks() - {asyncio.current_task()}
            assert not left, f"tasks that outlive the client: {left}"
            assert all(socket.closed for socket in stage.server.sockets)

        asyncio.run(whole())

    return run


Run = Callable[[Callable[[Stage], Awaitable[None]]], None]

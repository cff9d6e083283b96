"""A deployment without a network, for `make load`: what is published is shown, as a test says."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

from entity_push_client import RefusedError, Reset, Update


class Bus:
    """A deployment: what is published is shown to all followers, but for what a test takes away.

    Attributes:
        tokens: who has connected.
        shown_as: what becomes of an update for a client: how often it is shown.
        refusal: what becomes of publishing an update: an error, or None.
        deaf: clients that are never subscribed.
    """

    def __init__(self) -> None:
        self.tokens: list[str | None] = []
        self.shown_as: Callable[[int, int], int] = lambda _client, _update: 1
        self.refusal: Callable[[int], Exception | None] = lambda _update: None
        self.resets = 1
        self.deaf: set[int] = set()
        self.clients: list[Client] = []


class Client:
    """A client of the bus, as the published one is used."""

    def __init__(self, bus: Bus, token: Any):
        self._bus, self._token = bus, token
        self.number = len(bus.clients)
        self.came: asyncio.Queue[Any] = asyncio.Queue()
        self.entity = ""
        bus.clients.append(self)

    def subscribe(self, entity_id: str) -> "Client":
        self.entity = entity_id
        for _ in range(self._bus.resets):
            self.came.put_nowait(Reset(None, None, "c"))
        return self

    async def ready(self) -> None:
        self._bus.tokens.append(self._token and await self._token(None))
        if self.number in self._bus.deaf:
            await asyncio.Event().wait()

    async def __aiter__(self) -> AsyncIterator[Any]:
        while True:
            yield await self.came.get()

    async def publish(self, entity_id: str, message: dict[str, Any]) -> None:
        error = self._bus.refusal(message["number"])
        if isinstance(error, RefusedError):
            raise error
        for client in self._bus.clients:
            if client.entity == entity_id:
                for _ in range(self._bus.shown_as(client.number, message["number"])):
                    client.came.put_nowait(
                        Update({"entityId": entity_id, "message": message}, replayed=False)
                    )
        if error:
            raise error

    async def close(self) -> None:
        self.entity = ""

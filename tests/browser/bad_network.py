"""A network between a page and the deployed API, that goes bad when a test says so."""

import asyncio
import threading
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

from testbed.faulty_proxy import Fate, Fault, FaultyProxy


class BadNetwork:
    """A faulty proxy in a thread of its own.

    Args:
        url: the API's WebSocket URL.

    Attributes:
        url: the WebSocket URL through the proxy.
    """

    def __init__(self, url: str):
        self._target = urlsplit(url)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        host, port = self._target.hostname, self._target.port
        assert host
        assert port
        self._proxy = FaultyProxy(host, port, fates=lambda: Fate(Fault.NONE, 0.0))
        asyncio.run_coroutine_threadsafe(self._proxy.__aenter__(), self._loop).result()
        self.url = self._target._replace(netloc=f"127.0.0.1:{self._proxy.port}").geturl()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        leaving = self._proxy.__aexit__(kind, error, traceback)
        asyncio.run_coroutine_threadsafe(leaving, self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def fail(self, fault: Fault) -> None:
        """Let a fault happen to all connections, now. Later connections are well."""

        async def meet_all() -> int:
            return self._proxy.meet_all(fault)

        count = asyncio.run_coroutine_threadsafe(meet_all(), self._loop).result()
        assert count, "there was no connection"

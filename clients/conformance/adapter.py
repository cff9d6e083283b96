"""A client's adapter as the runner sees it: a process that takes orders and gives reports, as JSON lines.

The protocol is in clients/conformance/README.md.
"""

import asyncio
import contextlib
import itertools
import json
import os
import sys
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Report = dict[str, Any]

ROOT = Path(__file__).resolve().parents[2]
PROGRAMS = Path(sys.executable).parent
"""Where the virtual environment has its `python` and `node`."""

LINE_BYTES = 2**24
PATIENCE = 20.0
"""How long the adapter may take for its first report, and for a `sync`, in seconds of real time."""


FIELDS = {
    "hello": ("client", "has"),
    "synced": ("number", "now", "opened", "closed"),
    "call": ("call", "function"),
    "reset": ("as",),
    "update": ("as", "update"),
    "state": ("state",),
    "ready": ("as",),
    "published": ("as", "id"),
    "rejected": ("as", "code"),
    "error": ("of",),
    "broken": ("message",),
}
"""What each report must have."""


class AdapterError(Exception):
    """The adapter did not start, does not answer, or says that it is broken."""


@dataclass(frozen=True)
class Synced:
    """The answer to `sync`.

    Attributes:
        now: the client's clock, in seconds since `begin`.
        opened: the number of WebSockets whose opening has begun.
        closed: the number of those that the client knows to be closed.
    """

    now: float
    opened: int
    closed: int


class Adapter:
    """A running adapter.

    Attributes:
        client: the client's name, from the first report.
        has: what the client's platform has, from the first report.
    """

    def __init__(
        self,
        command: list[str],
        on_report: Callable[[Report], None],
        *,
        log: Callable[[str], None] = lambda _line: None,
        quiet: bool = True,
    ) -> None:
        """Keep the command.

        Args:
            command: starts the adapter; relative paths begin at the repository's root.
            on_report: takes every report but `hello` and `synced`.
            log: takes a line for each order and report.
            quiet: whether what the adapter writes to standard error is thrown away.
        """
        self.client = ""
        self.has: frozenset[str] = frozenset()
        self._command = command
        self._on_report = on_report
        self._log = log
        self._quiet = quiet
        self._numbers = itertools.count(1)
        self._reports: asyncio.Queue[Report | None] = asyncio.Queue()
        self._process: asyncio.subprocess.Process
        self._together: list[Report] | None = None
        self._reading: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Start the process and take its first report.

        Raises:
            AdapterError: there is none.
        """
        try:
            self._process = await asyncio.create_subprocess_exec(
                *self._command,
                stdin=PIPE,
                stdout=PIPE,
                stderr=DEVNULL if self._quiet else None,
                cwd=ROOT,
                env={**os.environ, "PATH": f"{PROGRAMS}{os.pathsep}{os.environ['PATH']}"},
                limit=LINE_BYTES,
            )
        except OSError as error:
            raise AdapterError(f"{' '.join(self._command)} does not start: {error}") from error
        self._reading = asyncio.create_task(self._read())
        hello = await self._until("hello", None)
        self.client, self.has = hello["client"], frozenset(hello["has"])

    async def stop(self) -> None:
        """End the process."""
        if self._reading is None:
            return
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            await asyncio.wait_for(self._process.wait(), 2)
        except TimeoutError:
            self._process.kill()
            await self._process.wait()
        await self._reading

    def order(self, do: str, **fields: Any) -> None:
        """Give an order. Fields without a value (None) are left out."""
        order = {"do": do, **{name: value for name, value in fields.items() if value is not None}}
        self.order_exactly(order)

    @contextlib.contextmanager
    def together(self) -> Iterator[None]:
        """Give the orders of this context as one, with nothing between them."""
        self._together = []
        yield
        orders, self._together = self._together, None
        self.order_exactly({"do": "together", "orders": orders})

    def order_exactly(self, order: Report) -> None:
        """Give an order as it is."""
        if self._together is not None:
            self._together.append(order)
            return
        if order["do"] != "sync":
            self._log(f"> {json.dumps(order)}")
        assert self._process.stdin is not None
        if not self._process.stdin.is_closing():
            self._process.stdin.write(json.dumps(order).encode() + b"\n")

    async def sync(self) -> Synced:
        """Wait until the client has done all that is due.

        Raises:
            AdapterError: no answer came.
        """
        number = next(self._numbers)
        self.order("sync", number=number)
        synced = await self._until("synced", number)
        return Synced(float(synced["now"]), int(synced["opened"]), int(synced["closed"]))

    async def listen(self) -> None:
        """Take reports until the adapter ends, or says that it is broken.

        Raises:
            AdapterError: it has.
        """
        while (report := await self._reports.get()) is not None:
            if report["report"] == "broken":
                raise AdapterError(f"the adapter says: {report.get('message')}")
            self._on_report(report)
        raise AdapterError("the adapter has ended")

    async def _until(self, word: str, number: int | None) -> Report:
        while True:
            try:
                report = await asyncio.wait_for(self._reports.get(), PATIENCE)
            except TimeoutError:
                raise AdapterError(f"no {word!r} came within {PATIENCE:.0f} s") from None
            if report is None:
                raise AdapterError(f"the adapter has ended; {word!r} was awaited (-v shows what it says)")
            if report["report"] == word and report.get("number") == number:
                return report
            if report["report"] == "broken":
                raise AdapterError(f"the adapter says: {report.get('message')}")
            self._log(f"< {json.dumps(report)}")
            self._on_report(report)

    async def _read(self) -> None:
        assert self._process.stdout is not None
        while line := await self._process.stdout.readline():
            self._reports.put_nowait(_report(line))
        self._reports.put_nowait(None)


def _report(line: bytes) -> Report:
    """Return the report on a line; if there is none, a report that the adapter is broken."""
    try:
        report = json.loads(line)
        missing = [name for name in FIELDS[report["report"]] if name not in report]
    except (ValueError, TypeError, KeyError):
        return {"report": "broken", "message": f"this line is no report: {line[:200]!r}"}
    if missing:
        return {"report": "broken", "message": f"a report without {', '.join(missing)}: {line[:200]!r}"}
    return dict(report)

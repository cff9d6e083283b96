"""Checking many clients by many scenarios, and the table of what came out."""

import asyncio
import shlex
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from clients.conformance import reading
from clients.conformance.adapter import Adapter, AdapterError
from clients.conformance.driving import ConformanceError
from clients.conformance.play import Player
from clients.conformance.server import Server
from clients.conformance.vocabulary import Scenario

CELL = len("no subprotocol")
CLIENTS = Path(__file__).parent / "clients.yaml"

Log = Callable[[str], None]


@dataclass(frozen=True)
class Check:
    """Something to check a client by: a scenario, or a random history.

    Attributes:
        name: what it is called in the table.
        needs: what a client's platform must have for it.
        play: plays it.
    """

    name: str
    needs: list[str]
    play: Callable[[Player], Awaitable[None]]

    @classmethod
    def of(cls, scenario: Scenario) -> "Check":
        """Return the check that plays a scenario."""
        return cls(scenario.name, scenario.needs, lambda player: player.play(scenario))


@dataclass(frozen=True)
class Result:
    """What came out of one check of one client.

    Attributes:
        check: the check's name.
        failure: why it failed; empty if it passed.
        lacks: what the client's platform lacks for it; then it was left out.
        log: what happened, a line for each thing.
        seconds: how long it took.
    """

    check: str
    failure: str = ""
    lacks: tuple[str, ...] = ()
    log: tuple[str, ...] = ()
    seconds: float = 0


def clients(path: Path = CLIENTS) -> dict[str, list[str]]:
    """Return the registered clients, each with the command that starts its adapter.

    Raises:
        ScenarioError: the file can't be read.
    """
    (node,) = reading.documents(path)
    return {name: shlex.split(command) for name, command in reading.named(reading.text)(node).items()}


async def run(command: list[str], checks: list[Check], *, quiet: bool = True) -> list[Result]:
    """Check one client.

    Args:
        command: starts the client's adapter.
        checks: what to play.
        quiet: whether what the adapter writes to standard error is thrown away.

    Raises:
        AdapterError: the adapter does not start.
    """
    log: list[str] = []
    server = Server(log.append)
    await server.start()
    player = Player(server, log.append)
    results = []
    adapter = await started(command, player, log.append, quiet=quiet)
    try:
        for check in checks:
            log.clear()
            began = time.monotonic()
            if lacks := tuple(word for word in check.needs if word not in adapter.has):
                results.append(Result(check.name, lacks=lacks))
                continue
            failure = ""
            try:
                await check.play(player)
            except ConformanceError as failed:
                failure = str(failed)
            except AdapterError as failed:
                failure = str(failed)
                await adapter.stop()
                adapter = await started(command, player, log.append, quiet=quiet)
            results.append(Result(check.name, failure, log=tuple(log), seconds=time.monotonic() - began))
    finally:
        await adapter.stop()
        server.stop()
    return results


async def started(command: list[str], player: Player, log: Log, *, quiet: bool) -> Adapter:
    """Return a running adapter that the player drives.

    Raises:
        AdapterError: it does not start.
    """
    adapter = Adapter(command, player.report, log=log, quiet=quiet)
    try:
        await adapter.start()
    except AdapterError:
        await adapter.stop()
        raise
    player.adapter = adapter
    return adapter


def table(results: dict[str, list[Result]]) -> str:
    """Return a table: a row for each check, a column for each client."""
    names = list(dict.fromkeys(one.check for column in results.values() for one in column))
    widest = max(map(len, [*names, "check"]))
    rows = [f"{'check':{widest}}  " + "  ".join(f"{client:{CELL}}" for client in results)]
    for name in names:
        cells = [
            next((_cell(one) for one in column if one.check == name), "-") for column in results.values()
        ]
        rows.append(f"{name:{widest}}  " + "  ".join(f"{cell:{CELL}}" for cell in cells))
    totals = []
    for client, column in results.items():
        failed = sum(bool(one.failure) for one in column)
        left_out = sum(bool(one.lacks) for one in column)
        passed = len(column) - failed - left_out
        totals.append(f"{client}: {passed} passed, {failed} failed, {left_out} left out")
    return "\n".join([*(row.rstrip() for row in rows), "", *totals])


def _cell(result: Result) -> str:
    if result.lacks:
        return f"no {result.lacks[0]}"
    return "FAILED" if result.failure else "ok"


def run_all(
    commands: dict[str, list[str]], checks: list[Check], *, quiet: bool = True
) -> dict[str, list[Result]]:
    """Check several clients, one after the other."""
    return {client: asyncio.run(run(command, checks, quiet=quiet)) for client, command in commands.items()}

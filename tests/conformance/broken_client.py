"""The Python client, broken on purpose in one place: `python tests/conformance/broken_client.py storms`.

It runs the client's adapter. The suite must find what is wrong with it.
"""

import asyncio
import importlib
import runpy
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

CLIENT = Path(__file__).resolve().parents[2] / "clients" / "python"
HOUR = 3600.0

sys.path.insert(0, str(CLIENT / "src"))


def _part(module: str, name: str) -> Any:
    """Return a class of the client."""
    return getattr(importlib.import_module(f"entity_push_client.{module}"), name)


def _break(owner: Any, name: str, broken: object) -> None:
    """Replace a method that must be there: one that was renamed would break nothing."""
    getattr(owner, name)
    setattr(owner, name, broken)


def shows_repetitions() -> None:
    """Show whatever is pushed, at once."""
    update = _part("changes", "Update")

    def pushed(self: Any, frame: Any, _waits: bool) -> bool:
        self._show(update(frame))
        return False

    _break(_part("ordering", "EntityOrder"), "pushed", pushed)


def loses_what_it_holds() -> None:
    """Drop the updates that came while an answer was awaited."""
    _break(_part("ordering", "EntityOrder"), "_drain", lambda self: self._held.clear())


def forgets_where_it_was() -> None:
    """Subscribe without `since`."""
    ask = _part("ordering", "EntityOrder").ask
    _break(_part("ordering", "EntityOrder"), "ask", lambda self: replace(ask(self), since=None))


def never_reconnects() -> None:
    """Wait for an hour after every loss."""
    _break(_part("backoff", "Backoff"), "pause", lambda _self, _attempt, _random: HOUR)


def storms() -> None:
    """Try again at once, for ever."""
    _break(_part("backoff", "Backoff"), "pause", lambda _self, _attempt, _random: 0.001)


def never_pings() -> None:
    """Believe that every connection lives."""

    async def watch(_self: Any) -> None:
        await asyncio.Event().wait()

    _break(_part("liveness", "Liveness"), "watch", watch)


BREAKS: dict[str, Callable[[], None]] = {
    one.__name__: one
    for one in (
        shows_repetitions,
        loses_what_it_holds,
        forgets_where_it_was,
        never_reconnects,
        storms,
        never_pings,
    )
}

if __name__ == "__main__":
    BREAKS[sys.argv[1]]()
    runpy.run_path(str(CLIENT / "conformance" / "adapter.py"), run_name="__main__")

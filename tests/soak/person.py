"""One client of a soak: a published client library in a process of its own, which its adapter drives.

The adapter protocol is in clients/conformance/README.md. Here the client has a real clock, and its answers
come from the deployment: tokens from its secret, states from its table.
"""

import asyncio
import random
from collections import Counter
from collections.abc import Callable
from typing import Any

from clients.conformance.adapter import Adapter, Report
from tests.soak.shown import Shown, ShownOfPattern
from tests.soak.stored import Stored, channel_of

OPTIONS = {
    "backoff": {"first": 0.2, "most": 3},
    "maxConnectionAge": 40,
    "pingAfter": 4,
    "pongTimeout": 10,
    "answerTimeout": 10,
}
"""What takes hours otherwise takes seconds in a soak."""

ROOM = "rooms/soak"


class Person:
    """A user with one client.

    Attributes:
        user: the user's id.
        subscriptions: by the handle that the adapter knows them by; the newest of each name is live.
        live: the handle of the subscription to each name.
        said: messages that were published, with what the client said: `published`, a code, or "" so far.
        states: how often the client was in each state.
        errors: how often the application was told of each error.
    """

    def __init__(
        self, user: str, command: list[str], *, names: list[str], stored: Stored, token: Callable[[], str]
    ):
        self.user, self.names = user, names
        self.subscriptions: dict[str, Shown | ShownOfPattern] = {}
        self.live: dict[str, str] = {}
        self.said: dict[int, str] = {}
        self.states: Counter[str] = Counter()
        self.errors: Counter[str] = Counter()
        self._stored, self._token = stored, token
        self._adapter = Adapter(command, self._take, quiet=False)
        self._answers: set[asyncio.Task[None]] = set()

    async def begin(self, url: str) -> None:
        """Start the client and its subscriptions."""
        await self._adapter.start()
        self._listening = asyncio.create_task(self._adapter.listen())
        self._adapter.order("begin")
        self._adapter.order("client", url=url, options=OPTIONS, clock="real")
        for name in self.names:
            self.subscribe(name)

    async def end(self) -> None:
        """Stop the client.

        Raises:
            AdapterError: it had stopped before, or was broken.
        """
        if self._listening.done():
            self._listening.result()
        self._listening.cancel()
        await self._adapter.stop()

    def subscribe(self, name: str) -> None:
        """Subscribe to a name anew; the subscription before, if any, is closed right after."""
        before = self.live.get(name)
        handle = f"{name} {len(self.subscriptions)}"
        kind = ShownOfPattern if name.endswith("*") else Shown
        self.subscriptions[handle] = kind(f"{self.user}: {handle}")
        self.live[name] = handle
        what = {"channel": name[1:-1]} if name.startswith("(") else {"name": name}
        self._adapter.order("subscribe", getState=True, **{"as": handle}, **what)
        if before:
            self._adapter.order("unsubscribe", **{"as": before})

    def say(self, number: int) -> None:
        """Publish a message that nobody else publishes, in the room."""
        self.said[number] = ""
        message = {"by": self.user, "number": number}
        self._adapter.order("publish", name=ROOM, message=message, **{"as": str(number)})

    def has_all(self, heads: dict[str, str | None]) -> bool:
        """Tell whether each subscription has shown all, given the channels' heads."""
        return all(
            self.subscriptions[handle].ends_at(heads.get(channel_of(name, self.user)))
            for name, handle in self.live.items()
        )

    def compare(self, heads: dict[str, str | None], said: Counter[tuple[str, int]]) -> list[str]:
        """Return what was shown against the contract, or not shown, or published twice or not at all.

        Args:
            heads: the cursors of the channels' last updates.
            said: how often the room's history has each message, by user and number.
        """
        problems = [problem for shown in self.subscriptions.values() for problem in shown.problems]
        for name, handle in self.live.items():
            shown, head = self.subscriptions[handle], heads.get(channel_of(name, self.user))
            if not shown.ends_at(head):
                problems.append(f"{shown.name}: it ended at {shown.place} of {head}")
        for number, outcome in self.said.items():
            times = said[self.user, number]
            if times > 1 or (outcome == "published" and not times):
                problems.append(f"{self.user}: message {number} ({outcome}) is stored {times} times")
            if not outcome:
                problems.append(f"{self.user}: message {number} has no outcome")
        return problems

    def counts(self) -> Counter[str]:
        """Return what happened to the client."""
        shown = self.subscriptions.values()
        return Counter(
            {
                "connections": self.states["connected"],
                "updates shown": sum(one.updates for one in shown),
                "of them replayed": sum(one.replayed for one in shown),
                "errors told": self.errors.total(),
                "resets after the first": sum(
                    max(0, one.resets - 1) for one in shown if isinstance(one, Shown)
                ),
                "messages published": sum(outcome == "published" for outcome in self.said.values()),
                "publications with another outcome": sum(
                    outcome not in ("published", "") for outcome in self.said.values()
                ),
            }
        )

    def _take(self, report: Report) -> None:
        match report:
            case {"report": "call"}:
                answering = asyncio.create_task(self._answer(report))
                self._answers.add(answering)
                answering.add_done_callback(self._answers.discard)
            case {"report": "reset", "as": handle}:
                self.subscriptions[handle].reset(report.get("state"))
            case {"report": "update", "as": handle, "update": update}:
                self.subscriptions[handle].update(update)
            case {"report": "state", "as": _, "state": state}:
                self.states[f"subscription {state}"] += 1
            case {"report": "state", "state": state}:
                self.states[state] += 1
            case {"report": "published", "as": number}:
                self.said[int(number)] = "published"
            case {"report": "rejected", "as": number, "code": code}:
                self.said[int(number)] = code
            case {"report": "error", "of": of}:
                self.errors[f"{of}: {report.get('code')}"] += 1

    async def _answer(self, report: Report) -> None:
        await asyncio.sleep(random.expovariate(20))
        value: Any
        if report["function"] == "token":
            value = self._token()
        else:
            name = report["as"].rpartition(" ")[0]
            value = None
            if not name.endswith("*"):
                value = await asyncio.to_thread(self._stored.head, channel_of(name, self.user))
        self._adapter.order("answer", call=report["call"], value=value)

"""Users with grants of their own: nobody ever gets what is another's, and everybody gets all of theirs.

By every way that leads to a client: entities, patterns, what clients publish, users' channels, everyone's.
`ISOLATION_PUSHES` says how many pushes it takes (1,000 by default).
"""

import json
import os
import random
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from typing import Any

from tests.e2e.client import Client
from tests.e2e.conftest import App

PUSHES = int(os.environ.get("ISOLATION_PUSHES", "1000"))
TAGS = (
    "1",
    "10",
    "1 ",
    "\uff11",
    "",
    " ",
    "É",
    "E\u0301",
    "é",
    "%C3%89",
    "ß",
    "ss",
    "%2F",
    "%",
    "#",
    "#everyone",
    "*",
    "..",
    "\u202e1",
    "\U0001f642",
)
"""A segment of each user's ids, which some program could take for another user's."""

LEAVES = ("0", "00", "*x", "/0", "\u212b")
"""The ends of each user's ids."""

USERS = len(TAGS)
ENTITIES = len(LEAVES)

CONNECTIONS = 2
"""Of each user; one subscribes to other things than the other."""

MOST_IN_ONE_CALL = 10
"""Events (API reference, PutEvents)."""

ATTEMPTS = 8
"""Subscriptions that each connection tries to make to entities of any user, besides some of its own."""

EVERYBODY = "everybody"


def entity(owner: int, number: int) -> str:
    """Return an entity of a user."""
    return f"isolation/{TAGS[owner]}/{LEAVES[number]}"


def user(owner: int) -> str:
    """Return a user's id."""
    return f"owner {TAGS[owner]}"


EVERY = [entity(owner, number) for owner in range(USERS) for number in range(ENTITIES)]


class Listener:
    """A user's connection, and what it must get.

    Attributes:
        owner: the user's number.
        heard: whom each frame was for, by its event's id.
    """

    def __init__(self, owner: int, client: Client):
        self.owner, self.client = owner, client
        self.subscribed: set[str] = set()
        self.forbidden = 0
        self.heard: dict[str, str] = {}

    @property
    def user(self) -> str:
        """The user's id."""
        return user(self.owner)

    def is_mine(self, entity_id: str) -> bool:
        """Tell whether the token grants an entity, told by its name and not by the code under test."""
        _, tag, *below = entity_id.split("/")
        return tag == TAGS[self.owner] and bool(below)

    def wants(self, whom: str) -> bool:
        """Tell whether what is for an entity, a user or everybody has to reach this connection."""
        return whom in (self.user, EVERYBODY) or whom in self.subscribed

    def subscribe(self, tries: random.Random) -> None:
        """Subscribe to some entities of its own, or all by a pattern, and try some of anybody."""
        own = [name for name in EVERY if self.is_mine(name)]
        for name in tries.sample(own, 3) + tries.sample(EVERY, ATTEMPTS):
            self._ask("subscribe", name, "subscribed")
            if self.is_mine(name):
                self.subscribed.add(name)
        if self.owner % 4 == 0:
            self._ask("subscribe", f"isolation/{TAGS[self.owner]}/*", "subscribed")
            self.subscribed.update(own)
        for pattern in ("*", "isolation/*", f"isolation/{TAGS[(self.owner + 1) % USERS]}/*"):
            self._ask("subscribe", pattern, "subscribed")

    def publish(self, tries: random.Random) -> dict[str, str]:
        """Publish to entities of anybody; return the entity of each event by its id."""
        published = {}
        for name in [*tries.sample(EVERY, ATTEMPTS), entity(self.owner, 0)]:
            answer = self._ask("publish", name, "published", message=name)
            if answer["type"] == "published":
                published[answer["id"]] = name
        return published

    def _ask(self, action: str, name: str, done: str, **fields: Any) -> Any:
        """Ask for something that is granted if it is this user's own, and forbidden if not."""
        self.client.send({"action": action, "entityId": name, "requestId": "r", **fields})
        while (answer := self.client.receive(120)).get("requestId") != "r":
            self._take(answer)
        if name.startswith("isolation/") and self.is_mine(name):
            assert answer["type"] == done, answer
        else:
            assert answer["code"] == "forbidden", answer
            self.forbidden += 1
        return answer

    def listen(self, expected: dict[str, str]) -> None:
        """Receive until everything that it must get has come, and nothing comes any more; more may have come.

        Args:
            expected: whom each event was for that it must get, by the event's id.
        """
        while expected.keys() - self.heard.keys():
            self._take(self.client.receive(120))
        with suppress(TimeoutError):
            while True:
                self._take(self.client.receive(0.5))

    def _take(self, frame: Any) -> None:
        whom = frame["entityId"] if frame["type"] == "Entity Updated" else frame["message"]
        assert self.wants(whom), f"{self.user} got {frame}"
        self.heard[frame["id"]] = whom


def test_everybody_gets_all_of_theirs_and_nothing_else(app: App) -> None:
    tries = random.Random(42)
    with ExitStack() as stack, ThreadPoolExecutor(USERS * CONNECTIONS) as pool:
        listeners = [
            Listener(
                owner,
                stack.enter_context(
                    app.client(user=user(owner), subscribe=_grants(owner), publish=_grants(owner))
                ),
            )
            for owner in range(USERS)
            for _ in range(CONNECTIONS)
        ]

        def seeds() -> list[random.Random]:
            return [random.Random(tries.random()) for _ in listeners]

        list(pool.map(Listener.subscribe, listeners, seeds()))
        assert sum(listener.forbidden for listener in listeners) > USERS * ATTEMPTS
        put: dict[str, str] = {}
        for published in pool.map(Listener.publish, listeners, seeds()):
            put |= published
        _put_events(app, put, listeners)
        expected = [
            {event_id: whom for event_id, whom in put.items() if listener.wants(whom)}
            for listener in listeners
        ]
        list(pool.map(Listener.listen, listeners, expected))
    assert [listener.heard for listener in listeners] == expected
    assert sum(map(len, expected)) >= PUSHES
    heard = {whom for listener in listeners for whom in listener.heard.values()}
    assert heard & {EVERYBODY}
    assert heard & {listener.user for listener in listeners}
    assert len(heard & set(EVERY)) > len(EVERY) / 2


def _grants(owner: int) -> list[str]:
    """Return a user's grants: half of them have a pattern, and half each entity."""
    if owner % 2:
        return [entity(owner, number) for number in range(ENTITIES)]
    return [f"isolation/{TAGS[owner]}/*"]


def _put_events(app: App, put: dict[str, str], listeners: list[Listener]) -> None:
    """Put events of all kinds until there are enough pushes; note whom each is for by its id."""
    events: Any = app.aws.client("events")
    tries = random.Random(43)
    pushes = 0
    while pushes < PUSHES:
        entities = tries.sample(EVERY, MOST_IN_ONE_CALL - 2)
        to = user(tries.randrange(USERS))
        details = [("Entity Updated", name, {"entityId": name, "message": name}) for name in entities]
        details.append(("Send User Push Notification", to, {"userId": to, "message": to}))
        details.append(("Broadcast", EVERYBODY, {"message": EVERYBODY}))
        answer = events.put_events(
            Entries=[
                {"Source": "isolation", "DetailType": kind, "Detail": json.dumps(detail)}
                for kind, _, detail in details
            ]
        )
        assert answer["FailedEntryCount"] == 0, answer
        for result, (_, whom, _) in zip(answer["Entries"], details, strict=True):
            put[result["EventId"]] = whom
            pushes += sum(listener.wants(whom) for listener in listeners)

"""Connections with grants, subscriptions and pushes, whose ids are easily confused: nobody gets another's.

The ids are from all of Unicode. What is owed is told here by comparing them segment by segment, without the
code under test.
"""

import json
import time
import unicodedata
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from hypothesis import strategies as st

from tests.fuzz.deployment import Deployment, event
from tests.fuzz.hostile import is_entity_id
from tests.fuzz.services import strictly_json

PUSHES = 20
"""In each trial."""

_SEGMENTS = (
    "a",
    "A",
    "b",
    "",
    "é",
    "e\u0301",
    "ß",
    "ss",
    "\ufb01",
    "fi",
    "İ",
    "\U0001f642",
    "\u202e",
    "\u200d",
    "．",
    ".",
    "#",
    "#everyone",
    "%",
    "%23",
    "%2F",
    "*",
    "**",
    "..",
    " ",
    "+",
    "user",
    "entity",
    "CHANNEL#entity",
    "\\",
)
_ANY_IDS = st.one_of(
    st.lists(st.sampled_from(_SEGMENTS), min_size=1, max_size=4).map("/".join),
    st.text(st.characters(exclude_categories=["Cc", "Cs"]), min_size=1, max_size=6),
)


def _spellings(name: str) -> Iterator[str]:
    """Yield other spellings of an id, by case and by Unicode's normal forms."""
    for form in ("NFC", "NFD", "NFKC", "NFKD"):
        yield unicodedata.normalize(form, name)
    yield from (name.lower(), name.upper(), name.swapcase(), name.casefold())


def _confusable(name: str) -> Iterator[str]:
    """Yield ids that some program could take for another one."""
    yield from (name + "/", "/" + name, name.replace("/", "//"), name.replace("//", "/"), name.rstrip("/"))
    yield from (
        quote(name, safe="/"),
        quote(name, safe=""),
        name.replace("/", "%2F"),
        name.replace("#", "%23"),
    )
    yield from (
        name + "#",
        "#" + name,
        name + " ",
        name.strip(),
        name + "\u200d",
        name.replace("/", "\uff0f"),
    )
    yield from (
        name + "x",
        name + "/x",
        name[:-1],
        f"entity/{name}",
        f"user/{name}",
        f"{name}/*/x",
        f"{name}*",
    )


@st.composite
def _names(draw: st.DrawFn) -> list[str]:
    """Return some ids that resemble each other, and none twice."""
    first = draw(_ANY_IDS)
    spellings = st.sampled_from(sorted(set(_spellings(first))))
    others = st.one_of(spellings, st.sampled_from(sorted(set(_confusable(first)))), _ANY_IDS)
    names = [first, *draw(st.lists(others, min_size=3, max_size=6))]
    return list(dict.fromkeys(filter(is_entity_id, names))) or ["a"]


@dataclass
class Party:
    """A user's connection.

    Attributes:
        user: the user's id.
        grants: the entities that it may hear of: ids and patterns.
        wants: what it tries to subscribe to: ids and patterns.
        left: how many of its subscriptions it gives up, the first ones.
        channels: what it is subscribed to.
    """

    user: str
    grants: list[str]
    wants: list[str]
    left: int
    channels: set[str] = field(default_factory=set)


@dataclass(frozen=True)
class Trial:
    """Some connections, and pushes: each with its kind and the id of an entity or a user."""

    parties: list[Party]
    pushes: list[tuple[str, str]]


_KINDS = ("entity", "entity", "several", "own", "own user", "user", "everyone")


@st.composite
def _trials(draw: st.DrawFn) -> Trial:
    names = draw(_names())
    ids = st.sampled_from(names)
    asked = st.one_of(ids, ids, ids.map(_below), ids.map(lambda name: f"{name}/*"), st.just("*"))
    parties = [
        Party(
            user,
            draw(st.just(["*"]) | st.lists(asked, max_size=4)),
            draw(st.lists(ids | asked, max_size=5)),
            draw(st.integers(0, 1)),
        )
        for user in draw(
            st.lists(ids, min_size=2, max_size=3, unique=True) if len(names) > 1 else st.just(names)
        )
    ]
    pushes = st.lists(st.tuples(st.sampled_from(_KINDS), ids), min_size=PUSHES, max_size=PUSHES)
    return Trial(parties, draw(pushes))


def _below(name: str) -> str:
    """Return a pattern that an id is below, if it has a slash."""
    return f"{name.rpartition('/')[0]}/*"


TRIALS = _trials()


def _covers(pattern: str, wanted: str) -> bool:
    """Tell whether a granted or subscribed id or pattern covers another one."""
    if pattern in ("*", wanted):
        return True
    above, inside = pattern.split("/"), wanted.split("/")
    return (
        len(above) > 1
        and above[-1] == "*"
        and len(inside) >= len(above)
        and inside[: len(above) - 1] == above[:-1]
    )


def _connection(number: int) -> str:
    return f"party{number}="


def check_isolation(deployment: Deployment, trial: Trial) -> str:
    """Connect, subscribe and push; return whether anybody had to hear anything.

    Raises:
        AssertionError: somebody got what was not theirs, or did not get what was.
    """
    deployment.reset()
    for number, party in enumerate(trial.parties):
        party.channels.clear()
        _connect(deployment, number, party)
        for wanted in party.wants:
            _subscribe(deployment, number, party, wanted)
        for wanted in sorted(party.channels)[: party.left]:
            assert _ask(deployment, number, "unsubscribe", wanted)["wasSubscribed"] is True
            party.channels.remove(wanted)
    bodies, owed = [], Counter[tuple[str, str, str]]()
    for number, (kind, name) in enumerate(trial.pushes):
        message, whom = _message(kind, name, f"isolation-{number}")
        bodies.append(json.dumps(message))
        for place, party in enumerate(trial.parties):
            owed.update(
                (_connection(place), f"isolation-{number}", for_) for for_ in whom if _is_for(party, for_)
            )
    deployment.push_all(bodies)
    assert not deployment.queues.dead
    parties = {_connection(number) for number in range(len(trial.parties))}
    got = Counter(_heard(post) for post in deployment.deliverer.posts if post.connection_id in parties)
    assert got == owed, f"got {got - owed} without a right, missed {owed - got}"
    return "some heard" if owed else "nobody heard"


def _connect(deployment: Deployment, number: int, party: Party) -> None:
    context = {
        "connectionId": _connection(number),
        "connectedAt": round(time.time() * 1000),
        "identity": {"sourceIp": "192.0.2.1", "userAgent": "fuzz"},
        "authorizer": {
            "userId": party.user,
            "grants": json.dumps({"subscribe": party.grants, "publish": []}),
            "expires": str(round(time.time()) + 3600),
        },
    }
    assert deployment.call("connect", {"requestContext": context})["statusCode"] == 200


def _subscribe(deployment: Deployment, number: int, party: Party, wanted: str) -> None:
    answer = _ask(deployment, number, "subscribe", wanted)
    if wanted.endswith("/*") and wanted.count("/") > 5:
        assert answer["code"] == "invalid_entity_id", answer
    elif any(_covers(grant, wanted) for grant in party.grants):
        assert (answer["type"], answer["entityId"]) == ("subscribed", wanted), answer
        assert answer["alreadySubscribed"] == (wanted in party.channels)
        party.channels.add(wanted)
    else:
        assert answer["code"] == "forbidden", answer


def _ask(deployment: Deployment, number: int, action: str, wanted: str) -> Any:
    body = json.dumps({"action": action, "entityId": wanted})
    request = {"requestContext": {"routeKey": action, "connectionId": _connection(number)}, "body": body}
    return strictly_json(deployment.call(action, request)["body"])


def _message(kind: str, name: str, event_id: str) -> tuple[Any, list[str]]:
    """Return a queue message, and the audiences that its update names."""
    of_entity, of_user = f"entity {name}", f"user {name}"
    match kind:
        case "entity":
            return event("Entity Updated", {"entityId": name, "message": of_entity}, event_id), [of_entity]
        case "several":
            both = [one for one in (name, f"{name}/x") if is_entity_id(one)]
            return event("Entity Updated", {"entityIds": both}, event_id), [f"entity {one}" for one in both]
        case "user":
            detail = {"userId": name, "message": of_user}
            return event("Send User Push Notification", detail, event_id), [of_user]
        case "own user":
            own = event("Own", {"user": name, "message": of_user}, event_id)
            return {"rule": "user", "event": own}, [of_user]
        case "own":
            return {"rule": "any", "event": event("Own", {"id": name}, event_id)}, [of_entity]
    return event("Broadcast", {"message": "everyone"}, event_id), ["everyone"]


def _is_for(party: Party, whom: str) -> bool:
    kind, _, name = whom.partition(" ")
    if kind == "entity":
        return any(_covers(channel, name) for channel in party.channels)
    return kind == "everyone" or party.user == name


def _heard(post: Any) -> tuple[str, str, str]:
    frame = strictly_json(post.frame)
    whom = f"entity {frame['entityId']}" if frame["type"] == "Entity Updated" else frame["message"]
    return post.connection_id, frame["id"], whom

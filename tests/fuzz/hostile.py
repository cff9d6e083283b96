"""Hostile values in every placeholder of every kind of rule: each is a value, and nothing else.

What must come of an event is told here from the rules' documentation, without the code under test.
"""

import json
import math
import re
import unicodedata
from collections import Counter
from typing import Any

from hypothesis import strategies as st

from tests.fuzz.bodies import OWN_IDS
from tests.fuzz.deployment import FULL, LISTENER, USERS, Deployment, event
from tests.fuzz.own_events import FORGED, RULES, VERSIONS
from tests.fuzz.services import strictly_json
from tests.fuzz.texts import JSON, LONG, NASTY, quoted, written

_DEEPEST = 200
"""Levels of a message (docs/reference/limits.md)."""

_LONGEST_NEST = 40_000
"""Characters of a senseless value: several of them and a long one stay below a queue message's 1 MB."""

_MOST_FRAME_BYTES = 128 * 1024

_NOT_IN_SQS = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

_TEXTS = (
    *FORGED,
    *(
        "{path}",
        "{+$.detail.id}",
        "${AWS::AccountId}",
        "$.detail",
        "{{",
        "}",
        '"',
        "\\",
        '\\"',
        "'",
        "\\u0022",
    ),
    *("/", "//", "..", "../7", "a/*", "*", "/*", "#everyone", "entity/orders/1", "user/alice", "everyone"),
    *("alice", "alice/", "ALICE", "alice%2F", "CHANNEL#user/alice", "7#7", "%23", "%", "orders/1"),
    *("\0", "\n", "\r\n", "\x1b[2J", "\x7f", "\x85", "\u2028", "\u202e", "\ufeff", "\ufffe", "\ufdd0"),
    *("\ud800", "\udc00x", "é", "e\u0301", "ﬁ", "İ", "", " ", "a" * 256, "a" * 257, "中" * 171, "a/" * 128),
)
_SHORT = NASTY.filter(lambda text: len(text) <= _LONGEST_NEST)

VALUES = st.one_of(
    *[st.sampled_from(_TEXTS).map(json.dumps)] * 3,
    st.lists(st.sampled_from(_TEXTS), min_size=2, max_size=3).map("".join).map(json.dumps),
    *[st.text(st.characters(), max_size=12).map(json.dumps)] * 2,
    *(st.integers().map(str), _SHORT, JSON, st.sampled_from(tuple(USERS)).map(quoted)),
)
"""JSON texts: all of Unicode as a text, and every other kind of value."""

_LISTS = st.lists(VALUES, min_size=1, max_size=3).map(lambda values: f"[{','.join(values)}]")

_ROWS = st.one_of(st.just("7"), st.just("7"), VERSIONS, VALUES)
_REFS = st.one_of(st.just('"order-7"'), OWN_IDS, VALUES)

EVENTS = st.tuples(VALUES, VALUES, VALUES | LONG, st.one_of(_LISTS, _LISTS, VALUES), _ROWS, _REFS)
"""The values of `id`, `user`, `message`, `ids`, `row` and `ref`."""


class _UnfitError(Exception):
    """The event has to be a dead letter."""


def check_hostile(deployment: Deployment, given: tuple[str, str, str, str, str, str]) -> str:
    """Push an event by every rule; return what became of it, in a word.

    Raises:
        AssertionError: a frame is not what its rule says, went elsewhere, or is missing.
    """
    deployment.reset()
    members = list(zip(("id", "user", "message", "ids", "row", "ref"), given, strict=True))
    text = json.dumps(event("Hostile", 0, "hostile-1")).replace(
        '"detail": 0', f'"detail": {written(members)}'
    )
    whole = _in_queue(text)
    bodies = {f'{{"rule":{quoted(rule["name"])},"event":{whole}}}': rule["name"] for rule in RULES}
    deployment.push_all(list(bodies))
    expected: Counter[tuple[str, str]] = Counter()
    unfit = set()
    read = _read(text)
    for rule in RULES:
        try:
            expected.update(_owed(rule, read))
        except _UnfitError:
            unfit.add(rule["name"])
    dead = {bodies[body]: reason for body, reason in deployment.queues.dead}
    assert dead.keys() == unfit, (dead, unfit)
    if read is not None:
        assert all(reason.startswith(f"rule {name}: ") for name, reason in dead.items()), dead
    got = Counter((post.connection_id, _unnumbered(post.frame)) for post in deployment.deliverer.posts)
    assert got == expected, f"got {got - expected}, owed {expected - got}"
    return "dead letters only" if not expected else "some updates" if unfit else "updates by all rules"


def _in_queue(text: str) -> str:
    """Return a JSON text with escapes for what a message of SQS can't have, as EventBridge writes it."""
    return _NOT_IN_SQS.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def _read(text: str) -> dict[str, Any] | None:
    """Return an event; None if it is no JSON for some reader, or deeper than documented."""
    try:
        value = json.loads(text, parse_float=_finite, object_pairs_hook=_unique)
        assert isinstance(value, dict)
    except (ValueError, RecursionError):
        return None
    return None if _levels(value) + 1 > _DEEPEST else value


def _finite(digits: str) -> float:
    if math.isinf(float(digits)):
        raise ValueError(digits)
    return float(digits)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(dict(pairs)) != len(pairs):
        raise ValueError("repeated")
    return dict(pairs)


def _levels(value: Any) -> int:
    levels, row = 0, [value]
    while row := [inner for inner in row if isinstance(inner, dict | list)]:
        levels += 1
        row = [one for inner in row for one in (inner.values() if isinstance(inner, dict) else inner)]
    return levels


def _owed(rule: dict[str, Any], read: dict[str, Any] | None) -> list[tuple[str, str]]:
    """Return the frames that a rule's update is owed as, each with its connection."""
    if read is None:
        raise _UnfitError
    detail, common = read["detail"], {"id": "hostile-1", "time": read["time"], "rule": rule["name"]}
    match rule["name"]:
        case "any":
            ids, message = [_filled(detail["id"], slashes=True)], {"message": detail["message"]}
        case "below":
            ids = [f"orders/{_filled(detail['id'])}/lines"]
            message = {"message": {"what": detail["message"], "kind": "Hostile"}}
        case "listed":
            values = detail["ids"]
            if not isinstance(values, list) or not 1 <= len(values) <= 100:
                raise _UnfitError
            ids, message = [_filled(value, slashes=True) for value in values], {"message": detail}
        case "both":
            value = _filled(detail["id"], slashes=True)
            ids, message = [f"a/{value}", f"b/{value}"], {}
        case "row" | "once":
            version = _version(detail["row"]) if rule["name"] == "row" else {}
            ids, message = [f"rows/{_filled(detail['id'], slashes=True)}"], _own_id(detail["ref"]) | version
        case "user" | "flat":
            user = _filled(detail["user"], slashes=rule["name"] == "user")
            if not 1 <= len(user) <= 256 or any(unicodedata.category(char) in ("Cc", "Cs") for char in user):
                raise _UnfitError
            frame = {"type": "User Push Notification", "message": detail["message"], **common}
            return [(to, _fitting(frame)) for name, to in USERS.items() if name == user]
        case "all":
            return [(LISTENER, _fitting({"type": "Broadcast", "message": read, **common}))]
        case name:
            raise AssertionError(f"what is owed by the rule {name}?")
    if not all(map(is_entity_id, ids)):
        raise _UnfitError
    return [
        (to, _fitting({"type": "Entity Updated", "entityId": entity_id, **message, **common}))
        for entity_id in dict.fromkeys(ids)
        for to in (LISTENER, *(["full="] if entity_id in FULL else []))
    ]


def _filled(value: Any, *, slashes: bool = False) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int) or value == "":
        raise _UnfitError
    if "/" in str(value) and not slashes:
        raise _UnfitError
    return str(value)


def _version(value: Any) -> dict[str, Any]:
    if type(value) is not int or not 0 <= value < 2**53:
        raise _UnfitError
    return {"version": value}


def _own_id(value: Any) -> dict[str, Any]:
    text = _filled(value, slashes=True)
    if len(text) > 128 or any(unicodedata.category(char)[0] in "CZ" and char != " " for char in text):
        raise _UnfitError
    return {"ownId": text}


def is_entity_id(text: str) -> bool:
    if not 1 <= len(text) <= 256 or text in ("*", "#everyone") or text.endswith("/*"):
        return False
    if any(unicodedata.category(char) in ("Cc", "Cs") or _is_noncharacter(char) for char in text):
        return False
    return len(text.encode()) <= 512


def _is_noncharacter(char: str) -> bool:
    return 0xFDD0 <= ord(char) <= 0xFDEF or ord(char) & 0xFFFE == 0xFFFE


def _canonical(frame: dict[str, Any]) -> str:
    return json.dumps(frame, sort_keys=True)


def _fitting(frame: dict[str, Any]) -> str:
    """Return a frame as it is compared; without its message if it can't be pushed with one."""
    numbered = {**frame, "sequence": 1, "cursor": "5f0c1d2e3a4b.1"}
    wire = json.dumps(numbered, separators=(",", ":"), ensure_ascii=False)
    if len(wire.encode(errors="backslashreplace")) > _MOST_FRAME_BYTES:
        frame = {name: value for name, value in frame.items() if name != "message"} | {"oversize": True}
    return _canonical(frame)


def _unnumbered(wire: bytes) -> str:
    frame = strictly_json(wire)
    epoch, _, number = frame.pop("cursor").rpartition(".")
    assert epoch
    assert frame.pop("sequence") == int(number) >= 1
    return _canonical(frame)

"""What holds for every batch of messages in the push queue."""

import json
from dataclasses import dataclass
from typing import Any, Self

from entity_push.protocol.frames import MAX_FRAME_BYTES

from tests.fuzz import own_events
from tests.fuzz.deployment import Deployment, event
from tests.fuzz.services import strictly_json

_OWN_FIELDS = {
    *("type", "entityId", "message", "oversize", "id", "time", "rule", "sequence", "cursor"),
    *("version", "ownId"),
}
_VERSIONED, _WITH_ID = {"row"}, {"row", "once"}
"""The rules that name a version, and those that name an id."""


def check_push(deployment: Deployment, given: tuple[list[str], int]) -> str:
    """Push messages beside a good one; return what became of them, in a word.

    Raises:
        AssertionError: a message made the function fail, harmed the good one, or vanished.
    """
    deployment.reset()
    bad, place = given
    good = json.dumps(event("Entity Updated", {"entityId": "rooms/7", "message": "good"}, "good"))
    batch = [*bad[:place], good, *bad[place:]]
    assert deployment.push(batch) == [], f"the function failed: {deployment.output.getvalue()[-1500:]}"
    for _ in range(4):
        sent, deployment.queues.queued = deployment.queues.queued, []
        while sent:
            assert deployment.push(sent[:10]) == [], (
                f"what it queued failed: {deployment.output.getvalue()[-1500:]}"
            )
            sent = sent[10:]
    assert not deployment.queues.queued
    assert good not in dict(deployment.queues.dead)
    assert "good" in _pushed_ids(deployment), "a good event was not pushed beside a bad one"
    fates = [_fate(deployment, body, bad) for body in bad]
    return max(fates, key=["unheard", "outdone", "dead letter", "pushed"].index)


def _pushed_ids(deployment: Deployment) -> set[str]:
    """Return the ids of the pushed events; check that clients can read all pushed frames."""
    ids = set()
    for post in deployment.deliverer.posts:
        frame = strictly_json(post.frame)
        assert isinstance(frame, dict), f"a frame that is no JSON object: {frame!r}"
        if "id" not in frame:
            continue  # the frame of a chunk that hypothesis wrote
        assert len(post.frame) <= MAX_FRAME_BYTES, f"a frame of {len(post.frame)} bytes"
        if "rule" in frame:
            assert frame["rule"] in own_events.NAMES
            assert ("version" in frame) is (frame["rule"] in _VERSIONED)
            assert ("ownId" in frame) is (frame["rule"] in _WITH_ID)
            assert frame.keys() <= _OWN_FIELDS, "an own event brought a field"
        ids.add(frame["id"])
    return ids


def _fate(deployment: Deployment, body: str, batch: list[str]) -> str:
    """Return a message's outcome. An event with a listener must not vanish, unless another one outdoes it."""
    reasons = [reason for dead, reason in deployment.queues.dead if dead == body]
    if reasons:
        assert all(reasons)
        return "dead letter"
    message = json.loads(body)
    if "chunk" in message:
        reached = {post.connection_id for post in deployment.deliverer.posts}
        assert message["chunk"]["subscribers"].keys() <= reached or message["chunk"]["attempt"] >= 8
        return "pushed"
    if "rest" in message:
        return "pushed"
    if {"rule", "event"} <= message.keys():
        return _fate_of_own(deployment, message, batch)
    if message["detail-type"] == "Send User Push Notification" and message["detail"]["userId"] != "alice":
        return "unheard"
    return _fate_of_event(deployment, message, message["id"], batch)


def _fate_of_own(deployment: Deployment, message: dict[str, Any], batch: list[str]) -> str:
    own = message["event"]
    if message["rule"] in ("user", "flat") and own["detail"]["user"] != "alice":
        return "unheard"
    return _fate_of_event(deployment, message, own["id"], batch)


def _fate_of_event(deployment: Deployment, message: dict[str, Any], event_id: str, batch: list[str]) -> str:
    if event_id in _pushed_ids(deployment):
        return "pushed"
    assert _is_outdone(deployment, message, batch), "an event vanished"
    return "outdone"


@dataclass(frozen=True, slots=True)
class _Claim:
    """What decides whether an event's update supersedes or repeats another.

    Attributes:
        event_id: id of the event.
        audience: what it is about.
        version: its version; None if it has none.
        own_id: its own id with all that tells its sender; None if it has none.
    """

    event_id: str
    audience: frozenset[str]
    version: int | None
    own_id: tuple[Any, ...] | None

    @classmethod
    def of(cls, message: dict[str, Any]) -> Self:
        """Read an event, or an own event, that is no dead letter."""
        rule = message.get("rule", "")
        event = message["event"] if rule else message
        detail = event["detail"]
        is_clients = event.get("source") == "entity-push.client"
        sender = (event.get("source"), *(detail.get(name) for name in ("from", "connection") if is_clients))
        version = detail.get("row" if rule in _VERSIONED else "version")
        own_id = detail.get("ref" if rule in _WITH_ID else "id")
        if rule:
            audience = {f"rows/{detail['id']}"} if rule in _WITH_ID else set[str]()
            version = version if rule in _VERSIONED else None
            own_id = str(own_id) if rule in _WITH_ID else None
        else:
            audience = {*detail.get("entityIds", ()), detail.get("entityId", event["detail-type"])}
        return cls(
            event["id"],
            frozenset(audience),
            version,
            None if own_id is None else (rule, *map(str, sender), own_id),
        )

    def outdoes(self, other: Self) -> bool:
        """Tell whether the other one need not be pushed after this one."""
        if not self.audience & other.audience:
            return False
        if self.version is not None and other.version is not None and self.version >= other.version:
            return True
        return self.own_id is not None and self.own_id == other.own_id


def _is_outdone(deployment: Deployment, message: dict[str, Any], batch: list[str]) -> bool:
    """Tell whether a pushed event of the batch supersedes or repeats a message's."""
    pushed, dead = _pushed_ids(deployment), dict(deployment.queues.dead)
    claims = [
        _Claim.of(another)
        for body in batch
        if body not in dead and not {"chunk", "rest"} & (another := json.loads(body)).keys()
    ]
    own = _Claim.of(message)
    return any(
        claim.event_id in pushed and claim.event_id != own.event_id and claim.outdoes(own) for claim in claims
    )

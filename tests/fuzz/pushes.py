"""What holds for every batch of messages in the push queue."""

import json
from typing import Any

from entity_push.protocol.frames import MAX_FRAME_BYTES

from tests.fuzz import own_events
from tests.fuzz.deployment import Deployment, event
from tests.fuzz.services import strictly_json

_OWN_FIELDS = {"type", "entityId", "message", "oversize", "id", "time", "rule", "sequence", "cursor"}


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
    return max((_fate(deployment, body) for body in bad), key=["unheard", "dead letter", "pushed"].index)


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
            assert frame.keys() <= _OWN_FIELDS, "an own event brought a field"
        ids.add(frame["id"])
    return ids


def _fate(deployment: Deployment, body: str) -> str:
    """Return a message's outcome. An event with a listener must not vanish."""
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
        return _fate_of_own(deployment, message)
    pushed = message["id"] in _pushed_ids(deployment)
    if message["detail-type"] == "Send User Push Notification" and message["detail"]["userId"] != "alice":
        return "unheard"
    assert pushed, "an event vanished"
    return "pushed"


def _fate_of_own(deployment: Deployment, message: dict[str, Any]) -> str:
    own = message["event"]
    if message["rule"] in ("user", "flat") and own["detail"]["user"] != "alice":
        return "unheard"
    assert own["id"] in _pushed_ids(deployment), "an own event vanished"
    return "pushed"

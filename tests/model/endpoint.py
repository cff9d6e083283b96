"""API Gateway's connections as the push function sees them, with the delivery engine in front of it."""

import json
import time
from collections.abc import Iterable, Iterator

from entity_push.posting.posts import NOT_YET, NotYet, Outcome, Post, Result
from entity_push.table.connections import OPENING_SECONDS

from tests.model.actors import Fault, checkpoint
from tests.model.clock import Clock
from tests.model.devices import Device
from tests.model.truth import Truth


class Endpoint:
    """A delivery engine in which every post is a step.

    Args:
        devices: the clients.
        clock: the clock by which a right to updates ends.
        truth: learns of broken promises.
    """

    def __init__(self, devices: list[Device], clock: Clock, truth: Truth):
        self._devices, self._clock, self._truth = devices, clock, truth

    def deliver(self, posts: Iterable[Post | NotYet], *, deadline: float) -> Iterator[Result]:
        """Post frames into the inboxes of connected clients that still have a right to updates."""
        assert deadline > time.monotonic()
        for post in posts:
            assert post is not NOT_YET, "each result was noted before the next post"
            fault = checkpoint(f"post {json.loads(post.frame).get('cursor')} to {post.connection_id}")
            outcome = Outcome.EXPIRED
            if self._clock.time() < post.expires:
                outcome = self._post(post, fault)
            yield Result(post.connection_id, outcome, 0, "scripted", tag=post.tag)

    def _post(self, post: Post, fault: Fault) -> Outcome:
        device = self._device(post.connection_id)
        if fault is Fault.UNSENT:
            return Outcome.UNSENT
        if fault is Fault.FAILURE:
            return Outcome.RETRY
        if device is None:
            return Outcome.GONE
        if fault is Fault.GONE and device.connected_at > (time.time() - OPENING_SECONDS / 2) * 1000:
            return Outcome.GONE
        frame = json.loads(post.frame)
        if device.expires <= self._clock.time() and frame["type"] != "closing":
            self._truth.broken.append(f"{device.name} gets a frame after its token's end")
        device.inbox.append(frame)
        return Outcome.RETRY if fault is Fault.LOST_ANSWER else Outcome.DELIVERED

    def disconnect(
        self,
        connection_ids: Iterable[str],
        *,
        deadline: float,
        suspect: bool = False,  # noqa: ARG002 - it shortens the wait for an answer, and changes nothing else
    ) -> Iterator[Result]:
        """Close connections from the server's side."""
        assert deadline > time.monotonic()
        for connection_id in connection_ids:
            fault = checkpoint(f"disconnect {connection_id}")
            outcome = Outcome.DELIVERED
            if fault in (Fault.FAILURE, Fault.UNSENT):
                outcome = Outcome.RETRY
            elif device := self._device(connection_id):
                device.close()
            yield Result(connection_id, outcome, 0, "scripted")

    def _device(self, connection_id: str) -> Device | None:
        return next((device for device in self._devices if device.connection_id == connection_id), None)

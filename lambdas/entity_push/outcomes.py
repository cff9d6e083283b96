"""What is posted, and what becomes of it."""

import enum
from typing import NamedTuple


class Outcome(enum.Enum):
    """What became of one post."""

    DELIVERED = "delivered"
    """API Gateway took it (2xx)."""
    GONE = "gone"
    """The connection does not exist: closed, or its `$connect` has not returned yet (410)."""
    RETRY = "retry"
    """Throttled, 5xx, reset or silent, every time it was tried: it may be tried again later."""
    UNSENT = "unsent"
    """The run ended first (deadline, credentials): no fault of this connection. It may have got it."""
    REFUSED = "refused"
    """Any other answer (400, 403, 413 …): trying again does not help."""


class Post(NamedTuple):
    """A frame for a connection. Posts that share a frame should share the `bytes` object.

    `tag` is the caller's own: the post's result has it too.
    """

    connection_id: str
    frame: bytes
    tag: object = None


class Result(NamedTuple):
    """What became of one post: `status` of the last answer (None: there was none), a log's `reason`."""

    connection_id: str
    outcome: Outcome
    status: int | None
    reason: str
    tag: object = None

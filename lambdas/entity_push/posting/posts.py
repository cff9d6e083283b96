"""What is posted, and what becomes of it."""

import enum
import math
from typing import Final, NamedTuple


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
    EXPIRED = "expired"
    """The right to it ended before it could be sent (or sent again: it may have got it). No retry."""
    REFUSED = "refused"
    """Any other answer (400, 403, 413 …): trying again does not help."""


class Post(NamedTuple):
    """A frame for a connection. Posts that share a frame should share the `bytes` object.

    `tag` is the caller's own: the post's result has it too. No request for the post begins at or after
    `expires` (seconds since 1970).
    """

    connection_id: str
    frame: bytes
    tag: object = None
    expires: float = math.inf


class NotYet(enum.Enum):
    """The type of `NOT_YET`."""

    NOT_YET = "no post is due before another result"


NOT_YET: Final = NotYet.NOT_YET
"""What a source of posts yields when its next post depends on the results of earlier ones. The engine then
waits for a result, hands it to its caller, who may make more posts due, and draws again."""


class Result(NamedTuple):
    """What became of one post: `status` of the last answer (None: there was none), a log's `reason`."""

    connection_id: str
    outcome: Outcome
    status: int | None
    reason: str
    tag: object = None

"""Posts and their results."""

import enum
import math
from typing import Final, NamedTuple


class Outcome(enum.Enum):
    """The outcome of one post."""

    DELIVERED = "delivered"
    """API Gateway took the post (2xx)."""
    GONE = "gone"
    """The connection does not exist: closed, or its `$connect` has not returned yet (410)."""
    RETRY = "retry"
    """Every try was throttled (429), failed (408, 5xx), reset or silent; or the role has no right (403),
    perhaps not yet. A later round may succeed."""
    SILENT = "silent"
    """No answer in time, as with more than a fifth of the run's posts: the endpoint's fault, no fault of the
    connection. A try may have arrived."""
    UNSENT = "unsent"
    """The run ended first (deadline, credentials, a silent endpoint): no fault of the connection. A try may
    have arrived."""
    EXPIRED = "expired"
    """The connection's right ended before the next try. An earlier try may have arrived. No retry."""
    REFUSED = "refused"
    """API Gateway gave any other answer (400, 413 …). A retry would not help."""


class Post(NamedTuple):
    """A frame for a connection. Posts that share a frame should share the `bytes` object.

    The caller's own `tag` returns with the post's result. No request for the post begins before `begins` (by
    the engine's clock), nor at or after `expires` (seconds since 1970). A `suspect` connection has failed
    before: its one silent try is short.
    """

    connection_id: str
    frame: bytes
    tag: object = None
    expires: float = math.inf
    suspect: bool = False
    begins: float = 0.0


class NotYet(enum.Enum):
    """The type of `NOT_YET`."""

    NOT_YET = "no post is due before another result"


NOT_YET: Final = NotYet.NOT_YET
"""A source of posts yields this while its next post depends on earlier results. The engine then waits for a
result, yields the result to its caller, and draws again. The caller may have made more posts due."""


class Result(NamedTuple):
    """The result of one post: its outcome, the last answer's `status` (None: no answer), a log's `reason`."""

    connection_id: str
    outcome: Outcome
    status: int | None
    reason: str
    tag: object = None

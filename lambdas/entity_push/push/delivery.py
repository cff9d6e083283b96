"""A delivery: a queue message on its way to connections, with the outcomes of its posts."""

import time
from collections import Counter

from entity_push.posting.posts import Outcome, Result
from entity_push.protocol.events import Update
from entity_push.push.messages import Chunk
from entity_push.runtime.telemetry import logger


class Delivery:
    """A queue message on its way to connections, with the outcomes of its posts.

    Args:
        record_id: the SQS message id.
        chunk: the update and its connections.
        begins: the `time.monotonic()` before which no post begins (`Turns`).

    Attributes:
        delivered: the number of posts that API Gateway took.
        expired: the number of posts that the end of the connection's right to updates came before.
        found_gone: the number of this delivery's own posts that were answered with 410.
        began: the time of preparing, before the first post, in seconds since 1970.
        gone: connections that do not exist, or seem so.
        retry: connections whose tries all failed, and which another round tries again.
        silent: connections without an answer while the endpoint was silent.
        unsent: connections that the end of the run came before.
        last_failure: why the last post of `retry`, `silent` or `unsent` was not delivered.
        refused: connections to which API Gateway refused the post for good.
        refusals: the answers to those posts, counted.
    """

    def __init__(self, record_id: str, chunk: Chunk, begins: float = 0.0):
        self.record_id, self.chunk, self.begins = record_id, chunk, begins
        self.delivered = self.expired = self.found_gone = 0
        self.began = time.time()
        self.gone: list[str] = []
        self.retry: list[str] = []
        self.silent: list[str] = []
        self.unsent: list[str] = []
        self.last_failure: str | None = None
        self.refused: list[str] = []
        self.refusals: Counter[str] = Counter()

    @property
    def update(self) -> Update:
        """The update to deliver."""
        return self.chunk.update

    @property
    def is_settled(self) -> bool:
        """Whether every connection has an outcome."""
        waiting = len(self.gone) + len(self.retry) + len(self.silent) + len(self.unsent)
        return self.delivered + len(self.refused) + self.expired + waiting == len(self.chunk.subscribers)

    def hold_back(self, connection_id: str, outcome: Outcome) -> None:
        """Give a connection the outcome of the channel's earlier update, which failed and comes first."""
        # A gone connection may turn out to be only opening. Then the connection needs this update too.
        self._waiting(outcome).append(connection_id)

    def _waiting(self, outcome: Outcome) -> list[str]:
        """Return the list of the connections with an outcome after which there is more to do."""
        return {
            Outcome.RETRY: self.retry,
            Outcome.SILENT: self.silent,
            Outcome.UNSENT: self.unsent,
            Outcome.GONE: self.gone,
        }[outcome]

    def note(self, result: Result) -> None:
        """Note the result of one post."""
        connection_id = result.connection_id
        match result.outcome:
            case Outcome.DELIVERED:
                self.delivered += 1
            case Outcome.GONE:
                self.gone.append(connection_id)
                self.found_gone += 1
            case Outcome.RETRY | Outcome.SILENT | Outcome.UNSENT:
                self._waiting(result.outcome).append(connection_id)
                self.last_failure = result.reason
            case Outcome.EXPIRED:
                self.expired += 1
            case Outcome.REFUSED:
                self.refused.append(connection_id)
                self.refusals[f"{result.status} {result.reason}".strip()] += 1
                logger.error(
                    "refused",
                    connection_id=connection_id,
                    channel=self.update.channel,
                    event_id=self.update.event_id,
                    status=result.status,
                    reason=result.reason,
                )

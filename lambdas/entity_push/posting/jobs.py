"""Jobs: posts on their way through the engine, and those that wait for their time."""

import heapq
import math
from dataclasses import dataclass

from entity_push.posting.posts import Outcome, Post, Result
from entity_push.posting.signing import Stamp


@dataclass(slots=True, eq=False)
class Job:
    """A post on its way through the engine, with the history of its requests."""

    post: Post
    tries: int = 0
    fresh: bool = False  # needs a new HTTP connection: the last one failed
    silent: bool = False  # has had a try without an answer
    status: int | None = None
    stamp: Stamp | None = None

    def result(self, outcome: Outcome, reason: str) -> Result:
        """Return the post's result."""
        return Result(self.post.connection_id, outcome, self.status, reason, self.post.tag)


class Waiting:
    """Jobs that wait for another try, or for their first, in the order of their due times."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Job]] = []  # due time, tie-breaker, job
        self._count = 0

    def __len__(self) -> int:
        return len(self._heap)

    @property
    def next_due(self) -> float:
        """The earliest due time; infinite without jobs."""
        return self._heap[0][0] if self._heap else math.inf

    def add(self, job: Job, due: float) -> None:
        """Let a job wait until its due time."""
        self._count += 1
        heapq.heappush(self._heap, (due, self._count, job))

    def pop(self) -> Job:
        """Take the job that is due first."""
        return heapq.heappop(self._heap)[2]

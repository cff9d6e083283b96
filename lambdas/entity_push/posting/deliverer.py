"""Posting frames to many connections at once, through API Gateway's `@connections`.

    deliverer = Deliverer(endpoint, region, credentials)
    for result in deliverer.deliver(posts, deadline=time.monotonic() + 20):
        print(result.connection_id, result.outcome)

Three parts, from the outside in: `Deliverer` keeps what outlives a call (connections, signing key,
pace); `_Run` decides, for one call, what is sent when and what an answer means; `Transport` moves
bytes. One thread, HTTP/1.1 without pipelining, so requests in flight = connections in use.

A post that failed ambiguously (a reset or a silence before the answer's status line) may have reached
its client and is sent again: at least once. Clients drop what they have seen by its `sequence`.
"""

import heapq
import math
import random
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from operator import length_hint

from entity_push.posting.pacing import Window
from entity_push.posting.posts import Outcome, Post, Result
from entity_push.posting.signing import Credentials, Signer, Stamp, credentials_at_fault
from entity_push.posting.transport import Ended, Fault, Transport
from entity_push.runtime.tls import default_ca_file

__all__ = ["Deliverer", "Outcome", "Post", "Result"]

_STAMP_SECONDS = 10.0  # how long one signing date (valid for 5 minutes) and set of credentials serve
_SWEEP_SECONDS = 0.1  # how often silent requests are looked for
_WAITING_RETRIES = 4096  # beyond this, no new post is drawn: memory stays flat whatever fails
_THROTTLED_PAUSE = 0.01  # seconds before the first retry of a 429, doubled from then on
_THROTTLED_ATTEMPTS = 2  # how much more often a 429 is tried again than anything else: it comes at once
_FAILED_PAUSE = 0.05  # the same for anything else


@dataclass(slots=True, eq=False)
class _Job:
    """A request on its way through the engine; `frame` None means DELETE."""

    connection_id: str
    frame: bytes | None
    attempts: int = 0
    fresh: bool = False  # not on a kept-alive connection again: the last one was closed
    status: int | None = None
    stamp: Stamp | None = None
    tag: object = None
    expires: float = math.inf


class Deliverer:
    """Posts frames and disconnects clients; keeps its connections between calls.

    Not thread-safe, and one run at a time: exhaust or close an iterator before the next call.

    Args:
        endpoint: `https://{api}.execute-api.{region}.amazonaws.com/{stage}`, or a local
            `http://host:port/…/{stage}`; `/@connections/{id}` is appended.
        region: The AWS Region to sign for.
        credentials: Called at the start of each run, every 10 seconds, and when API Gateway refuses
            the credentials; returns the current ones.
        max_in_flight: The most requests in flight, which is the most connections.
        attempts: How often one post is sent at most; up to twice more while it is throttled. Not counted
            is what most likely reached nobody: a request on a kept-alive connection that turned out to
            be closed, at an address that can't be reached, or with credentials that had expired.
        timeout: Seconds after which an unanswered request counts as failed.
        ca_file: Authorities to trust, PEM. Default: the environment's `AWS_CA_BUNDLE`, then
            certifi's or botocore's bundle, as botocore does.

    Raises:
        ValueError: The endpoint is not one.
        OSError: The authorities can't be read.
    """

    def __init__(
        self,
        endpoint: str,
        region: str,
        credentials: Callable[[], Credentials],
        *,
        max_in_flight: int = 256,
        attempts: int = 5,
        timeout: float = 5.0,
        ca_file: str | None = None,
    ) -> None:
        self.signer = Signer(endpoint, region)
        self.credentials = credentials
        self.max_in_flight, self.attempts, self.timeout = max_in_flight, attempts, timeout
        if ca_file is None and self.signer.origin.startswith("https:"):
            ca_file = default_ca_file()
        self.window = Window(max_in_flight)
        self.ended = time.monotonic()  # the last run
        self.transport: Transport[_Job] = Transport(self.signer.origin, ca_file, max_in_flight)

    def deliver(
        self, posts: Iterable[Post | None], *, deadline: float, expected: int | None = None
    ) -> Iterator[Result]:
        """Post each frame to its connection.

        Args:
            posts: Drawn lazily, a few at a time; may block for a page fetch. None among them means that
                none is due before another result. An exception that it raises is raised here too,
                after the results of what was drawn before.
            deadline: `time.monotonic()` at which this ends; what is unfinished then is UNSENT. The
                rest of `posts` is still drawn, so that it is reported.
            expected: About how many posts there are, if known; otherwise `len(posts)` if it has
                one. About 4·√n connections are opened, and n grows with what was drawn; those that
                are open already are used too, and √n/2 more.

        Yields:
            Exactly one result per post, in the order in which they are settled.
        """
        jobs = (
            post and _Job(post.connection_id, post.frame, tag=post.tag, expires=post.expires)
            for post in posts
        )
        return _Run(self, jobs, deadline, expected or length_hint(posts)).results()

    def disconnect(self, connection_ids: Iterable[str], *, deadline: float) -> Iterator[Result]:
        """Close connections (`DeleteConnection`); DELIVERED means closed, GONE that it was.

        Arguments and results are as with `deliver`.
        """
        jobs = (_Job(connection_id, None) for connection_id in connection_ids)
        return _Run(self, jobs, deadline, length_hint(connection_ids)).results()

    def close(self) -> None:
        """Close the connections. The deliverer can't be used afterwards."""
        self.transport.close()


class _Run:
    """One call: what to send next, what an answer means, and when to stop."""

    def __init__(
        self, deliverer: Deliverer, jobs: Iterator[_Job | None], deadline: float, expected: int
    ) -> None:
        self._deliverer, self._transport = deliverer, deliverer.transport
        self._signer, self._window = deliverer.signer, deliverer.window
        self._jobs, self._deadline, self._expected = jobs, deadline, expected
        # Nothing is started right before the deadline only to be cut off there, perhaps delivered.
        now = time.monotonic()
        self._last_start = deadline - min(0.25, max(0.0, deadline - now) / 4)
        self._warm = self._drawn = self._count = 0
        self._retrying = False  # whose turn it was last
        self._exhausted = self._dry = False  # no further posts; none before another result
        self._stopped: str | None = None  # why nothing more is sent
        self._source_error: Exception | None = None
        self._later: list[tuple[float, int, _Job]] = []  # a heap: due time, tie-breaker, job
        self._settled: deque[Result] = deque()
        self._stamp: Stamp | None = None
        self._headers = b""
        self._tail: tuple[bytes | None, bytes] | None = None  # a frame, and its requests' constant end
        self._stamped = self._swept = now

    def results(self) -> Iterator[Result]:
        if self._transport.in_flight:
            raise RuntimeError("another run of this deliverer is not finished")
        self._transport.prune()
        self._warm = self._transport.open
        self._window.rest(time.monotonic() - self._deliverer.ended)
        try:
            self._stamp_again()
            while True:
                self._fill()
                while self._settled:  # only now: the connections are busy while the caller works
                    yield self._settled.popleft()
                if self._dry:
                    self._fill()  # those results may have made more due
                if self._is_finished:
                    break
                for ended in self._transport.wait(self._pause()):
                    self._settle(ended)
                self._sweep()
            for _, _, job in self._later:
                yield self._unsent(job)
            while (left := self._draw()) is not None:
                yield self._unsent(left)
        finally:
            self._transport.abandon()
            self._deliverer.ended = time.monotonic()
        if self._source_error is not None:
            raise self._source_error

    @property
    def _is_drawn(self) -> bool:
        return self._exhausted or self._dry

    @property
    def _is_finished(self) -> bool:
        idle = not self._transport.in_flight and not self._settled
        return idle and (self._stopped is not None or (self._is_drawn and not self._later))

    def _fill(self) -> None:
        """Start what may be started now."""
        now, self._dry = time.monotonic(), False
        if self._stopped is None and now >= self._last_start:
            self._stopped = "deadline"
        if self._stopped is None and now - self._stamped > _STAMP_SECONDS:
            self._stamp_again()
        room = self._limit() - self._transport.in_flight
        while room > 0 and self._stopped is None:
            room -= 1
            job = self._next(now)
            if job is None:
                return
            self._start(job)
            if time.monotonic() - now > _SWEEP_SECONDS:
                return  # drawing was slow: look after what is in flight

    def _next(self, now: float) -> _Job | None:
        """Return what to start: by turns a retry that is due and a new post, so that neither waits long."""
        due = bool(self._later) and self._later[0][0] <= now
        self._retrying = not self._retrying
        new = not (due and self._retrying) and len(self._later) < _WAITING_RETRIES
        if new and (job := self._draw()) is not None:
            return job
        return heapq.heappop(self._later)[2] if due else None

    def _limit(self) -> int:
        """About 4·√n connections are worth opening for this run (a handshake costs as much as 40 posts).

        Those that are open already cost nothing, and a few more each time pay off in the next runs.
        """
        root = math.sqrt(max(self._expected, self._drawn + 1))
        worth = max(8, math.ceil(4 * root))
        if self._warm:
            worth = max(worth, self._warm + math.ceil(root / 2))
        return min(int(self._window.size), worth)

    def _draw(self) -> _Job | None:
        """Return the next new post; None if there is none, or none yet."""
        if self._is_drawn:
            return None
        try:
            job = next(self._jobs)
        except StopIteration:
            self._exhausted = True
            return None
        except Exception as error:
            self._source_error, self._exhausted = error, True
            return None
        self._dry = job is None
        self._drawn += job is not None
        return job

    def _start(self, job: _Job) -> None:
        if job.connection_id in ("", ".", ".."):  # would be another path
            self._result(job, Outcome.REFUSED, None, "not a connection id")
            return
        if time.time() >= job.expires:
            self._result(job, Outcome.EXPIRED, job.status, "its right to updates has ended")
            return
        assert self._stamp is not None
        job.attempts += 1
        job.stamp = self._stamp
        method = "DELETE" if job.frame is None else "POST"
        payload_hash = self._signer.payload_hash(job.frame or b"")
        target, authorization = self._stamp.sign(method, job.connection_id, payload_hash)
        head = f"{method} {target} HTTP/1.1\r\n{authorization}\r\n".encode()
        request = head + self._end_of_request(job.frame)
        self._transport.start(job, request, fresh=job.fresh, latest=job.expires)

    def _end_of_request(self, frame: bytes | None) -> bytes:
        """Return what the requests for a frame have in common: the other headers, and the frame."""
        if self._tail is None or self._tail[0] is not frame:
            length = "" if frame is None else f"Content-Length: {len(frame)}\r\n"
            self._tail = frame, self._headers + f"{length}\r\n".encode() + (frame or b"")
        return self._tail[1]

    def _settle(self, ended: Ended[_Job]) -> None:
        job, status = ended.tag, ended.status
        if status is None:
            self._settle_failure(ended)
            return
        if status != 429 or job.status != 429:  # the same client again says nothing of the others
            self._window.note(throttled=status == 429)
        job.status = status
        if 200 <= status < 300:
            self._result(job, Outcome.DELIVERED, status, "")
        elif status == 410:
            self._result(job, Outcome.GONE, status, ended.reason)
        elif status == 429:
            self._again(job, f"{status} {ended.reason}", _THROTTLED_PAUSE, more=_THROTTLED_ATTEMPTS)
        elif status == 408 or status >= 500:
            self._again(job, f"{status} {ended.reason}", _FAILED_PAUSE)
        elif credentials_at_fault(status, ended.reason):
            if job.stamp is self._stamp and not self._stamp_again():
                self._stopped = self._stopped or f"credentials: {ended.reason}"
            job.attempts -= 1  # no fault of this connection
            self._again(job, f"{status} {ended.reason}", 0.0)
        else:
            self._result(job, Outcome.REFUSED, status, ended.reason)

    def _settle_failure(self, ended: Ended[_Job]) -> None:
        job = ended.tag
        if ended.fault is Fault.LATE:
            self._result(job, Outcome.EXPIRED, job.status, ended.reason)
            return
        if ended.fault is Fault.UNTRUSTED:
            self._stopped = self._stopped or ended.reason
            job.attempts -= 1
        free = ended.fault is Fault.UNSEEN
        job.fresh = True
        if free:
            job.attempts -= 1
        self._again(job, ended.reason, 0.0 if free else _FAILED_PAUSE)

    def _again(self, job: _Job, reason: str, pause: float, more: int = 0) -> None:
        """Send a job once more after a while, `pause` seconds doubled per attempt, with jitter."""
        if job.attempts >= self._deliverer.attempts + more:
            self._result(job, Outcome.RETRY, job.status, reason)
            return
        due = time.monotonic()
        if pause:
            due += min(2.0, pause * 2.0 ** (job.attempts - 1)) * random.uniform(0.5, 1.0)  # noqa: S311
        if due >= self._last_start:
            self._result(job, Outcome.UNSENT, job.status, f"deadline: {reason}")
            return
        self._count += 1
        heapq.heappush(self._later, (due, self._count, job))

    def _stamp_again(self) -> bool:
        """Make a stamp with the current credentials; tell whether they have changed."""
        before = self._stamp
        try:
            credentials = self._deliverer.credentials()
        except Exception as error:
            self._stopped = self._stopped or f"credentials: {error!r}"
            return False
        self._stamp, self._stamped = self._signer.stamp(credentials), time.monotonic()
        # Without a type, local stand-ins might parse the frame as a form.
        host = self._signer.origin.partition("//")[2]
        lines = [f"Host: {host}", "Content-Type: application/octet-stream", *self._stamp.headers]
        self._headers, self._tail = "".join(f"{line}\r\n" for line in lines).encode(), None
        return before is None or before.credentials != credentials

    def _sweep(self) -> None:
        """End silent requests, and all of them at the deadline."""
        now = time.monotonic()
        if now >= self._deadline:
            for ended in self._transport.silent(math.inf):
                if ended.status is None:
                    self._result(ended.tag, Outcome.UNSENT, ended.tag.status, "deadline")
                else:
                    self._settle(ended)
        elif now - self._swept > _SWEEP_SECONDS:
            self._swept = now
            for ended in self._transport.silent(now - self._deliverer.timeout):
                self._settle(ended)

    def _pause(self) -> float:
        if self._settled:
            return 0.0
        due = self._later[0][0] if self._later else math.inf
        if self._stopped or self._transport.in_flight >= self._limit():
            due = math.inf
        elif not self._is_drawn and len(self._later) < _WAITING_RETRIES:
            return 0.0  # much of what was drawn was settled without a request: there is room for more
        ends = min(due, self._deadline if self._stopped else self._last_start)
        return max(0.0, min(ends - time.monotonic(), _SWEEP_SECONDS))

    def _unsent(self, job: _Job) -> Result:
        return Result(job.connection_id, Outcome.UNSENT, job.status, self._stopped or "deadline", job.tag)

    def _result(self, job: _Job, outcome: Outcome, status: int | None, reason: str) -> None:
        self._settled.append(Result(job.connection_id, outcome, status, reason, job.tag))

"""Posting frames to many connections at once, through API Gateway's `@connections`.

    deliverer = Deliverer(endpoint, region, credentials)
    for result in deliverer.deliver(posts, deadline=time.monotonic() + 20):
        print(result.connection_id, result.outcome)

Three parts, from the outside in: `Deliverer` keeps what outlives a call (connections, signing key,
pace); `_Run` decides, for one call, what is sent when and what an answer means; `_Transport` moves
bytes with libcurl's multi interface under one epoll. One thread, HTTP/1.1 without pipelining, so
requests in flight = connections in use.

A post that failed ambiguously (a reset or a silence before the answer's status line) may have reached
its client and is sent again: at least once. Clients drop what they have seen by its `sequence`.
"""

import contextlib
import enum
import heapq
import importlib.util
import math
import os
import random
import select
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from operator import length_hint
from pathlib import Path
from typing import Any, NamedTuple

import pycurl  # type: ignore[import-untyped]

from entity_push.signing import Credentials, Signer, SigningCredentials, Stamp, credentials_at_fault

__all__ = ["Credentials", "Deliverer", "Outcome", "Post", "Result"]

_STAMP_SECONDS = 10.0  # how long one signing date (valid for 5 minutes) and set of credentials serve
_SWEEP_SECONDS = 0.1  # how often silent requests are looked for
_WAITING_RETRIES = 4096  # beyond this, no new post is drawn: memory stays flat whatever fails
_THROTTLED_PAUSE = 0.1  # seconds before the first retry of a 429, doubled from then on
_FAILED_PAUSE = 0.05  # the same for anything else
_SLOWEST = 16  # throttling never goes below this many requests in flight

# libcurl errors that a closed kept-alive connection may cause, and those that nothing can cure.
_CLOSED = frozenset((pycurl.E_GOT_NOTHING, pycurl.E_SEND_ERROR, pycurl.E_RECV_ERROR))
_HOPELESS = frozenset((pycurl.E_PEER_FAILED_VERIFICATION, pycurl.E_SSL_CACERT_BADFILE))


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


@dataclass(slots=True, eq=False)
class _Slot:
    """A libcurl handle, used for one request after the other."""

    handle: Any
    # Answers are tiny; a bound on what is kept of a strange one. Appending is done by C code.
    headers: deque[bytes] = field(default_factory=lambda: deque(maxlen=64))
    body: deque[bytes] = field(default_factory=lambda: deque(maxlen=4))
    frame: bytes | None = b""
    fresh: bool = False
    job: _Job | None = None
    since: float = 0.0


class _Answer(NamedTuple):
    """How a transfer ended: an HTTP status, or libcurl's error (`status` None)."""

    job: _Job
    status: int | None
    error: int
    reason: str
    reused: bool = False


class _Transport:
    """Requests in, answers out; knows libcurl and sockets, and no policy."""

    def __init__(self, origin: str, ca_file: str | None, connections: int) -> None:
        self.in_flight: dict[Any, _Slot] = {}
        self._origin, self._ca_file = origin, ca_file
        self._free: list[_Slot] = []
        self._epoll = select.epoll()
        # Sockets stay in the epoll between two requests; libcurl's own idea would cost two system
        # calls more per request.
        self._registered: set[int] = set()
        self._watched: set[int] = set()
        self._timer: float | None = None
        self._looked = time.monotonic()
        self._multi = pycurl.CurlMulti()
        self._multi.setopt(pycurl.M_PIPELINING, pycurl.PIPE_NOTHING)
        self._multi.setopt(pycurl.M_MAXCONNECTS, connections)
        self._multi.setopt(pycurl.M_SOCKETFUNCTION, self._on_socket)
        self._multi.setopt(pycurl.M_TIMERFUNCTION, self._on_timer)

    def _new_slot(self) -> _Slot:
        slot = _Slot(pycurl.Curl())
        setopt = slot.handle.setopt
        setopt(pycurl.URL, self._origin)
        setopt(pycurl.HTTP_VERSION, pycurl.CURL_HTTP_VERSION_1_1)
        setopt(pycurl.NOSIGNAL, 1)
        setopt(pycurl.PROXY, "")  # "": not even what the environment names
        setopt(pycurl.FOLLOWLOCATION, 0)
        setopt(pycurl.HEADERFUNCTION, slot.headers.append)
        setopt(pycurl.WRITEFUNCTION, slot.body.append)
        setopt(pycurl.POST, 1)
        setopt(pycurl.POSTFIELDS, b"")
        if self._ca_file is not None:
            setopt(pycurl.CAINFO, self._ca_file)
        return slot

    def start(self, job: _Job, target: str, headers: list[str]) -> None:
        """Sends a request as soon as `wait` is called."""
        slot = self._free.pop() if self._free else self._new_slot()
        setopt = slot.handle.setopt
        if slot.frame is not job.frame:
            if job.frame is None:
                setopt(pycurl.HTTPGET, 1)  # drops the body
                setopt(pycurl.CUSTOMREQUEST, "DELETE")
            else:
                if slot.frame is None:
                    slot.handle.unsetopt(pycurl.CUSTOMREQUEST)
                setopt(pycurl.POSTFIELDS, job.frame)
            slot.frame = job.frame
        if slot.fresh is not job.fresh:
            setopt(pycurl.FRESH_CONNECT, int(job.fresh))
            slot.fresh = job.fresh
        setopt(pycurl.REQUEST_TARGET, target)
        setopt(pycurl.HTTPHEADER, headers)
        slot.job, slot.since = job, time.monotonic()
        self.in_flight[slot.handle] = slot
        self._multi.add_handle(slot.handle)

    def wait(self, seconds: float) -> list[_Answer]:
        """Moves bytes; returns the answers that came within `seconds` (perhaps none)."""
        now = time.monotonic()
        self._forgive(now)
        if self._timer is not None and self._timer <= now:
            self._timer, seconds = None, 0.0
            self._multi.socket_action(pycurl.SOCKET_TIMEOUT, 0)
        elif self._timer is not None:
            seconds = min(seconds, self._timer - now)
        for fd, events in self._epoll.poll(max(0.0, seconds)):
            if fd in self._watched:
                self._multi.socket_action(
                    fd,
                    (pycurl.CSELECT_OUT if events & select.EPOLLOUT else 0)
                    | (pycurl.CSELECT_IN if events & ~select.EPOLLOUT else 0),
                )
            else:  # an idle connection was closed, or got a TLS ticket: libcurl will see
                self._forget(fd)
        answers: list[_Answer] = []
        queued = 1
        while queued:
            queued, finished, failed = self._multi.info_read()
            answers += [self._answered(self.in_flight[handle]) for handle in finished]
            answers += [self._failed(self.in_flight[handle], error, text) for handle, error, text in failed]
        self._looked = time.monotonic()
        return answers

    def _forgive(self, now: float) -> None:
        """Doesn't count as silence when nobody listened: the caller worked, or fetched a page."""
        if (away := now - self._looked) > _SWEEP_SECONDS:
            for slot in self.in_flight.values():
                slot.since = min(now, slot.since + away)

    def silent(self, since: float) -> list[_Answer]:
        """Ends the requests that began before `since`; `wait` must have been called just before."""
        slots = [slot for slot in self.in_flight.values() if slot.since < since]
        return [self._failed(slot, pycurl.E_OPERATION_TIMEDOUT, "no answer") for slot in slots]

    def abandon(self) -> None:
        """Ends all requests in flight."""
        with contextlib.suppress(pycurl.error):  # at the end of the process, all may be gone already
            for slot in list(self.in_flight.values()):
                self.release(slot)

    def close(self) -> None:
        self.abandon()
        self._multi.close()
        for slot in self._free:
            slot.handle.close()
        self._free.clear()
        self._epoll.close()

    def _answered(self, slot: _Slot) -> _Answer:
        status: int = slot.handle.getinfo(pycurl.RESPONSE_CODE)
        reason = "" if status == 200 else _error_of(slot)
        return _Answer(self.release(slot), status, 0, reason)

    def _failed(self, slot: _Slot, error: int, text: str) -> _Answer:
        if slot.handle.getinfo(pycurl.RESPONSE_CODE) >= 200:
            return self._answered(slot)  # cut after the status line, which is all that matters
        reused = slot.handle.getinfo(pycurl.NUM_CONNECTS) == 0
        return _Answer(self.release(slot), None, error, f"curl {error}: {text}", reused)

    def release(self, slot: _Slot) -> _Job:
        """Ends a request, answered or not, and makes its handle free for the next."""
        self._multi.remove_handle(slot.handle)  # closes the connection of an unfinished request
        del self.in_flight[slot.handle]
        slot.headers.clear()
        slot.body.clear()
        job, slot.job = slot.job, None
        self._free.append(slot)
        assert job is not None
        return job

    def _on_timer(self, milliseconds: int) -> None:
        self._timer = None if milliseconds < 0 else time.monotonic() + milliseconds / 1000

    def _on_socket(self, what: int, fd: int, _multi: object, _data: object) -> None:
        if what == pycurl.POLL_REMOVE:
            self._watched.discard(fd)
            return
        events = (select.EPOLLIN if what & pycurl.POLL_IN else 0) | (
            select.EPOLLOUT if what & pycurl.POLL_OUT else 0
        )
        self._watched.add(fd)
        if fd in self._registered:
            # Closed sockets leave an epoll by themselves, and their numbers come back.
            with contextlib.suppress(FileNotFoundError):
                self._epoll.modify(fd, events)
                return
        self._registered.add(fd)
        self._epoll.register(fd, events)

    def _forget(self, fd: int) -> None:
        self._registered.discard(fd)
        with contextlib.suppress(OSError):
            self._epoll.unregister(fd)


def _error_of(slot: _Slot) -> str:
    for line in slot.headers:
        if line[:17].lower() == b"x-amzn-errortype:":
            return line[17:].decode("latin-1").strip().partition(":")[0]
    return b"".join(slot.body)[:200].decode("utf-8", "replace")


class _Window:
    """How many requests may be in flight: fewer when API Gateway throttles, then slowly more.

    429 means the account's throttle or one client's full buffer, and the answer does not tell
    which: `LimitExceededException` is "more than the allowed number of requests per unit of time or the
    WebSocket client side buffer is full", says PostToConnection's API reference. So what counts is their
    share among the answers of one round (as many as were in flight): a few slow clients change nothing,
    the throttle hits one in ten and more.
    """

    def __init__(self, most: int) -> None:
        self._most, self.size = most, float(most)
        self._answers = self._throttled = 0

    def note(self, throttled: bool) -> None:
        """Takes one answer into account."""
        self._answers += 1
        self._throttled += throttled
        if self._answers < max(_SLOWEST, self.size):
            return
        share = self._throttled / self._answers
        self._answers = self._throttled = 0
        if share > 0.1:
            self.size = max(min(_SLOWEST, self._most), self.size * 0.7)
        elif share < 0.03:
            self.size = min(self._most, self.size + max(1.0, self.size * 0.05))


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
        attempts: How often one post is sent at most (not counting requests on a kept-alive
            connection that turned out to be closed).
        timeout: Seconds after which an unanswered request counts as failed.
        ca_file: Authorities to trust, PEM. Default: the environment's `AWS_CA_BUNDLE`, then
            certifi's or botocore's bundle, as botocore does.

    Raises:
        ValueError: The endpoint is not one.
    """

    def __init__(
        self,
        endpoint: str,
        region: str,
        credentials: Callable[[], SigningCredentials],
        *,
        max_in_flight: int = 256,
        attempts: int = 4,
        timeout: float = 5.0,
        ca_file: str | None = None,
    ) -> None:
        self.signer = Signer(endpoint, region)
        self.credentials = credentials
        self.max_in_flight, self.attempts, self.timeout = max_in_flight, attempts, timeout
        if ca_file is None and self.signer.origin.startswith("https:"):
            ca_file = _default_ca_file()
        self.window = _Window(max_in_flight)
        self.transport = _Transport(self.signer.origin, ca_file, max_in_flight)

    def deliver(
        self, posts: Iterable[Post], *, deadline: float, expected: int | None = None
    ) -> Iterator[Result]:
        """Posts each frame to its connection.

        Args:
            posts: Drawn lazily, a few at a time; may block for a page fetch. An exception that it
                raises is raised here too, after the results of what was drawn before.
            deadline: `time.monotonic()` at which this ends; what is unfinished then is UNSENT. The
                rest of `posts` is still drawn, so that it is reported.
            expected: About how many posts there are, if known; otherwise `len(posts)` if it has
                one. About 4·√n connections are opened, and n grows with what was drawn.

        Yields:
            Exactly one result per post, in the order in which they are settled.
        """
        jobs = (_Job(post.connection_id, post.frame, tag=post.tag) for post in posts)
        return _Run(self, jobs, deadline, expected or length_hint(posts)).results()

    def disconnect(self, connection_ids: Iterable[str], *, deadline: float) -> Iterator[Result]:
        """Closes connections (`DeleteConnection`); DELIVERED means closed, GONE that it was.

        Arguments and results are as with `deliver`.
        """
        jobs = (_Job(connection_id, None) for connection_id in connection_ids)
        return _Run(self, jobs, deadline, length_hint(connection_ids)).results()

    def close(self) -> None:
        """Closes the connections. The deliverer can't be used afterwards."""
        self.transport.close()


class _Run:
    """One call: what to send next, what an answer means, and when to stop."""

    def __init__(self, deliverer: Deliverer, jobs: Iterator[_Job], deadline: float, expected: int) -> None:
        self._deliverer, self._transport = deliverer, deliverer.transport
        self._signer, self._window = deliverer.signer, deliverer.window
        self._jobs, self._deadline, self._expected = jobs, deadline, expected
        # Nothing is started right before the deadline only to be cut off there, perhaps delivered.
        now = time.monotonic()
        self._last_start = deadline - min(0.25, max(0.0, deadline - now) / 4)
        self._drawn = self._count = 0
        self._exhausted = False
        self._stopped: str | None = None  # why nothing more is sent
        self._source_error: Exception | None = None
        self._later: list[tuple[float, int, _Job]] = []  # a heap: due time, tie-breaker, job
        self._settled: deque[Result] = deque()
        self._stamp: Stamp | None = None
        self._headers: list[str] = []
        self._stamped = self._swept = now

    def results(self) -> Iterator[Result]:
        if self._transport.in_flight:
            raise RuntimeError("another run of this deliverer is not finished")
        try:
            self._stamp_again()
            while True:
                self._fill()
                while self._settled:  # only now: the connections are busy while the caller works
                    yield self._settled.popleft()
                if not self._transport.in_flight and (self._stopped or (self._exhausted and not self._later)):
                    break
                for answer in self._transport.wait(self._pause()):
                    self._settle(answer)
                self._sweep()
            for _, _, job in self._later:
                yield self._unsent(job)
            while (left := self._draw()) is not None:
                yield self._unsent(left)
        finally:
            self._transport.abandon()
        if self._source_error is not None:
            raise self._source_error

    def _fill(self) -> None:
        """Starts what may be started now: retries that are due first, then new posts."""
        now = time.monotonic()
        if self._stopped is None and now >= self._last_start:
            self._stopped = "deadline"
        if self._stopped is None and now - self._stamped > _STAMP_SECONDS:
            self._stamp_again()
        room = self._limit() - len(self._transport.in_flight)
        while room > 0 and self._stopped is None:
            room -= 1
            if self._later and self._later[0][0] <= now:
                self._start(heapq.heappop(self._later)[2])
            elif len(self._later) < _WAITING_RETRIES and (job := self._draw()) is not None:
                self._start(job)
                if time.monotonic() - now > _SWEEP_SECONDS:
                    return  # drawing was slow: look after what is in flight
            else:
                return

    def _limit(self) -> int:
        """About 4·√n connections are the cheapest (a handshake costs as much as 20 posts)."""
        n = max(self._expected, self._drawn + 1)
        return min(int(self._window.size), max(8, math.ceil(4 * math.sqrt(n))))

    def _draw(self) -> _Job | None:
        if self._exhausted:
            return None
        try:
            job = next(self._jobs, None)
        except Exception as error:
            self._source_error, job = error, None
        if job is None:
            self._exhausted = True
        else:
            self._drawn += 1
        return job

    def _start(self, job: _Job) -> None:
        if job.connection_id in ("", ".", ".."):  # would be another path
            self._result(job, Outcome.REFUSED, None, "not a connection id")
            return
        assert self._stamp is not None
        job.attempts += 1
        job.stamp = self._stamp
        method = "DELETE" if job.frame is None else "POST"
        payload_hash = self._signer.payload_hash(job.frame or b"")
        target, authorization = self._stamp.sign(method, job.connection_id, payload_hash)
        self._transport.start(job, target, [authorization, *self._headers])

    def _settle(self, answer: _Answer) -> None:
        job, status = answer.job, answer.status
        job.status = status or job.status
        if status is None:
            self._settle_failure(answer)
            return
        if status != 429 or job.attempts == 1:  # the same client again says nothing of the others
            self._window.note(throttled=status == 429)
        if 200 <= status < 300:
            self._result(job, Outcome.DELIVERED, status, "")
        elif status == 410:
            self._result(job, Outcome.GONE, status, answer.reason)
        elif status in (408, 429) or status >= 500:
            pause = _THROTTLED_PAUSE if status == 429 else _FAILED_PAUSE
            self._again(job, f"{status} {answer.reason}", pause)
        elif credentials_at_fault(status, answer.reason):
            if job.stamp is self._stamp and not self._stamp_again():
                self._stopped = self._stopped or f"credentials: {answer.reason}"
            job.attempts -= 1  # no fault of this connection
            self._again(job, f"{status} {answer.reason}", 0.0)
        else:
            self._result(job, Outcome.REFUSED, status, answer.reason)

    def _settle_failure(self, answer: _Answer) -> None:
        job = answer.job
        if answer.error in _HOPELESS:
            self._stopped = self._stopped or answer.reason
            job.attempts -= 1
        # libcurl itself has already tried up to five other kept-alive connections.
        free = answer.reused and answer.error in _CLOSED and not job.fresh
        job.fresh = True
        if free:
            job.attempts -= 1
        self._again(job, answer.reason, 0.0 if free else _FAILED_PAUSE)

    def _again(self, job: _Job, reason: str, pause: float) -> None:
        """Sends a job once more after a while, `pause` seconds doubled per attempt, with jitter."""
        if job.attempts >= self._deliverer.attempts:
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
        """Makes a stamp with the current credentials; tells whether they have changed."""
        before = self._stamp
        try:
            credentials = self._deliverer.credentials()
        except Exception as error:
            self._stopped = self._stopped or f"credentials: {error!r}"
            return False
        self._stamp, self._stamped = self._signer.stamp(credentials), time.monotonic()
        # libcurl's own type, a form's, would be parsed by local stand-ins.
        self._headers = ["Content-Type: application/octet-stream", *self._stamp.headers]
        return before is None or before.credentials != credentials

    def _sweep(self) -> None:
        """Ends silent requests, and all of them at the deadline."""
        now = time.monotonic()
        if now >= self._deadline:
            for answer in self._transport.silent(math.inf):
                if answer.status is None:
                    self._result(answer.job, Outcome.UNSENT, answer.job.status, "deadline")
                else:
                    self._settle(answer)
        elif now - self._swept > _SWEEP_SECONDS:
            self._swept = now
            for answer in self._transport.silent(now - self._deliverer.timeout):
                self._settle(answer)

    def _pause(self) -> float:
        due = self._later[0][0] if self._later else math.inf
        if self._stopped or len(self._transport.in_flight) >= self._limit():
            due = math.inf
        ends = min(due, self._deadline if self._stopped else self._last_start)
        return max(0.0, min(ends - time.monotonic(), _SWEEP_SECONDS))

    def _unsent(self, job: _Job) -> Result:
        return Result(job.connection_id, Outcome.UNSENT, job.status, self._stopped or "deadline", job.tag)

    def _result(self, job: _Job, outcome: Outcome, status: int | None, reason: str) -> None:
        self._settled.append(Result(job.connection_id, outcome, status, reason, job.tag))


def _default_ca_file() -> str:
    """The bundle that botocore would use, found without importing it: that costs 100 ms."""
    if named := os.environ.get("AWS_CA_BUNDLE"):
        return named
    for package in ("certifi", "botocore"):
        spec = importlib.util.find_spec(package)
        if spec is not None and spec.origin is not None:
            bundle = Path(spec.origin).with_name("cacert.pem")
            if bundle.is_file():
                return str(bundle)
    raise FileNotFoundError("no CA bundle: neither certifi nor botocore is installed")

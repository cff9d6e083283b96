"""One run of the engine: it chooses the next request, interprets answers, and knows when to stop."""

import math
import random
import time
from collections import deque
from collections.abc import Callable, Iterator

from entity_push.posting.http_connection import Ended, Fault
from entity_push.posting.jobs import Job, Waiting
from entity_push.posting.pacing import Window
from entity_push.posting.posts import Outcome, Result
from entity_push.posting.requests import Requests
from entity_push.posting.signing import credentials_at_fault
from entity_push.posting.silence import WAITING_SECONDS, Silence
from entity_push.posting.source import Source
from entity_push.posting.transport import Transport

_STAMP_SECONDS = 10.0  # the use of one signing date (valid for 5 minutes) and set of credentials
_SWEEP_SECONDS = 0.1  # between two searches for silent requests
_MOST_WAITING = 4096  # from here on, no new post is drawn: memory stays flat whatever fails
_THROTTLED_PAUSE = 0.01  # seconds before the first retry of a 429, doubled for each further one
_THROTTLED_TRIES = 2  # additional tries for a 429, which costs little: the answer comes at once
_FAILED_PAUSE = 0.05  # seconds before the first retry of any other failure, doubled likewise
_LONGEST_PAUSE = 2.0
_NO_ANSWER = "no answer"


class Run:
    """One run: posts in, one result per post out.

    Args:
        posts: the source of the posts.
        requests: builds the posts' requests.
        transport: sends the requests; no request may be in flight.
        window: limits the requests in flight.
        deadline: the time by `clock` at which the run ends.
        tries: the most tries of one post; a throttled post gets two more.
        silence: how long a request may take, and who is at fault if there is no answer.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        posts: Source,
        requests: Requests,
        transport: Transport[Job],
        window: Window,
        *,
        deadline: float,
        tries: int,
        silence: Silence,
        clock: Callable[[], float],
    ) -> None:
        self._posts, self._requests, self._transport, self._window = posts, requests, transport, window
        self._deadline, self._tries, self._silence, self._clock = deadline, tries, silence, clock
        # A request right before the deadline would only be cut off, perhaps delivered.
        now = clock()
        self._last_start = deadline - min(0.25, max(0.0, deadline - now) / 4)
        self._warm = 0  # HTTP connections that the last run left open
        self._waiting, self._waiting_next = Waiting(), False
        self._settled: deque[Result] = deque()
        self._silenced: list[Job] = []
        self._stopped: str | None = None  # the reason why the run sends no more requests
        self._began = self._stamped = self._swept = now

    def results(self) -> Iterator[Result]:
        """Yield exactly one result per post, in the order in which the posts are settled.

        Raises:
            RuntimeError: another run over this transport is not finished.
            Exception: the posts' iterator raised it; the results of the posts before come first.
        """
        if self._transport.in_flight:
            raise RuntimeError("another run of this deliverer is not finished")
        self._transport.prune()
        self._warm = self._transport.open
        try:
            self._renew()
            while True:
                self._fill()
                while self._settled:  # after the fill, so that connections are busy while the caller works
                    yield self._settled.popleft()
                if self._posts.waits:
                    self._fill()  # the caller may have made more posts due
                if self._is_finished:
                    break
                for ended in self._transport.wait(self._pause()):
                    self._settle(ended)
                self._sweep()
            yield from self._left()
        finally:
            self._transport.abandon()
        if self._posts.error is not None:
            raise self._posts.error

    @property
    def _is_finished(self) -> bool:
        idle = not self._transport.in_flight and not self._settled
        return idle and (self._stopped is not None or (self._posts.is_dry and not self._waiting))

    def _left(self) -> Iterator[Result]:
        """Yield UNSENT results for all posts that the run did not finish."""
        reason = self._stopped or "deadline"
        while self._waiting:
            yield self._waiting.pop().result(Outcome.UNSENT, reason)
        while (post := self._posts.draw()) is not None:
            yield Job(post).result(Outcome.UNSENT, reason)

    # --- the next request

    def _fill(self) -> None:
        """Start as many requests as the limit allows now."""
        now = self._clock()
        self._posts.look_again()
        if self._stopped is None and now >= self._last_start:
            self._stopped = "deadline"
        if self._stopped is None and now - self._stamped > _STAMP_SECONDS:
            self._renew()
        room = self._limit() - self._transport.in_flight
        while room > 0 and self._stopped is None:
            room -= 1
            job = self._next(now)
            if job is None:
                return
            self._start(job)
            if self._clock() - now > _SWEEP_SECONDS:
                return  # drawing was slow: the requests in flight need attention

    def _next(self, now: float) -> Job | None:
        """Return the next job: those that have waited and new ones take turns, so that neither waits long."""
        due = self._waiting.next_due <= now
        self._waiting_next = not self._waiting_next
        while not (due and self._waiting_next) and len(self._waiting) < _MOST_WAITING:
            if (post := self._posts.draw()) is None:
                break
            if post.begins <= now:
                return Job(post)
            self._waiting.add(Job(post), post.begins)
        return self._waiting.pop() if due else None

    def _limit(self) -> int:
        """Return the most requests in flight now.

        About 4·√n HTTP connections are worth opening for a run of n posts: a handshake costs as much as 40
        posts. Open connections cost nothing, and a few more in each run pay off in the next ones.
        """
        root = math.sqrt(self._posts.expected)
        worth = max(8, math.ceil(4 * root))
        if self._warm:
            worth = max(worth, self._warm + math.ceil(root / 2))
        return min(int(self._window.size), worth)

    def _start(self, job: Job) -> None:
        post = job.post
        if post.connection_id in ("", ".", ".."):  # would be another path
            self._settled.append(job.result(Outcome.REFUSED, "not a connection id"))
            return
        if time.time() >= post.expires:
            self._settled.append(job.result(Outcome.EXPIRED, "its right to updates has ended"))
            return
        if self._silence.has_given_up(post.connection_id):
            self._give_up_silent(job)
            return
        job.tries += 1
        job.stamp = self._requests.stamp
        request = self._requests.build(post.connection_id, post.frame)
        proven_since = math.inf if job.fresh else -math.inf
        if post.suspect and not job.fresh:
            # It has no second try after a connection that vanished while the function was frozen.
            proven_since = self._began
        self._transport.start(job, request, proven_since=proven_since, latest=post.expires)

    def _pause(self) -> float:
        """Return the seconds to wait for answers before the next fill."""
        if self._settled:
            return 0.0
        due = self._waiting.next_due
        if self._stopped or self._transport.in_flight >= self._limit():
            due = math.inf
        elif not self._posts.is_dry and len(self._waiting) < _MOST_WAITING:
            return 0.0  # many drawn posts were settled without a request, so there is room for more
        ends = min(due, self._deadline if self._stopped else self._last_start)
        return max(0.0, min(ends - self._clock(), _SWEEP_SECONDS))

    # --- the meaning of an answer

    def _settle(self, ended: Ended[Job]) -> None:
        job, status = ended.tag, ended.status
        if status is None:
            self._settle_failure(ended)
            return
        if job.status is None:
            self._silence.note_answer(job.post.connection_id)
        if status != 429 or job.status != 429:  # a client's repeated 429 tells nothing of the others
            self._window.note(throttled=status == 429)
        job.status = status
        if 200 <= status < 300:
            self._settled.append(job.result(Outcome.DELIVERED, ""))
        elif status == 410:
            self._settled.append(job.result(Outcome.GONE, ended.reason))
        elif status == 429:
            self._again(job, f"{status} {ended.reason}", _THROTTLED_PAUSE, more=_THROTTLED_TRIES)
        elif status == 408 or status >= 500:
            self._again(job, f"{status} {ended.reason}", _FAILED_PAUSE)
        elif credentials_at_fault(status, ended.reason):
            if job.stamp is self._requests.stamp and not self._renew():
                self._stop(f"credentials: {ended.reason}")
            job.tries -= 1  # no fault of the connection
            self._again(job, f"{status} {ended.reason}", 0.0)
        elif status == 403:
            # A role that was made or changed a moment ago may not be known everywhere yet (IAM User Guide,
            # "Troubleshoot IAM": changes are not always immediately visible). That takes longer than a run.
            self._settled.append(job.result(Outcome.RETRY, f"{status} {ended.reason}"))
        else:
            self._settled.append(job.result(Outcome.REFUSED, ended.reason))

    def _settle_failure(self, ended: Ended[Job]) -> None:
        """Settle a request without an answer."""
        job = ended.tag
        if ended.fault is Fault.LATE:
            self._settled.append(job.result(Outcome.EXPIRED, ended.reason))
            return
        if ended.fault is Fault.SILENT:
            self._settle_silence(job)
            return
        if ended.fault is Fault.UNTRUSTED:
            self._stop(ended.reason)
            job.tries -= 1
        free = ended.fault is Fault.UNSEEN
        job.fresh = True
        if free:
            job.tries -= 1
        self._again(job, ended.reason, 0.0 if free else _FAILED_PAUSE)

    def _settle_silence(self, job: Job) -> None:
        """Try a silent post once more, on a new connection; or give it up."""
        last = job.silent or job.post.suspect or job.tries >= self._tries
        job.fresh = job.silent = True
        if self._silence.note_silence(job.post.connection_id, last):
            self._again(job, _NO_ANSWER, 0.0)
        else:
            self._silenced.append(job)

    def _give_up_silent(self, job: Job) -> None:
        """Settle a post to a connection that does not answer. Its own fault, or the endpoint's?"""
        waiting = {other.post.connection_id for other in self._transport.waiting(WAITING_SECONDS)}
        if self._silence.is_the_endpoints(waiting):
            self._stop("the endpoint does not answer")
            self._settled.append(job.result(Outcome.SILENT, _NO_ANSWER))
        else:
            self._settled.append(job.result(Outcome.RETRY, _NO_ANSWER))

    def _again(self, job: Job, reason: str, pause: float, more: int = 0) -> None:
        """Schedule another try after `pause` seconds, doubled per try, with jitter; or settle the job."""
        if job.tries >= self._tries + more:
            self._settled.append(job.result(Outcome.RETRY, reason))
            return
        due = self._clock()
        if pause:
            longest = min(_LONGEST_PAUSE, pause * 2.0 ** (job.tries - 1))
            due += longest * random.uniform(0.5, 1.0)  # noqa: S311 - not for secrets
        if due >= self._last_start:
            self._settled.append(job.result(Outcome.UNSENT, f"deadline: {reason}"))
            return
        self._waiting.add(job, due)

    # --- the end of the run

    def _renew(self) -> bool:
        """Sign with the current credentials from now on; return whether they have changed."""
        try:
            changed = self._requests.renew()
        except Exception as error:
            self._stop(f"credentials: {error!r}")
            return False
        self._stamped = self._clock()
        return changed

    def _stop(self, reason: str) -> None:
        """Stop sending. The first reason stays."""
        self._stopped = self._stopped or reason

    def _sweep(self) -> None:
        """End silent requests; at the deadline, end all requests."""
        now = self._clock()
        if now >= self._deadline:
            for ended in self._transport.cut_off():
                if ended.status is None:
                    self._settled.append(ended.tag.result(Outcome.UNSENT, "deadline"))
                else:
                    self._settle(ended)
        elif now - self._swept > _SWEEP_SECONDS:
            self._swept = now
            for ended in self._transport.silent(self._patience):
                self._settle(ended)
            silenced, self._silenced = self._silenced, []  # judged when the whole sweep is noted
            for job in silenced:
                self._give_up_silent(job)

    def _patience(self, job: Job) -> float:
        return self._silence.patience(job.post.connection_id, job.post.suspect)

"""Posting frames to many connections at once, through API Gateway's `@connections`.

    deliverer = Deliverer(endpoint, region, credentials)
    for result in deliverer.deliver(posts, deadline=time.monotonic() + 20):
        print(result.connection_id, result.outcome)

The engine has three parts, from the outside in. `Deliverer` keeps the state that outlives a run: HTTP
connections, signing key, pace. `Run` chooses the next request and interprets answers. `Transport` moves
bytes. The engine uses one thread and HTTP/1.1 without pipelining. So requests in flight = HTTP connections in
use.

A post that failed ambiguously (a reset or a silence before the answer's status line) may have reached its
client. The engine sends the post again: delivery is at least once. Clients drop repetitions by their
`sequence`.
"""

import time
from collections.abc import Callable, Iterable, Iterator

from entity_push.posting.jobs import Job
from entity_push.posting.pacing import Window
from entity_push.posting.posts import NotYet, Post, Result
from entity_push.posting.requests import Requests
from entity_push.posting.run import Run
from entity_push.posting.signing import Signer
from entity_push.posting.silence import FIRST_SECONDS, Silence
from entity_push.posting.source import Source
from entity_push.posting.transport import Transport
from entity_push.runtime.signing import Credentials
from entity_push.runtime.tls import default_ca_file


class Deliverer:
    """Posts frames and disconnects clients; keeps its HTTP connections between calls.

    A deliverer is for one thread and one run at a time: exhaust or close an iterator before the next call.

    Args:
        endpoint: `https://{api}.execute-api.{region}.amazonaws.com/{stage}`, or a local
            `http://host:port/…/{stage}`; `/@connections/{id}` is appended.
        region: the AWS Region to sign for.
        credentials: returns the current credentials. A run calls this at its start, every 10 seconds, and
            when API Gateway refuses the credentials.
        max_in_flight: the most requests in flight, and so the most HTTP connections.
        tries: the most tries of one post; a throttled post gets up to two more. A request that most likely
            reached nobody is not counted: its kept-alive connection had been closed, its address can't be
            reached, or its credentials had expired.
        timeout: seconds after which an unanswered request counts as failed. A connection's next request after
            that has `silence.LATER_SECONDS`.
        ca_file: authorities to trust, PEM. Default: the environment's `AWS_CA_BUNDLE`, then
            Amazon's, then the system's.
        clock: monotonic seconds; tests replace the clock.
        wall_clock: seconds since 1970, for what goes on while the function is frozen; tests replace it, too.

    Raises:
        ValueError: the endpoint is no `@connections` endpoint.
        OSError: the authorities can't be read.
    """

    def __init__(
        self,
        endpoint: str,
        region: str,
        credentials: Callable[[], Credentials],
        *,
        max_in_flight: int = 256,
        tries: int = 5,
        timeout: float = FIRST_SECONDS,
        ca_file: str | None = None,
        clock: Callable[[], float] = time.monotonic,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        self._signer, self._credentials = Signer(endpoint, region), credentials
        self._tries, self._timeout, self._clock = tries, timeout, clock
        if ca_file is None and self._signer.endpoint.tls:
            ca_file = default_ca_file()
        self.window = Window(max_in_flight)
        self.transport: Transport[Job] = Transport(
            self._signer.endpoint, ca_file, max_in_flight, clock, wall_clock
        )
        self._ended = clock()  # the last run's end

    def deliver(self, posts: Iterable[Post | NotYet], *, deadline: float) -> Iterator[Result]:
        """Post each frame to its connection.

        Args:
            posts: the posts, drawn lazily, a few at a time; see `Source`. The run opens about 4·√n HTTP
                connections for n posts. n is the iterable's `__length_hint__`; without a hint, n grows with
                the drawn posts. An exception of `posts` is raised here too, after the results of the posts
                before.
            deadline: the `time.monotonic()` at which the run ends. Unfinished posts are UNSENT then. The
                rest of `posts` is still drawn, so that each post has its result.

        Yields:
            Exactly one result per post, in the order in which the posts are settled.
        """
        return self._results("POST", posts, deadline)

    def disconnect(
        self, connection_ids: Iterable[str], *, deadline: float, suspect: bool = False
    ) -> Iterator[Result]:
        """Close connections (`DeleteConnection`).

        The deadline and the results are as with `deliver`, `suspect` as in `Post`. DELIVERED means that the
        call closed the connection, GONE that the connection was closed before.
        """
        posts = [Post(connection_id, b"", suspect=suspect) for connection_id in connection_ids]
        return self._results("DELETE", posts, deadline)

    def look_up(self, connection_ids: Iterable[str], *, deadline: float) -> Iterator[Result]:
        """Ask which connections are open (`GetConnection`).

        The deadline and the results are as with `deliver`. DELIVERED means that the connection is open, GONE
        that it is closed, or that its `$connect` has not returned yet.
        """
        posts = [Post(connection_id, b"") for connection_id in connection_ids]
        return self._results("GET", posts, deadline)

    def close(self) -> None:
        """Close the HTTP connections, for good: the deliverer can't be used afterwards."""
        self.transport.close()

    def _results(self, method: str, posts: Iterable[Post | NotYet], deadline: float) -> Iterator[Result]:
        run = Run(
            Source(posts),
            Requests(method, self._signer, self._credentials),
            self.transport,
            self.window,
            deadline=deadline,
            tries=self._tries,
            silence=Silence(self._timeout),
            clock=self._clock,
        )
        self.window.rest(self._clock() - self._ended)
        try:
            yield from run.results()
        finally:
            self._ended = self._clock()

"""Posting frames to many connections at once, through API Gateway's `@connections`.

    deliverer = Deliverer(endpoint, region, credentials)
    for result in deliverer.deliver(posts, deadline=time.monotonic() + 20):
        print(result.connection_id, result.outcome)

Three parts, from the outside in. `Deliverer` keeps what outlives a run: connections, signing key, pace. `Run`
decides what is sent when and what an answer means. `Transport` moves bytes. One thread, HTTP/1.1 without
pipelining, so requests in flight = connections in use.

A post that failed ambiguously (a reset or a silence before the answer's status line) may have reached its
client and is sent again: at least once. Clients drop what they have seen by its `sequence`.
"""

import time
from collections.abc import Callable, Iterable, Iterator

from entity_push.posting.pacing import Window
from entity_push.posting.posts import NotYet, Post, Result
from entity_push.posting.requests import Requests
from entity_push.posting.run import Job, Run
from entity_push.posting.signing import Credentials, Signer
from entity_push.posting.source import Source
from entity_push.posting.transport import Transport
from entity_push.runtime.tls import default_ca_file


class Deliverer:
    """Posts frames and disconnects clients; keeps its connections between calls.

    Not thread-safe, and one run at a time: exhaust or close an iterator before the next call.

    Args:
        endpoint: `https://{api}.execute-api.{region}.amazonaws.com/{stage}`, or a local
            `http://host:port/…/{stage}`; `/@connections/{id}` is appended.
        region: the AWS Region to sign for.
        credentials: called at the start of each run, every 10 seconds, and when API Gateway refuses
            the credentials; returns the current ones.
        max_in_flight: the most requests in flight, which is the most connections.
        tries: how often one post is sent at most; up to twice more while it is throttled. Not counted
            is what most likely reached nobody: a request on a kept-alive connection that turned out to
            be closed, at an address that can't be reached, or with credentials that had expired.
        timeout: seconds after which an unanswered request counts as failed.
        ca_file: authorities to trust, PEM. Default: the environment's `AWS_CA_BUNDLE`, then
            certifi's or botocore's bundle, as botocore does.
        clock: monotonic seconds; tests replace it.

    Raises:
        ValueError: the endpoint is not one.
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
        timeout: float = 5.0,
        ca_file: str | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._signer, self._credentials = Signer(endpoint, region), credentials
        self._tries, self._timeout, self._clock = tries, timeout, clock
        if ca_file is None and self._signer.origin.startswith("https:"):
            ca_file = default_ca_file()
        self.window = Window(max_in_flight)
        self.transport: Transport[Job] = Transport(self._signer.origin, ca_file, max_in_flight, clock)
        self._ended = clock()  # the last run

    def deliver(self, posts: Iterable[Post | NotYet], *, deadline: float) -> Iterator[Result]:
        """Post each frame to its connection.

        Args:
            posts: drawn lazily, a few at a time; see `Source`. About 4·√n connections are opened for as many
                posts as its `__length_hint__` says; without one, n grows with what was drawn. An exception
                that it raises is raised here too, after the results of what was drawn before.
            deadline: `time.monotonic()` at which this ends; what is unfinished then is UNSENT. The
                rest of `posts` is still drawn, so that it is reported.

        Yields:
            Exactly one result per post, in the order in which they are settled.
        """
        return self._results("POST", posts, deadline)

    def disconnect(self, connection_ids: Iterable[str], *, deadline: float) -> Iterator[Result]:
        """Close connections (`DeleteConnection`); DELIVERED means closed, GONE that it was.

        Arguments and results are as with `deliver`.
        """
        posts = [Post(connection_id, b"") for connection_id in connection_ids]
        return self._results("DELETE", posts, deadline)

    def close(self) -> None:
        """Close the connections. The deliverer can't be used afterwards."""
        self.transport.close()

    def _results(self, method: str, posts: Iterable[Post | NotYet], deadline: float) -> Iterator[Result]:
        run = Run(
            Source(posts),
            Requests(method, self._signer, self._credentials),
            self.transport,
            self.window,
            deadline=deadline,
            tries=self._tries,
            timeout=self._timeout,
            clock=self._clock,
        )
        self.window.rest(self._clock() - self._ended)
        try:
            yield from run.results()
        finally:
            self._ended = self._clock()

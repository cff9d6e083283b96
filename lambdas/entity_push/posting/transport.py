"""Bytes: requests in, answers out, over kept-alive HTTP connections under one selector. No policy.

The transport uses one thread and HTTP/1.1 without pipelining. So requests in flight = connections in use. A
connection is kept after an answer whose end is plain, and closed after any other answer.
"""

import errno
import math
import os
import selectors
import socket
import ssl
import time
from collections.abc import Callable
from typing import Generic

from entity_push.posting.addresses import Addresses
from entity_push.posting.http_answers import LONGEST, Answer, NotHttpError, read_answer
from entity_push.posting.http_connection import Ended, Fault, HttpConnection, Tag
from entity_push.runtime.endpoints import Endpoint
from entity_push.runtime.idle import too_long_idle
from entity_push.runtime.tls import trusting, wider_than

_CONNECT_SECONDS = 3.0  # then another address is tried
_DOUBTED_SECONDS = 1.0  # for an answer on a kept-alive connection, once another one has gone silent
_AWAY_SECONDS = 0.1  # a longer absence of the caller is not the far end's silence
_READ_SIZE = 16_384  # a whole TLS record: the selector can't see bytes left in the TLS layer

_IN, _OUT = selectors.EVENT_READ, selectors.EVENT_WRITE
_NOTHING = memoryview(b"")
_LATER = (ssl.SSLWantReadError, ssl.SSLWantWriteError, BlockingIOError)


class Transport(Generic[Tag]):
    """HTTP connections to one endpoint. Not thread-safe.

    Args:
        endpoint: where they go.
        ca_file: authorities to trust, PEM; for TLS only.
        most: the number of connections at which a new one replaces an idle one.
        clock: monotonic seconds; tests replace the clock.
        wall_clock: seconds since 1970, which go on while the function is frozen; tests replace it, too.

    Attributes:
        in_flight: the number of started requests whose end is still to be returned.
        open: the number of connections, idle ones included.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        ca_file: str | None,
        most: int,
        clock: Callable[[], float] = time.monotonic,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        self._host, self._tls = endpoint.host, None
        self._addresses = Addresses(endpoint.host, endpoint.port, wall_clock)
        if endpoint.tls:
            assert ca_file is not None
            self._tls = trusting(ca_file)
        self._most, self._clock, self._wall_clock = most, clock, wall_clock
        self._selector = selectors.DefaultSelector()
        self._connections: set[HttpConnection[Tag]] = set()
        self._idle: dict[HttpConnection[Tag], None] = {}  # a set in order of use
        self._ended: list[Ended[Tag]] = []
        self._looked = self._clock()
        self.in_flight = 0

    @property
    def open(self) -> int:
        """The number of connections, idle ones included."""
        return len(self._connections)

    def start(
        self, tag: Tag, request: bytes, *, proven_since: float = -math.inf, latest: float = math.inf
    ) -> None:
        """Send a request.

        Args:
            tag: the caller's own; comes back with the request's end.
            request: the whole request, head and body.
            proven_since: the time by `clock` since when a kept-alive connection must have got a request that
                it answered. Otherwise the request goes over a new one.
            latest: the `time.time()` from which the request must not be sent. Connecting may take so long.
        """
        self.in_flight += 1
        connection = next(reversed(self._idle), None)  # the last one used
        if connection is None or connection.since < proven_since:
            self._open(tag, request, latest)
            return
        del self._idle[connection]
        connection.tag, connection.since, connection.used_at = tag, self._clock(), self._wall_clock()
        self._send(connection, request)

    def wait(self, seconds: float) -> list[Ended[Tag]]:
        """Move bytes for at most `seconds`; return the requests that ended, perhaps none."""
        now = self._clock()
        if (away := now - self._looked) > _AWAY_SECONDS:  # the caller worked, or fetched a page
            for connection in self._connections:
                if connection.tag is not None:
                    connection.since = min(now, connection.since + away)
        for key, _ in self._selector.select(0.0 if self._ended else max(0.0, seconds)):
            at: HttpConnection[Tag] = key.data
            if not at.ready:
                self._connect(at)
            elif at.unsent:
                self._send(at, at.unsent)
            else:
                self._receive(at)
        self._looked = self._clock()
        return self._take_ended()

    def prune(self) -> None:
        """Close idle connections that the far end has closed, or that were idle for too long.

        Call this before a run, with no request in flight. A Lambda function sees only then what happened
        while it was frozen.
        """
        now = self._wall_clock()
        for connection in [each for each in self._idle if too_long_idle(each.used_at, now)]:
            self._close(connection)
        self.wait(0.0)

    def silent(self, patience: Callable[[Tag], float]) -> list[Ended[Tag]]:
        """End the requests without an answer in time, and slow connects. Call `wait` just before.

        Args:
            patience: returns the seconds that a request has.
        """
        now = self._clock()
        for connection in self._busy():
            waited = now - connection.since
            assert connection.tag is not None
            seconds = patience(connection.tag)
            if not connection.ready:
                if waited > min(seconds, _CONNECT_SECONDS):
                    self._unreachable(connection, "connecting took too long", Fault.SILENT)
            elif waited > (min(seconds, _DOUBTED_SECONDS) if connection.doubted else seconds):
                self._finish(connection, "no answer", Fault.SILENT)
                if connection.answered:
                    self._doubt_older(connection.since)
        return self._take_ended()

    def waiting(self, seconds: float) -> list[Tag]:
        """Return the tags of the requests that have been in flight for longer than `seconds`."""
        began = self._clock() - seconds
        return [each.tag for each in self._connections if each.tag is not None and each.since < began]

    def _doubt_older(self, since: float) -> None:
        """Distrust the kept-alive connections that have not answered a request begun after `since`.

        A kept-alive connection went silent: while the function was frozen, all of them may have vanished
        without a word. They cost one time-out together instead of one each.
        """
        for connection in [each for each in self._idle if each.since <= since]:
            self._close(connection)
        for connection in self._connections:
            connection.doubted = connection.doubted or (connection.answered and connection.tag is not None)

    def cut_off(self) -> list[Ended[Tag]]:
        """End all requests, at the deadline."""
        for connection in self._busy():
            self._finish(connection, "no answer", Fault.SILENT)
        return self._take_ended()

    def abandon(self) -> None:
        """Drop all requests in flight, with their connections."""
        for connection in self._busy():
            self._close(connection)
        self.in_flight = 0
        self._ended.clear()

    def close(self) -> None:
        """Close all connections and the selector."""
        for connection in list(self._connections):
            self._close(connection)
        self._selector.close()

    def _busy(self) -> list[HttpConnection[Tag]]:
        """Return the connections with a request in flight, as they are now."""
        return [connection for connection in self._connections if connection.tag is not None]

    def _open(self, tag: Tag, request: bytes, latest: float) -> None:
        """Open a connection for a request."""
        if len(self._connections) >= self._most and self._idle:
            self._close(next(iter(self._idle)))  # the one idle for longest
        try:
            address = self._addresses.next()
            sock = socket.socket(address[0], socket.SOCK_STREAM)
        except OSError as error:  # such as too many open files
            self._ended.append(Ended(tag, None, f"{self._host}: {error}", Fault.FAILED))
            return
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection = HttpConnection(
            sock, sock.fileno(), address, tag, self._clock(), self._wall_clock(), latest, request
        )
        self._connections.add(connection)
        self._selector.register(connection.fd, _OUT, connection)
        code = sock.connect_ex(address[1])
        if code not in (0, errno.EINPROGRESS):
            self._unreachable(connection, os.strerror(code))

    def _connect(self, connection: HttpConnection[Tag]) -> None:
        """Go on with connecting, TLS handshake included; then send the request."""
        try:
            connection.shake_hands(self._tls, self._host)
        except ssl.SSLWantReadError:
            self._watch(connection, _IN)
        except ssl.SSLWantWriteError:
            self._watch(connection, _OUT)
        except ssl.SSLCertVerificationError as error:
            self._untrusted(connection, f"certificate: {error.verify_message}")
        except OSError as error:
            self._unreachable(connection, str(error))
        else:
            connection.ready = True
            if time.time() < connection.latest:
                self._send(connection, connection.unsent)
            else:
                self._finish(connection, "too late to be sent", Fault.LATE)

    def _untrusted(self, connection: HttpConnection[Tag], reason: str) -> None:
        """End a request to an endpoint whose certificate is not trusted: nothing was sent."""
        assert isinstance(connection.sock, ssl.SSLSocket)
        wider = wider_than(connection.sock.context)  # others of the same time have failed by the same
        self._tls = wider or self._tls
        self._finish(connection, reason, Fault.UNSEEN if wider else Fault.UNTRUSTED)

    def _unreachable(
        self, connection: HttpConnection[Tag], reason: str, without_others: Fault = Fault.FAILED
    ) -> None:
        """End a request whose connection never became ready: no byte of the request was sent.

        Args:
            connection: the connection.
            reason: why.
            without_others: what it is if no other address may be reached.
        """
        others = self._addresses.avoid(connection.address)
        self._finish(connection, reason, Fault.UNSEEN if others else without_others)

    def _send(self, connection: HttpConnection[Tag], data: bytes | memoryview) -> None:
        """Send as many bytes as the socket takes; large frames go in parts."""
        try:
            sent = connection.sock.send(data)
        except _LATER:
            sent = 0
        except OSError as error:
            self._receive(connection, str(error))  # an answer may have come before the break
            return
        if sent < len(data):
            connection.unsent = memoryview(data)[sent:]
            self._watch(connection, _IN | _OUT)
            if sent == 0:
                self._receive(connection)
        else:
            connection.unsent = _NOTHING
            self._watch(connection, _IN)

    def _receive(self, connection: HttpConnection[Tag], broken: str = "") -> None:
        """Read the bytes that came; `broken` is the reason why no more bytes will come."""
        try:
            data = connection.sock.recv(_READ_SIZE)
        except _LATER:
            if broken:
                self._broken(connection, broken)
            return
        except OSError as error:
            data, broken = b"", broken or str(error)
        if connection.tag is None:  # idle: the far end closed, or sent bytes without a request
            self._close(connection)
            return
        if not data:
            self._broken(connection, broken or "closed without an answer")
            return
        if connection.received:
            data = connection.received + data
        connection.received = data
        try:
            answer = read_answer(data)
        except NotHttpError as error:
            self._finish(connection, str(error))
            return
        if answer is not None:
            self._answer(connection, answer)
        elif len(data) > LONGEST:
            self._finish(connection, "an endless answer")
        elif broken:
            self._receive(connection, broken)

    def _broken(self, connection: HttpConnection[Tag], reason: str) -> None:
        """End a request of a broken connection. A kept-alive one had most likely been closed before."""
        unseen = connection.answered and not connection.received
        self._finish(connection, reason, Fault.UNSEEN if unseen else Fault.FAILED)

    def _answer(self, connection: HttpConnection[Tag], answer: Answer) -> None:
        """End a request with its answer; keep the connection if both ends are at a boundary."""
        assert connection.tag is not None
        self._ended.append(Ended(connection.tag, answer.status, answer.reason))
        if not answer.kept or connection.unsent:
            self._close(connection)
            return
        connection.tag, connection.received, connection.answered = None, b"", True
        connection.doubted = False
        self._idle[connection] = None

    def _finish(self, connection: HttpConnection[Tag], reason: str, fault: Fault = Fault.FAILED) -> None:
        """End a request early. A complete status line counts as the answer."""
        try:
            answer = read_answer(connection.received, ended=True)
        except NotHttpError:
            answer = None
        if answer is not None:
            self._answer(connection, answer._replace(kept=False))
            return
        self._close(connection)
        assert connection.tag is not None
        self._ended.append(Ended(connection.tag, None, reason, fault))

    def _take_ended(self) -> list[Ended[Tag]]:
        ended, self._ended = self._ended, []
        self.in_flight -= len(ended)
        return ended

    def _watch(self, connection: HttpConnection[Tag], events: int) -> None:
        if connection.events != events:
            connection.events = events
            self._selector.modify(connection.fd, events, connection)

    def _close(self, connection: HttpConnection[Tag]) -> None:
        self._connections.remove(connection)
        self._idle.pop(connection, None)
        self._selector.unregister(connection.fd)
        connection.sock.close()

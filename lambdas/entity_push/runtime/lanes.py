"""Kept-alive HTTP connections to an endpoint, with one request under way on each at a time."""

import http.client
import socket
import ssl
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import NamedTuple

from entity_push.runtime.deadlines import Deadline, Incoming, reached, send_all
from entity_push.runtime.endpoints import Endpoint
from entity_push.runtime.idle import too_long_idle
from entity_push.runtime.tls import default_ca_file, trusting, wider_than

CONNECT_SECONDS = 1.0
"""For one address, and for the TLS handshake."""

READ_SECONDS = 2.0
"""For sending a request, and then for its answer."""

LATE_SECONDS = 0.05
"""For an answer that is read after those of other lanes have used up the time."""


class Answer(NamedTuple):
    """An answer: its HTTP status, its headers, and its whole body."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes


class Connector:
    """Opens connections to an endpoint.

    Raises:
        OSError: the authorities to trust can't be read.
    """

    def __init__(self, endpoint: Endpoint):
        self._endpoint = endpoint
        self._tls = trusting(default_ca_file()) if endpoint.tls else None

    def open(self, deadline: Deadline) -> socket.socket:
        """Return a new connection, for https after verifying the certificate and its name.

        Raises:
            OSError: there is none in time.
        """
        try:
            return self._opened(self._tls, deadline)
        except ssl.SSLCertVerificationError:
            if self._tls is None or (wider := wider_than(self._tls)) is None:
                raise
            self._tls = wider
            return self._opened(wider, deadline)

    def _opened(self, tls: ssl.SSLContext | None, deadline: Deadline) -> socket.socket:
        host = self._endpoint.host.encode("ascii")  # for a text, Python loads what international names need
        sock = reached(host, self._endpoint.port, deadline, CONNECT_SECONDS)
        try:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            sock.settimeout(min(deadline.left(), CONNECT_SECONDS))  # the handshake's, as a whole
            return tls.wrap_socket(sock, server_hostname=host) if tls else sock
        except OSError:
            sock.close()
            raise


class Lane:
    """One kept-alive HTTP connection, with one request under way at a time.

    Attributes:
        is_kept: whether the request under way went over a connection that was open before.
        timed_out: whether the request under way timed out: no sign of a connection closed meanwhile.
    """

    is_kept = timed_out = False

    def __init__(self, endpoint: Endpoint, connector: Connector):
        self._beginning = f"POST {endpoint.path} HTTP/1.1\r\n"
        self._connector = connector
        self._sock: socket.socket | None = None
        self._used_at = 0.0
        self._early: list[tuple[socket.socket, float]] = []

    def connect_early(self, seconds: float) -> None:
        """Open the connection before it is needed, in at most so many seconds; a failure changes nothing.

        A thread does it, since looking a name up can't be interrupted.
        """

        def connect() -> None:
            with suppress(Exception):
                self._early.append((self._connector.open(Deadline(seconds)), time.time()))

        thread = threading.Thread(target=connect, daemon=True)
        thread.start()
        thread.join(seconds)

    def begin(self, headers: Mapping[str, str], body: bytes, deadline: Deadline) -> None:
        """Send a request over the open connection, or over a new one after a long idle time.

        A connection that was idle for long may have vanished without a word while the function was frozen.
        The request would find out only by its time-out.

        Raises:
            OSError: the connection failed.
        """
        if self._sock is None and self._early:
            self._sock, self._used_at = self._early.pop()
        now, idle_since = time.time(), self._used_at  # the wall clock goes on while the function is frozen
        self._used_at = now
        if too_long_idle(idle_since, now):
            self.close()
        self.is_kept, self.timed_out = self._sock is not None, False
        if self._sock is None:
            self._sock = self._connector.open(deadline)
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        head = f"{self._beginning}{lines}content-length: {len(body)}\r\n\r\n"
        send_all(self._sock, head.encode() + body, deadline.or_within(READ_SECONDS))

    def finish(self, deadline: Deadline) -> Answer:
        """Return the answer to the begun request. One that has come is read after the deadline, too.

        Raises:
            TimeoutError: there is no answer.
            OSError: the connection failed.
            http.client.HTTPException: the answer can't be read.
        """
        assert self._sock is not None
        incoming = Incoming(self._sock, deadline.but_at_least(LATE_SECONDS))
        with http.client.HTTPResponse(incoming, method="POST") as response:  # type: ignore[arg-type]
            response.begin()
            answer = Answer(response.status, response.msg, response.read())
            kept = not response.will_close
        if not kept:
            self.close()
        return answer

    def close(self) -> None:
        """Close the connection; the next request opens another one."""
        if self._sock is not None:
            self._sock.close()
            self._sock = None

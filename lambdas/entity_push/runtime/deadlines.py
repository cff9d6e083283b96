"""Deadlines of exchanges over sockets.

A socket's own time-out bounds each single wait only: a far end that sends a byte per second holds a reader
for as long as it likes.
"""

import io
import socket
import time
from typing import Any


class Deadline:
    """A moment until which everything has to be done.

    Args:
        seconds: how long it is until then.
    """

    def __init__(self, seconds: float):
        self._ends = time.monotonic() + seconds

    def left(self) -> float:
        """Return how many seconds are left.

        Raises:
            TimeoutError: none are.
        """
        left = self._ends - time.monotonic()
        if left <= 0:
            raise TimeoutError("timed out")
        return left

    @property
    def is_over(self) -> bool:
        """Whether no time is left."""
        return time.monotonic() >= self._ends

    def or_within(self, seconds: float) -> "Deadline":
        """Return the deadline so many seconds from now, or this one if it is earlier."""
        return Deadline(min(seconds, self._ends - time.monotonic()))

    def but_at_least(self, seconds: float) -> "Deadline":
        """Return this deadline, or the one so many seconds from now if that is later."""
        return Deadline(max(seconds, self._ends - time.monotonic()))


class Incoming(io.RawIOBase):
    """What a socket brings until a deadline. `http.client` takes it for the socket, and only reads of it."""

    def __init__(self, sock: socket.socket, deadline: Deadline):
        self._sock, self._deadline = sock, deadline

    def makefile(self, _mode: str) -> io.BufferedReader:
        """Return what `http.client` reads of."""
        return io.BufferedReader(self)

    def readable(self) -> bool:
        """See `io`."""
        return True

    def readinto(self, buffer: Any) -> int:
        """See `io`.

        Raises:
            TimeoutError: the deadline is over.
        """
        self._sock.settimeout(self._deadline.left())
        return self._sock.recv_into(buffer)


def reached(host: str | bytes, port: int, deadline: Deadline, seconds: float) -> socket.socket:
    """Return a socket to the first of a host's addresses that answers.

    Looking the name up is bounded by the system's resolver alone.

    Args:
        host: a name or an address.
        port: the port.
        deadline: until when.
        seconds: for one address: one that does not answer leaves time for the next.

    Raises:
        OSError: none answers.
    """
    failure = OSError("the host has no address")
    for family, kind, protocol, _, address in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
        sock = socket.socket(family, kind, protocol)
        try:
            sock.settimeout(min(deadline.left(), seconds))
            sock.connect(address)
        except OSError as error:
            sock.close()
            failure = error
        else:
            return sock
    raise failure


def send_all(sock: socket.socket, data: bytes, deadline: Deadline) -> None:
    """Send all bytes until a deadline.

    Raises:
        OSError: the far end has not taken them; TimeoutError: not in time.
    """
    unsent = memoryview(data)
    while unsent:
        sock.settimeout(deadline.left())
        unsent = unsent[sock.send(unsent) :]

"""An HTTP connection to the endpoint, its request in flight, and the ways in which a request ends."""

import enum
import os
import selectors
import socket
import ssl
from dataclasses import dataclass
from typing import Generic, NamedTuple, TypeVar

from entity_push.posting.addresses import Address

Tag = TypeVar("Tag")


class Fault(enum.Enum):
    """The reason why a request got no answer."""

    UNSEEN = "a kept-alive connection had been closed, or an address can't be reached, while others may be"
    UNTRUSTED = "the far end's certificate is not to be trusted: nothing was sent, and nothing can be"
    SILENT = "no answer in time; the request may have arrived"
    LATE = "connecting took so long that the request was not to be sent any more: nothing was sent"
    FAILED = "anything else: reset, not reachable, not HTTP"


class Ended(NamedTuple, Generic[Tag]):
    """A request's end: with an answer (`fault` None), or without an answer (`status` None)."""

    tag: Tag
    status: int | None
    reason: str
    fault: Fault | None = None


@dataclass(slots=True, eq=False)
class HttpConnection(Generic[Tag]):
    """An HTTP connection and its request in flight, if any."""

    sock: socket.socket
    fd: int
    address: Address
    tag: Tag | None
    since: float  # the start of the last request
    used_at: float  # the same by the wall clock
    latest: float  # the `time.time()` from which the request must not be sent
    unsent: bytes | memoryview  # the part of the request that is still to be sent
    received: bytes = b""
    ready: bool = False  # connected, with the TLS handshake done
    answered: bool = False  # at least once
    doubted: bool = False  # another kept-alive connection has gone silent since
    events: int = selectors.EVENT_WRITE

    def shake_hands(self, tls: ssl.SSLContext | None, host: str) -> None:
        """Go on with connecting, TLS handshake included.

        Args:
            tls: what to trust; None without TLS.
            host: the name that the certificate must have.

        Raises:
            ssl.SSLWantReadError: the far end has to send more before the next call.
            ssl.SSLWantWriteError: the socket has to take more before the next call.
            ssl.SSLCertVerificationError: the certificate can't be trusted.
            OSError: the connection failed.
        """
        if error := self.sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            raise OSError(error, os.strerror(error))
        if tls is None:
            return
        if not isinstance(self.sock, ssl.SSLSocket):
            self.sock = tls.wrap_socket(self.sock, server_hostname=host, do_handshake_on_connect=False)
        self.sock.do_handshake()

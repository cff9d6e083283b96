"""An HTTP connection to the endpoint, its request in flight, and the ways in which a request ends."""

import enum
import selectors
import socket
from dataclasses import dataclass
from typing import Generic, NamedTuple, TypeVar

from entity_push.posting.addresses import Address

Tag = TypeVar("Tag")


class Fault(enum.Enum):
    """The reason why a request got no answer."""

    UNSEEN = "a kept-alive connection had been closed, or an address can't be reached, while others may be"
    UNTRUSTED = "the far end's certificate is not to be trusted: nothing was sent, and nothing can be"
    LATE = "connecting took so long that the request was not to be sent any more: nothing was sent"
    FAILED = "anything else: reset, silent, not reachable, not HTTP"


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
    latest: float  # the `time.time()` from which the request must not be sent
    unsent: bytes | memoryview  # the part of the request that is still to be sent
    received: bytes = b""
    ready: bool = False  # connected, with the TLS handshake done
    answered: bool = False  # at least once
    events: int = selectors.EVENT_WRITE

"""A connection to the endpoint, the request that it is busy with, and how a request ends."""

import enum
import selectors
import socket
from dataclasses import dataclass
from typing import Generic, NamedTuple, TypeVar

from entity_push.posting.addresses import Address

Tag = TypeVar("Tag")


class Fault(enum.Enum):
    """Why there was no answer."""

    UNSEEN = "a kept-alive connection had been closed, or an address can't be reached, while others may be"
    UNTRUSTED = "the far end's certificate is not to be trusted: nothing was sent, and nothing can be"
    LATE = "connecting took so long that the request was not to be sent any more: nothing was sent"
    FAILED = "anything else: reset, silent, not reachable, not HTTP"


class Ended(NamedTuple, Generic[Tag]):
    """How a request ended: with an answer (`fault` None), or without one (`status` None)."""

    tag: Tag
    status: int | None
    reason: str
    fault: Fault | None = None


@dataclass(slots=True, eq=False)
class HttpConnection(Generic[Tag]):
    """A connection, and the request that it is busy with, if any."""

    sock: socket.socket
    fd: int
    address: Address
    tag: Tag | None
    since: float  # when its last request began
    latest: float  # when it is too late to send it (`time.time()`)
    unsent: bytes | memoryview  # what of the request has not left yet
    received: bytes = b""
    ready: bool = False  # connected, and through with the TLS handshake
    answered: bool = False  # at least once
    events: int = selectors.EVENT_WRITE

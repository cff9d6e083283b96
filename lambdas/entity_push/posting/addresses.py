"""A host name's addresses, used in turn."""

import math
import random
import socket
import time
from collections.abc import Callable

_RESOLVE_SECONDS = 60.0  # API Gateway's addresses change
_RESOLVE_AGAIN_SECONDS = 1.0  # after a failure, or with one unreachable address left

Address = tuple[int, tuple[object, ...]]
"""Family (IPv4, IPv6), and the address as `socket.connect` takes it."""


class Addresses:
    """A host's addresses, resolved every minute. Unreachable ones are left out until then.

    Args:
        host: the name.
        port: the port.
        clock: seconds since 1970; tests replace the clock.
    """

    def __init__(self, host: str, port: int, clock: Callable[[], float] = time.time) -> None:
        self._host, self._port, self._clock = host, port, clock
        self._known: list[Address] = []
        self._resolved_at, self._good_for = -math.inf, _RESOLVE_SECONDS
        self._error: OSError | None = None

    def next(self) -> Address:
        """Return the next address. The call may block while the name is resolved.

        Raises:
            OSError: no address is known.
        """
        if not 0 <= self._clock() - self._resolved_at < self._good_for:  # a clock may be set back, too
            self._resolve()
        if not self._known:
            assert self._error is not None
            raise self._error
        self._known.append(self._known.pop(0))
        return self._known[-1]

    def avoid(self, address: Address) -> bool:
        """Note an unreachable address; tell whether another one is worth trying."""
        if address not in self._known:
            return bool(self._known)
        if len(self._known) == 1:
            spent = self._clock() - self._resolved_at
            self._good_for = min(self._good_for, spent + _RESOLVE_AGAIN_SECONDS)
            return False
        self._known.remove(address)
        return True

    def _resolve(self) -> None:
        self._resolved_at = self._clock()
        try:
            found = socket.getaddrinfo(self._host, self._port, type=socket.SOCK_STREAM)
        except OSError as error:  # old addresses, if there are any, are the best guess
            self._error = error
            self._good_for = _RESOLVE_AGAIN_SECONDS
            return
        self._known = [(entry[0], entry[4]) for entry in found]
        random.shuffle(self._known)  # so workers begin with different addresses
        self._good_for = _RESOLVE_SECONDS

"""How many requests may be in flight, as far as throttling decides it."""

_SLOWEST = 16  # throttling never goes below this many requests in flight
_FORGET_SECONDS = 0.1  # of rest, and twice as many are allowed: nobody knows what others send meanwhile


class Window:
    """How many requests may be in flight: fewer when API Gateway throttles, then slowly more.

    429 means the account's throttle or one client's full buffer, and the answer does not tell
    which: `LimitExceededException` is "more than the allowed number of requests per unit of time or the
    WebSocket client side buffer is full", says PostToConnection's API reference. So what counts is their
    share among the answers of one round (as many as were in flight): a few slow clients change nothing,
    the throttle hits one in ten and more.
    """

    def __init__(self, most: int) -> None:
        self._most, self.size = most, float(most)
        self._answers = self._throttled = 0

    def note(self, throttled: bool) -> None:
        """Takes one answer into account."""
        self._answers += 1
        self._throttled += throttled
        if self._answers < max(_SLOWEST, self.size):
            return
        share = self._throttled / self._answers
        self._answers = self._throttled = 0
        if share > 0.1:
            self.size = max(min(_SLOWEST, self._most), self.size * 0.7)
        elif share < 0.03:
            self.size = min(self._most, self.size + max(1.0, self.size * 0.05))

    def rest(self, seconds: float) -> None:
        """Takes into account that nothing was sent for a while: what was learned fades."""
        doublings = min(16.0, seconds / _FORGET_SECONDS)
        self.size = min(self._most, self.size * 2.0**doublings)

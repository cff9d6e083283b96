"""How many requests may be in flight, as far as throttling decides it."""

_SLOWEST = 16  # throttling never goes below this many requests in flight
_MEMORY = 1 / 64  # the weight of one answer in the share of throttled ones
_TOO_MANY = 0.2  # a larger share is the account's throttle; slow clients are a few in a hundred
_LESS = 0.7  # what is left of the window after a round that was throttled
_MORE = 0.1  # what each answer adds otherwise
_FORGET_SECONDS = 0.1  # nobody knows what others send meanwhile


class Window:
    """How many requests may be in flight: fewer when API Gateway throttles, then slowly more.

    429 means the account's throttle or one client's full buffer, and the answer does not tell
    which: `LimitExceededException` is "more than the allowed number of requests per unit of time or the
    WebSocket client side buffer is full", says PostToConnection's API reference. So what counts is their
    share among the latest answers: a few slow clients change nothing, the throttle hits many.

    The window becomes smaller at most once per round (as many answers as requests may be in flight), since
    the answers of one round tell about the same moment.
    """

    def __init__(self, most: int) -> None:
        self._most, self.size = most, float(most)
        self._share = 0.0
        self._wait = 0.0  # answers until the window may become smaller again

    def note(self, throttled: bool) -> None:
        """Take one answer into account."""
        self._share += (throttled - self._share) * _MEMORY
        self._wait -= 1
        if self._share <= _TOO_MANY:
            self.size = min(self._most, self.size + _MORE)
        elif self._wait <= 0:
            self.size = max(min(_SLOWEST, self._most), self.size * _LESS)
            self._wait = self.size

    def rest(self, seconds: float) -> None:
        """Take into account that nothing was sent for a while: what was learned fades."""
        doublings = min(16.0, seconds / _FORGET_SECONDS)
        self.size = min(self._most, self.size * 2.0**doublings)
        self._share *= 0.5**doublings

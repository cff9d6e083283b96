"""The window: the most requests in flight, as throttling allows."""

_SLOWEST = 16  # the smallest window that throttling can cause
_MEMORY = 1 / 64  # the weight of one answer in the share of throttled ones
_TOO_MANY = 0.2  # a larger share is the account's throttle; slow clients are a few in a hundred
_LESS = 0.7  # the part of the window that is left after a throttled round trip
_MORE = 0.1  # the growth of the window for each other answer
_FORGET_SECONDS = 0.1  # other workers' traffic meanwhile is unknown


class Window:
    """The most requests in flight: fewer when API Gateway throttles, then slowly more.

    A 429 means the account's throttle or one client's full buffer, and the answer does not tell which.
    `LimitExceededException` is "more than the allowed number of requests per unit of time or the WebSocket
    client side buffer is full" (PostToConnection's API reference). So the share of 429 among the latest
    answers
    decides: a few slow clients change nothing, the throttle hits many.

    The window shrinks at most once per round trip (as many answers as the window has requests). The answers
    of one round trip tell about the same moment.
    """

    def __init__(self, most: int) -> None:
        self._most, self.size = most, float(most)
        self._share = 0.0
        self._wait = 0.0  # answers until the window may become smaller again

    def note(self, throttled: bool) -> None:
        """Count one answer, throttled (429) or not."""
        self._share += (throttled - self._share) * _MEMORY
        self._wait -= 1
        if self._share <= _TOO_MANY:
            self.size = min(self._most, self.size + _MORE)
        elif self._wait <= 0:
            self.size = max(min(_SLOWEST, self._most), self.size * _LESS)
            self._wait = self.size

    def rest(self, seconds: float) -> None:
        """Let the window recover for some seconds without requests: the past fades."""
        doublings = min(16.0, seconds / _FORGET_SECONDS)
        self.size = min(self._most, self.size * 2.0**doublings)
        self._share *= 0.5**doublings

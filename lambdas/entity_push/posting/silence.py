"""Silence: how long a request waits for its answer, and who is at fault if none comes.

One connection that never answers must not hold up a batch, and a silent endpoint is no connection's fault.
"""

FIRST_SECONDS = 4.5
"""The time for a connection's first answer. With `LATER_SECONDS` and the looks at the clock between, a
connection that never answers holds up a batch for less than 6 s."""

LATER_SECONDS = 1.0
"""The time for an answer of a connection that was silent in this run, or has failed in a run before."""

WAITING_SECONDS = LATER_SECONDS / 2
"""From here on, an answer that has not come is missed when the endpoint is judged."""

_TOO_MANY = 0.2  # a larger share of silent posts is the endpoint's fault
_FEWEST = 2  # silent connections; a single one tells nothing of the endpoint


class Silence:
    """What a run knows about silence.

    Args:
        first: the seconds for a connection's first answer.
    """

    def __init__(self, first: float) -> None:
        self._first, self._later = first, min(first, LATER_SECONDS)
        self._silent_once: set[str] = set()
        self._given_up: set[str] = set()
        self._answered = 0  # posts
        self._is_the_endpoints = False

    def patience(self, connection_id: str, suspect: bool) -> float:
        """Return the seconds that a request to a connection may take."""
        hopeless = suspect or connection_id in self._silent_once or self._is_the_endpoints
        return self._later if hopeless else self._first

    def has_given_up(self, connection_id: str) -> bool:
        """Tell whether a connection was silent in this run for the last time."""
        return connection_id in self._given_up

    def note_answer(self, connection_id: str) -> None:
        """Count a post that has got its first answer, whatever it says."""
        self._answered += 1
        self._silent_once.discard(connection_id)

    def note_silence(self, connection_id: str, last: bool) -> bool:
        """Note a request without an answer in time; tell whether the post may be tried once more.

        It may, on a new connection: a kept-alive one may have vanished without a word.

        Args:
            connection_id: the connection.
            last: whether this was the post's last try that may be silent.
        """
        if not last and connection_id not in self._given_up:
            self._silent_once.add(connection_id)
            return True
        self._given_up.add(connection_id)
        return False

    def is_the_endpoints(self, waiting: set[str]) -> bool:
        """Tell whether so many connections got no answer that it is the endpoint's fault. A yes stays.

        Args:
            waiting: the connections whose requests have gone without an answer for `WAITING_SECONDS`. Those
                begun a little later would else tell their silence too late.
        """
        silent = len(self._given_up | self._silent_once | waiting)
        share = silent / (self._answered + silent) if silent else 0.0
        self._is_the_endpoints = self._is_the_endpoints or (silent >= _FEWEST and share > _TOO_MANY)
        return self._is_the_endpoints

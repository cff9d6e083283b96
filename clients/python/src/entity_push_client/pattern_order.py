"""The ordering contract of a pattern: no number of an entity twice, and none that is smaller. It does no I/O.

A pattern has no history: nothing can be asked for again. So every new listening is a new beginning.
"""

from typing import TypeVar

from entity_push_client.changes import Frame, Reset, Update
from entity_push_client.ordering import Question, Show, split_cursor

K = TypeVar("K")
V = TypeVar("V")


class PatternOrder:
    """The updates of all entities below a pattern.

    Args:
        show: takes each change. A reset has no state yet.
        most_held: how many frames may be held before the answer.
        most_entities: how many entities' numbers are kept; the one unheard of for longest is forgotten.

    Attributes:
        must_ask: whether a question is due.
        must_begin: whether an answer has come that the application was not told of. `begin` follows as
            soon as only one connection listens, else `go_on`.
    """

    is_pattern = True
    cursor: str | None = None
    latest: Frame | None = None
    has_hole = False

    def __init__(self, show: Show, *, most_held: int = 1000, most_entities: int = 10_000):
        self._show, self._most_held, self._most_entities = show, most_held, most_entities
        self.must_ask, self.known, self.must_begin = True, False, False
        self._held: list[Frame] = []
        self._numbers: dict[tuple[str, str], int] = {}
        self._ids: dict[str, None] = {}

    def pushed(self, frame: Frame, waits: bool) -> bool:
        """Take a pushed frame; return whether `must_ask` may have changed.

        Args:
            frame: the frame.
            waits: whether an answer is awaited on the connection that it came from.
        """
        if not (waits or self._held or not self.known):
            self._take(frame)
        elif len(self._held) < self._most_held:
            self._held.append(frame)
        # What does not fit is left out: the state that follows the answer has it.
        return False

    def _take(self, frame: Frame) -> None:
        cursor = frame.get("cursor")
        if cursor is None:
            if frame["id"] not in self._ids:
                _remember(self._ids, frame["id"], None, self._most_held)
                self._show(Update(frame))
            return
        life, number = split_cursor(cursor)
        key = (frame["entityId"], life)
        last = self._numbers.pop(key, 0)
        _remember(self._numbers, key, max(last, number), self._most_entities)
        if number > last:
            self._show(Update(frame))

    def ask(self) -> Question:
        """Return what to ask now."""
        due, self.must_ask = self.must_ask, False
        return Question(None, frozenset(), due)

    def unanswered(self, question: Question) -> None:
        """Take note that an answer will not come."""
        self.must_ask = self.must_ask or question.due

    def answered(self, _question: Question, _answer: Frame) -> None:
        """Take an answer."""
        self.known = self.must_begin = True

    def begin(self) -> None:
        """Begin anew: listening began, or went from one connection to another."""
        self.must_begin = False
        self._show(Reset(None, None, None))
        self.go_on()

    def go_on(self) -> None:
        """Show what came while the answer was awaited."""
        held, self._held = self._held, []
        for frame in held:
            self._take(frame)

    def forget(self) -> None:
        """Forget all: nobody listens any more."""
        self.must_ask, self.known, self.must_begin = True, False, False
        self._held.clear()
        self._numbers.clear()
        self._ids.clear()


def _remember(known: dict[K, V], key: K, value: V, most: int) -> None:
    known[key] = value
    if len(known) > most:
        del known[next(iter(known))]

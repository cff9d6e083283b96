"""The ordering contract of one entity, or one channel: what to show, and when to ask. It does no I/O.

Frames come in at one end, in any order, some twice, some never, from one connection or two. What comes out is
a `Reset`, then updates whose numbers rise by one, until the next `Reset`. Nothing in between is missing.

- A frame that was shown before is dropped. The next one is shown. Any other leaves a hole, or is of another
  life of the history: it is held, and a question is due.
- While an answer is awaited on a connection, that connection's frames are held. The answer comes first.
- An answer that promises completeness is believed only if its updates follow on from what is shown.
- What is held is bounded. When it overflows, the place is forgotten: the next answer is a new beginning.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from entity_push_client.changes import Change, Frame, Reset, Update

MOST_IDS = 1000
"""How many updates without a number are remembered, so that none is shown twice."""

Show = Callable[["Change[None, Any]"], None]


def split_cursor(cursor: str) -> tuple[str, int]:
    """Return a cursor's life, with its dot, and its number.

    Raises:
        ValueError: it is no cursor.
    """
    life, dot, number = cursor.rpartition(".")
    if not (life and number.isascii() and number.isdigit()):
        raise ValueError(f"{cursor!r} is not a cursor")
    return life + dot, int(number)


@dataclass(frozen=True, slots=True)
class Question:
    """What a question was asked with; its answer makes sense only beside it.

    Attributes:
        since: the cursor that it names; None for a new beginning.
        covered: the cursors of the frames held then. They were stored, so the answer covers them.
        due: whether it was due, and not only asked because the connection was new.
    """

    since: str | None
    covered: frozenset[str]
    due: bool


class EntityOrder:
    """The updates of one entity or channel, in their order.

    Args:
        show: takes each change. A reset has no state yet.
        since: a cursor up to which everything is shown already; None for a newcomer.
        most_held: how many frames may be held.

    Attributes:
        must_ask: whether a question is due at once, as soon as none is open.
        latest: the last frame that is known, whether it was shown or told.

    Raises:
        ValueError: `since` is no cursor.
    """

    is_pattern = False

    def __init__(self, show: Show, *, since: str | None = None, most_held: int = 1000):
        self._show, self._most_held = show, most_held
        self.must_ask = True
        self.latest: Frame | None = None
        self._life, self._number, self._next = "", 0, ""
        self._held: dict[str, Frame] = {}
        self._unstored: list[Frame] = []
        self._unstored_ids: dict[str, None] = {}
        self._open = 0
        self._answered = self._left_out = False
        if since is not None:
            self._go_to(*split_cursor(since))

    @property
    def cursor(self) -> str | None:
        """Up to where everything is shown; None without a place in a history."""
        return f"{self._life}{self._number}" if self._life else None

    @property
    def known(self) -> bool:
        """Whether there is a place to go on from: an answer has come, or a cursor was given."""
        return self._answered or bool(self._life)

    @property
    def has_hole(self) -> bool:
        """Whether frames are held, and nothing is asked that could bring those before them."""
        return bool(self._held) and not self._open and not self.must_ask

    # Frames

    def pushed(self, frame: Frame, waits: bool) -> bool:
        """Take a pushed frame; return whether `must_ask` or `has_hole` may have changed.

        Args:
            frame: the frame.
            waits: whether an answer is awaited on the connection that it came from.
        """
        if frame.get("cursor") == self._next and not waits and not self._held:
            number = self._number = self._number + 1
            self._next = f"{self._life}{number + 1}"
            self.latest = frame
            self._show(Update(frame))
            return False
        self._pushed_out_of_turn(frame, waits)
        return True

    def _pushed_out_of_turn(self, frame: Frame, waits: bool) -> None:
        cursor = frame.get("cursor")
        if cursor is None:
            self._take_unstored(frame, waits)
            return
        if self._is_shown(*split_cursor(cursor)):
            return
        if not self._life and self._answered:
            self.must_ask = True  # there was no history, and now there is one
        self._held[cursor] = frame
        if len(self._held) > self._most_held:
            self._overflow()
        elif not waits:
            self._drain()

    def _take_unstored(self, frame: Frame, waits: bool) -> None:
        """Take a frame without a number: the deployment does not store updates, or has ceased to."""
        if not waits and self.known:
            self._show_unstored(frame)
        elif len(self._unstored) < self._most_held:
            self._unstored.append(frame)
        else:
            self._overflow()

    def _show_unstored(self, frame: Frame) -> None:
        if frame["id"] in self._unstored_ids:
            return
        self._unstored_ids[frame["id"]] = None
        if len(self._unstored_ids) > MOST_IDS:
            del self._unstored_ids[next(iter(self._unstored_ids))]
        self.latest = frame
        self._show(Update(frame))

    def _is_shown(self, life: str, number: int) -> bool:
        return life == self._life and number <= self._number

    def _drain(self) -> None:
        """Show the held frames that are next, and drop those that were shown."""
        while frame := self._held.pop(self._next, None):
            self._go_to(self._life, self._number + 1)
            self.latest = frame
            self._show(Update(frame))
        for cursor in [held for held in self._held if self._is_shown(*split_cursor(held))]:
            del self._held[cursor]

    def _go_to(self, life: str, number: int) -> None:
        self._life, self._number = life, number
        self._next = f"{life}{number + 1}" if life else ""

    def _overflow(self) -> None:
        self._held.clear()
        self._unstored.clear()
        if self.known:
            self.forget()
        else:
            self._left_out = True  # a new beginning is asked for already; what comes after it, too

    def forget(self) -> None:
        """Give up the place: a question without `since` is due, and its answer is a new beginning."""
        self._go_to("", 0)
        self._held.clear()
        self._unstored.clear()
        self._answered = self._left_out = False
        self.must_ask = True

    # Questions and answers

    def ask(self) -> Question:
        """Return what to ask now. `answered` or `unanswered` follows."""
        due, self.must_ask = self.must_ask, False
        self._open += 1
        return Question(self.cursor, frozenset(self._held), due)

    def unanswered(self, question: Question) -> None:
        """Take note that an answer will not come: its connection is lost."""
        self._open -= 1
        self.must_ask = self.must_ask or question.due

    def answered(self, question: Question, answer: Frame) -> None:
        """Take an answer.

        Args:
            question: what was asked.
            answer: the frame `subscribed`.
        """
        self._open -= 1
        cursor: str | None = answer["cursor"]
        complete = question.since is not None and cursor is not None
        if complete and (answer["recovered"] or answer["more"]):
            if not self._go_on(answer["updates"], *split_cursor(cursor or "")):
                self.forget()
                return
        else:
            self._begin(answer)
        if answer["more"]:
            self.must_ask = True
            return
        self._catch_up(question)

    def _go_on(self, updates: list[Frame], life: str, number: int) -> bool:
        """Show an answer's updates; return whether they lead up to its cursor without a hole."""
        for update in updates:
            cursor = update["cursor"]
            if cursor == self._next:
                self._go_to(self._life, self._number + 1)
                held = self._held.pop(cursor, None)
                whole = held if held and update.get("oversize") else update
                self.latest = whole
                self._show(Update(whole, True))
            elif not self._is_shown(*split_cursor(cursor)):
                return False
        return self._is_shown(life, number)

    def _begin(self, answer: Frame) -> None:
        life, number = split_cursor(answer["cursor"]) if answer["cursor"] else ("", 0)
        if not life or not self._is_shown(life, number):  # another connection may be ahead in the same life
            self._go_to(life, number)
            self.latest = answer["latest"]
        latest = None if self.latest is None else Update[Any](self.latest, True)
        self._show(Reset(None, latest, self.cursor))

    def _catch_up(self, question: Question) -> None:
        """Go on with what came while the answer was awaited."""
        self._answered = True
        for cursor in question.covered:
            if not self._life or not cursor.startswith(self._life):  # its life is over
                self._held.pop(cursor, None)
        self._drain()
        unstored, self._unstored = self._unstored, []
        for frame in unstored:
            self._show_unstored(frame)
        if self._left_out or (self._held and not self._life):
            self._left_out, self.must_ask = False, True

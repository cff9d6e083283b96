"""The ordering contract, case by case; test_ordering_model.py has all interleavings."""

from typing import Any

import pytest
from entity_push_client.changes import Change, Frame, Reset
from entity_push_client.ordering import EntityOrder

from tests.unit.client.fakes import update


class Screen:
    """An order and what it shows."""

    def __init__(self, since: str | None = "e.4", most_held: int = 3):
        self.changes: list[Change[None, Any]] = []
        self.order = EntityOrder(self.changes.append, since=since, most_held=most_held)
        if since:
            self.answer("e.4")

    def push(self, *numbers: int, waits: bool = False, life: str = "e") -> None:
        for number in numbers:
            self.order.pushed(update(number, life), waits)

    def answer(self, cursor: str | None, *updates: Frame, recovered: bool = True, more: bool = False) -> None:
        self.order.answered(self.order.ask(), answer(cursor, *updates, recovered=recovered, more=more))

    def take(self) -> list[str | None]:
        """Return what was shown since the last look; a reset as `reset` with its cursor."""
        shown = [f"reset {one.cursor}" if isinstance(one, Reset) else one.cursor for one in self.changes]
        self.changes.clear()
        return shown


def answer(cursor: str | None, *updates: Frame, recovered: bool = True, more: bool = False) -> Frame:
    return {"cursor": cursor, "recovered": recovered, "updates": list(updates), "more": more, "latest": None}


def test_the_next_is_shown_and_a_repetition_is_not() -> None:
    screen = Screen()
    screen.push(5, 5, 4, 6)
    assert screen.take() == ["e.5", "e.6"]


def test_a_hole_is_held_until_it_is_filled() -> None:
    screen = Screen()
    screen.push(6, 7)
    assert screen.take() == []
    assert screen.order.has_hole
    screen.push(5)
    assert screen.take() == ["e.5", "e.6", "e.7"]
    assert not screen.order.has_hole


def test_frames_wait_for_the_answer() -> None:
    screen = Screen()
    question = screen.order.ask()
    screen.push(5, 6, waits=True)
    assert screen.take() == []
    screen.order.answered(question, answer("e.5", update(5)))
    assert [
        (change.cursor, change.replayed) for change in screen.changes if not isinstance(change, Reset)
    ] == [
        ("e.5", True),
        ("e.6", False),
    ]


def test_what_another_connection_brings_does_not_wait() -> None:
    screen = Screen()
    question = screen.order.ask()
    screen.push(5)
    assert screen.take() == ["e.5"]
    screen.order.answered(question, answer("e.4"))
    assert screen.order.cursor == "e.5"


def test_repetitions_are_not_held() -> None:
    screen = Screen()
    screen.order.ask()
    screen.push(1, 2, 3, 4, waits=True)
    assert screen.order.cursor == "e.4"


def test_an_overflow_is_a_new_beginning() -> None:
    screen = Screen()
    screen.push(6, 7, 8, 9)
    assert screen.take() == []
    assert (screen.order.cursor, screen.order.must_ask) == (None, True)
    screen.answer("e.9", recovered=False)
    assert screen.take() == ["reset e.9"]


def test_an_overflow_before_the_first_answer_is_asked_for_again() -> None:
    screen = Screen(since=None)
    question = screen.order.ask()
    screen.push(5, 6, 7, 8, waits=True)
    screen.order.answered(question, answer("e.4", recovered=False))
    assert screen.take() == ["reset e.4"]
    assert screen.order.must_ask


def test_an_answer_of_before_an_overflow_is_not_taken() -> None:
    screen = Screen()
    question = screen.order.ask()
    screen.push(6, 7, 8, 9, waits=True)
    screen.order.answered(question, answer("e.5", update(5)))
    assert screen.take() == []
    assert screen.order.must_ask


@pytest.mark.parametrize("updates", [[update(6)], [update(5)], [], [update(5, "f")]])
def test_an_answer_with_a_hole_is_not_believed(updates: list[Frame]) -> None:
    """The answer says that it leads up to e.6."""
    screen = Screen()
    screen.answer("e.6", *updates)
    assert "e.6" not in screen.take()
    assert (screen.order.cursor, screen.order.must_ask) == (None, True)


def test_pages_go_on_where_the_last_one_ended() -> None:
    screen = Screen()
    screen.answer("e.5", update(5), more=True)
    assert (screen.order.must_ask, screen.order.ask().since) == (True, "e.5")


def test_another_life_is_asked_about_and_a_straggler_of_the_old_one_is_dropped() -> None:
    screen = Screen()
    screen.push(5, life="f")
    assert (screen.take(), screen.order.has_hole) == ([], True)
    screen.answer("f.5", recovered=False)
    assert screen.take() == ["reset f.5"]
    screen.push(5)
    assert (screen.take(), screen.order.has_hole) == ([], True)
    screen.answer("f.5")
    assert (screen.take(), screen.order.has_hole) == ([], False)


def test_without_a_history_the_first_number_is_a_question() -> None:
    screen = Screen(since=None)
    screen.answer(None, recovered=False)
    screen.order.pushed({"entityId": "orders/42", "id": "x"}, False)
    screen.order.pushed({"entityId": "orders/42", "id": "x"}, False)
    assert screen.take() == ["reset None", None]
    screen.push(1)
    assert (screen.take(), screen.order.must_ask) == ([], True)
    screen.answer("e.1", recovered=False)
    assert screen.take() == ["reset e.1"]
    screen.push(2)
    assert screen.take() == ["e.2"]


def test_a_number_before_the_answer_that_there_is_no_history_is_a_question() -> None:
    screen = Screen(since=None)
    question = screen.order.ask()
    screen.push(1, waits=True)
    screen.order.answered(question, answer(None, recovered=False))
    assert screen.order.must_ask


def test_a_history_that_never_begins_is_not_asked_for_without_end() -> None:
    """A numbered frame came just before the deployment ceased to store updates."""
    screen = Screen(since=None)
    screen.push(1)
    screen.answer(None, recovered=False)
    assert not screen.order.must_ask


def test_a_lost_question_is_due_again_only_if_it_was_due() -> None:
    screen = Screen()
    screen.order.unanswered(screen.order.ask())
    assert not screen.order.must_ask
    screen.order.must_ask = True
    screen.order.unanswered(screen.order.ask())
    assert screen.order.must_ask


def test_a_whole_frame_is_better_than_its_replay_without_a_message() -> None:
    screen = Screen()
    screen.push(6)
    screen.answer("e.6", update(5), {**update(6), "message": None, "oversize": True})
    shown = [change for change in screen.changes if not isinstance(change, Reset)]
    assert [(change.message, change.oversize) for change in shown] == [(5, False), (6, False)]


def test_a_reset_does_not_go_back_in_the_same_life() -> None:
    """Another connection was ahead of the answer."""
    screen = Screen()
    question = screen.order.ask()
    screen.push(5, 6)
    screen.order.answered(question, answer("e.5", recovered=False))
    screen.push(7)
    assert screen.take() == ["e.5", "e.6", "reset e.6", "e.7"]


@pytest.mark.parametrize("since", ["", "e", "e.", ".1", "e.x", "e.²", "e.-1"])
def test_what_is_no_cursor_is_refused_at_once(since: str) -> None:
    with pytest.raises(ValueError, match="not a cursor"):
        EntityOrder(lambda _change: None, since=since)

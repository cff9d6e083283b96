"""The window: what throttled answers among others mean."""

import random

import pytest
from entity_push.posting.pacing import Window
from hypothesis import given
from hypothesis import strategies as st

MOST = 256


def noted(window: Window, answers: int, share: float) -> None:
    source = random.Random(answers)
    for _ in range(answers):
        window.note(throttled=source.random() < share)


def test_a_few_slow_clients_change_nothing() -> None:
    window = Window(MOST)
    noted(window, 20_000, 0.08)
    assert window.size > 0.9 * MOST


def test_slow_clients_in_a_row_change_nothing() -> None:
    """As in a chunk of those that failed before."""
    window = Window(MOST)
    for _ in range(100):
        noted(window, 8, 1.0)
        noted(window, 92, 0.0)
    assert window.size > 0.9 * MOST


def test_the_throttle_is_noticed_within_the_round_that_it_begins_in() -> None:
    window = Window(MOST)
    noted(window, 1000, 0.0)
    noted(window, MOST // 2, 0.5)
    assert window.size == pytest.approx(MOST * 0.7)


def test_one_round_makes_the_window_smaller_once() -> None:
    window = Window(MOST)
    noted(window, 150, 1.0)
    assert window.size == pytest.approx(MOST * 0.7)
    noted(window, 150, 1.0)
    assert window.size == pytest.approx(MOST * 0.7 * 0.7)


def test_it_grows_again_round_by_round() -> None:
    window = Window(MOST)
    noted(window, 5000, 1.0)
    assert window.size == 16
    noted(window, 300, 0.0)
    assert 30 < window.size < 50
    noted(window, 20_000, 0.0)
    assert window.size == MOST


def test_at_rest_what_was_learned_fades() -> None:
    window = Window(MOST)
    noted(window, 5000, 1.0)
    window.rest(0.1)
    assert window.size == 32
    window.rest(0.5)
    assert window.size == MOST
    noted(window, 20, 0.0)
    assert window.size == MOST, "what was learned before the rest made it smaller"


@given(st.lists(st.tuples(st.integers(1, 400), st.floats(0, 1), st.floats(0, 2)), max_size=30))
def test_it_stays_within_its_bounds(history: list[tuple[int, float, float]]) -> None:
    for most in (1, 8, MOST):
        window = Window(most)
        for answers, share, rest in history:
            noted(window, answers, share)
            assert min(16, most) <= window.size <= most
            window.rest(rest)
            assert min(16, most) <= window.size <= most

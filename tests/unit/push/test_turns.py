"""When a channel's posts begin, if other workers' posts of the channel go first."""

import pytest
from entity_push.protocol.events import Update
from entity_push.push.delivery import Delivery
from entity_push.push.messages import Chunk
from entity_push.push.turns import BEFORE_POSTS_SECONDS, FIRST_GUESS_SECONDS, LONGEST_SECONDS, Turns

NOW = 1_800_000_000.0


class Clock:
    """A monotonic clock and a wall clock that go together."""

    def __init__(self) -> None:
        self.passed = 0.0

    def __call__(self) -> float:
        return 100 + self.passed

    def wall(self) -> float:
        return NOW + self.passed


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def turns(clock: Clock) -> Turns:
    return Turns(clock, clock.wall)


def delivery(number: int, channel: str = "entity/e1", begins: float = 0.0) -> Delivery:
    made = Delivery(f"r{number}", Chunk(Update(channel, f"id-{number}", b"", 7, number), {}), begins)
    made.delivered = 1
    return made


def test_with_nobody_ahead_posts_begin_at_once(turns: Turns) -> None:
    assert turns.begins([]) == 0


def test_posts_begin_when_those_ahead_have_ended(turns: Turns) -> None:
    through = BEFORE_POSTS_SECONDS + 5 * FIRST_GUESS_SECONDS
    assert turns.begins([(NOW, 5)]) == pytest.approx(100 + through)
    assert turns.begins([(NOW - 0.01, 5)]) == pytest.approx(100 + through - 0.01)
    assert turns.begins([(NOW - through - 0.001, 5)]) == 0


def test_those_ahead_have_waited_for_each_other(turns: Turns) -> None:
    both = BEFORE_POSTS_SECONDS + 15 * FIRST_GUESS_SECONDS
    assert turns.begins([(NOW - 0.01, 10), (NOW, 5)]) == pytest.approx(100 + both - 0.01)


def test_those_ahead_that_met_nobody_did_not_wait(turns: Turns) -> None:
    through = BEFORE_POSTS_SECONDS + 5 * FIRST_GUESS_SECONDS
    assert turns.begins([(NOW - 0.9, 10), (NOW, 5)]) == pytest.approx(100 + through)


def test_who_would_wait_for_too_long_does_not_wait(turns: Turns) -> None:
    most = int((LONGEST_SECONDS - BEFORE_POSTS_SECONDS) / FIRST_GUESS_SECONDS)
    assert turns.begins([(NOW, most)]) > 0
    assert turns.begins([(NOW, most + 1)]) == 0


def test_the_pace_is_what_updates_have_taken(turns: Turns, clock: Clock) -> None:
    for _ in range(10):
        note = turns.learner()
        for number in range(5):
            clock.passed += 0.004
            note(delivery(number))
    assert turns.pace == pytest.approx(0.004, rel=0.01)
    assert turns.begins([(clock.wall(), 10)]) == pytest.approx(
        clock() + BEFORE_POSTS_SECONDS + 0.04, rel=1e-5
    )


def test_channels_of_a_batch_that_are_posted_side_by_side_make_nobody_slower(
    turns: Turns, clock: Clock
) -> None:
    for _ in range(20):
        note = turns.learner()
        clock.passed += 0.005
        for channel in range(5):
            note(delivery(1, f"entity/{channel}"))
    assert turns.pace == pytest.approx(0.005, rel=0.01)


def test_waiting_for_others_is_not_taken_for_slowness(turns: Turns, clock: Clock) -> None:
    for _ in range(20):
        note = turns.learner()
        begins = clock() + 0.3
        clock.passed += 0.306
        note(delivery(1, begins=begins))
    assert turns.pace == pytest.approx(0.006, rel=0.01)


def test_one_client_that_hangs_says_little_about_the_next_updates(turns: Turns, clock: Clock) -> None:
    note = turns.learner()
    clock.passed += 15
    note(delivery(1))
    assert turns.pace < 0.03


def test_what_was_held_back_by_a_failure_took_no_time_and_says_nothing(turns: Turns, clock: Clock) -> None:
    note = turns.learner()
    clock.passed += 0.01
    note(delivery(1))
    for number in range(2, 12):
        failed = delivery(number)
        failed.delivered = 0
        note(failed)
    assert turns.pace == pytest.approx(0.01)

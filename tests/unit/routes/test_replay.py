from collections.abc import AsyncIterator
from typing import Any

import pytest
from entity_push.protocol import frames
from entity_push.protocol.catch_up import CatchUp
from entity_push.protocol.cursors import Cursor
from entity_push.protocol.frames import Frame
from entity_push.routes import replay
from entity_push.routes.replay import LEAST_ROOM, Retelling
from entity_push.table.calls import run
from entity_push.table.history import Tail
from entity_push.table.log import MAX_STORED_BYTES, Life, Segment, Stored
from hypothesis import given
from hypothesis import strategies as st

LATEST = {"type": "Entity Updated", "sequence": 9, "cursor": "ab.9"}


def nothing_to_call(_calls: Any) -> Any:
    raise AssertionError("the past is in memory")


class Past:
    """A history with these updates.

    Attributes:
        reads: how often something was read.
    """

    def __init__(self, last: int, stored: dict[int, Frame]):
        latest = Segment("ab", last, [Stored({"type": "Entity Updated"})], 0, 10**10) if last else None
        self._tail, self._stored = Tail(Life("ab", 10**10), latest), stored
        self.reads = 0

    async def tail(self, channel: str, *, begin: bool = True) -> Tail | None:
        assert channel == "entity/e1"
        self.reads += 1
        return self._tail if begin or self._tail.sequence else None

    async def since(self, channel: str, cursor: Cursor, tail: Tail) -> AsyncIterator[tuple[int, Frame]]:
        assert channel == "entity/e1"
        assert cursor.epoch == tail.life.epoch
        for number in range(cursor.sequence + 1, tail.sequence + 1):
            if number in self._stored:
                yield number, self._stored[number]


def catch_up(past: Past, channel: str, since: Cursor | None, *, begin: bool = True) -> CatchUp:
    return run(replay.catch_up(past, channel, since, begin=begin), nothing_to_call)


def past(last: int, *, without: tuple[int, ...] = (), size: int = 0) -> Past:
    stored: dict[int, Frame] = {
        n: {"type": "Entity Updated", "sequence": n, "message": "x" * size}
        for n in range(1, last + 1)
        if n not in without
    }
    return Past(last, stored)


def numbers(found: CatchUp) -> list[int]:
    return [frame["sequence"] for frame in found.updates]


def test_before_the_first_update_there_is_a_cursor_that_misses_nothing() -> None:
    found = catch_up(Past(0, {}), "entity/e1", None)
    assert found == CatchUp(Cursor("ab", 0))
    assert numbers(catch_up(past(2), "entity/e1", found.cursor)) == [1, 2]


def test_a_newcomer_gets_the_latest_frame_and_where_to_go_on() -> None:
    found = catch_up(past(9), "entity/e1", None)
    assert found == CatchUp(Cursor("ab", 9), recovered=False, latest=LATEST)


@pytest.mark.parametrize("seen", [0, 4, 8, 9])
def test_who_comes_back_gets_everything_since_in_order(seen: int) -> None:
    found = catch_up(past(9), "entity/e1", Cursor("ab", seen))
    assert (found.recovered, found.more, found.cursor, found.latest) == (True, False, Cursor("ab", 9), None)
    assert numbers(found) == list(range(seen + 1, 10))


@pytest.mark.parametrize(
    "since", [Cursor("cd", 4), Cursor("ab", 10)], ids=["another epoch", "from the future"]
)
def test_a_cursor_that_does_not_fit_is_told_to_refetch(since: Cursor) -> None:
    found = catch_up(past(9), "entity/e1", since)
    assert found == CatchUp(Cursor("ab", 9), recovered=False, latest=LATEST)


@pytest.mark.parametrize("missing", [5, 7, 9])
def test_a_missing_update_is_never_papered_over(missing: int) -> None:
    found = catch_up(past(9, without=(missing,)), "entity/e1", Cursor("ab", 4))
    assert (found.recovered, found.updates) == (False, [])


@given(last=st.integers(1, 40), size=st.integers(0, MAX_STORED_BYTES - 100), seen=st.integers(0, 40))
def test_with_more_the_client_gets_everything_in_answers_below_32_kb(last: int, size: int, seen: int) -> None:
    stored = past(last, size=size)
    got: list[int] = []
    since = Cursor("ab", min(seen, last))
    while True:
        found = catch_up(stored, "entity/e1", since)
        answer = frames.subscribed({"entityId": "e" * 256}, already_subscribed=False, catch_up=found)
        assert len(frames.encode(frames.answer(answer, "r" * 128))) <= 32 * 1024
        assert found.recovered
        got += numbers(found)
        assert found.cursor is not None
        since = found.cursor
        if not found.more:
            break
        assert found.updates, "an answer with more must bring something"
    assert got == list(range(min(seen, last) + 1, last + 1))


def test_without_the_right_to_begin_a_history_there_is_a_cursor_only_where_there_is_one() -> None:
    assert catch_up(Past(0, {}), "entity/e1", None, begin=False) == CatchUp()
    assert catch_up(past(9), "entity/e1", None, begin=False).cursor == Cursor("ab", 9)


def test_what_is_asked_twice_is_read_once_and_told_twice() -> None:
    there = past(9)
    retelling = Retelling(there, nothing_to_call, 2000)
    told = [retelling.of("entity/e1", Cursor("ab", 7), begin=True) for _ in range(2)]
    assert [numbers(one) for one in told] == [[8, 9], [8, 9]]
    assert there.reads == 1


def test_without_room_nothing_is_read_and_the_client_asks_again_from_where_it_is() -> None:
    there = past(9)
    for room in (LEAST_ROOM - 1, 0, -5000):
        found = Retelling(there, nothing_to_call, room).of("entity/e1", Cursor("cd", 7), begin=True)
        assert found == CatchUp(Cursor("cd", 7), recovered=True, more=True)
    assert there.reads == 0


def test_a_newcomer_without_room_gets_a_cursor_that_was_looked_at() -> None:
    found = Retelling(past(9), nothing_to_call, 0).of("entity/e1", None, begin=True)
    assert (found.cursor, found.recovered, found.more) == (Cursor("ab", 9), False, False)
    assert found.latest == {**LATEST, "oversize": True}


@pytest.mark.parametrize("since", [None, Cursor("ab", 7), Cursor("cd", 1)])
def test_a_repetition_without_room_is_told_without_what_takes_it(since: Cursor | None) -> None:
    retelling = Retelling(past(9, size=400), nothing_to_call, 1000)
    first = retelling.of("entity/e1", since, begin=True)
    told = [retelling.of("entity/e1", since, begin=True) for _ in range(25)]
    texts = [len(frames.encode(frame)) for one in (first, *told) for frame in one.updates]
    assert sum(texts) <= 1000
    for one in told:
        assert one.updates or one.more or one.cursor == Cursor("ab", 9)
        assert one.recovered == first.recovered
        assert "message" not in (one.latest or {}) or one.latest == first.latest

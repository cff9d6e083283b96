"""The soak's check of what was shown notices each breach of the contract."""

from typing import Any

import pytest

from tests.soak.shown import Shown, ShownOfPattern


def update(number: int, *, life: str = "e", entity_id: str = "a") -> dict[str, Any]:
    return {"cursor": f"{life}.{number}", "entityId": entity_id, "replayed": False}


def shown(state: str | None, *numbers: int) -> Shown:
    found = Shown("a")
    found.reset(state)
    for number in numbers:
        found.update(update(number))
    return found


@pytest.mark.parametrize(
    ("state", "numbers", "end"),
    [(None, [1, 2], "e.2"), ("e.3", [4, 5], "e.5"), ("e.3", [2, 3, 4], "e.4"), ("e.3", [2], "e.3")],
)
def test_what_is_right_has_no_problem(state: str | None, numbers: list[int], end: str) -> None:
    found = shown(state, *numbers)
    assert not found.problems
    assert found.ends_at(end)


@pytest.mark.parametrize(
    ("state", "numbers"),
    [(None, [2]), ("e.3", [5]), ("e.3", [4, 6]), ("e.3", [4, 4]), ("e.3", [5, 4])],
    ids=["the first is lost", "one after the state is lost", "a hole", "twice", "out of order"],
)
def test_each_breach_is_a_problem(state: str | None, numbers: list[int]) -> None:
    assert shown(state, *numbers).problems


def test_another_life_needs_a_reset() -> None:
    found = shown("e.3", 4)
    found.update(update(5, life="f"))
    assert found.problems


def test_the_state_is_of_the_updates_life() -> None:
    found = shown("e.3")
    found.update(update(1, life="f"))
    assert found.problems


def test_an_update_before_the_first_reset_is_a_problem() -> None:
    found = Shown("a")
    found.update(update(1))
    assert found.problems


def test_the_end_is_known() -> None:
    assert not Shown("a").ends_at(None)
    assert shown(None).ends_at(None)
    assert shown("e.3", 4).ends_at("e.4")
    assert not shown("e.3", 4).ends_at("e.5")
    assert not shown("e.3", 4).ends_at("f.4")


def test_a_pattern_shows_numbers_of_each_entity_once_and_rising() -> None:
    found = ShownOfPattern("*")
    found.reset(None)
    for number, entity_id in [(5, "a"), (2, "b"), (7, "a")]:
        found.update(update(number, entity_id=entity_id))
    assert not found.problems
    found.update(update(7, entity_id="a"))
    assert found.problems

"""A pattern: no number of an entity twice, and a new beginning with every new listening."""

from typing import Any

from entity_push_client.changes import Change, Reset
from entity_push_client.pattern_order import PatternOrder

from tests.unit.client.fakes import update


def _listening(**most: int) -> tuple[PatternOrder, list[Change[None, Any]]]:
    shown: list[Change[None, Any]] = []
    order = PatternOrder(shown.append, **most)
    order.answered(order.ask(), {})
    order.begin()
    assert [type(change) for change in shown] == [Reset]
    shown.clear()
    return order, shown


def test_numbers_of_each_entity_rise() -> None:
    order, shown = _listening()
    for number, entity_id in ((2, "a/1"), (1, "a/2"), (2, "a/1"), (1, "a/1"), (5, "a/1"), (2, "a/2")):
        order.pushed(update(number, entity_id=entity_id), False)
    assert [(one.entity_id, one.sequence) for one in shown if not isinstance(one, Reset)] == [
        ("a/1", 2),
        ("a/2", 1),
        ("a/1", 5),
        ("a/2", 2),
    ]


def test_each_life_has_its_own_numbers() -> None:
    order, shown = _listening()
    for life, number in (("e", 7), ("f", 1), ("e", 7), ("f", 1), ("f", 2)):
        order.pushed(update(number, life), False)
    assert [change.cursor for change in shown] == ["e.7", "f.1", "f.2"]


def test_updates_before_the_answer_follow_the_reset() -> None:
    shown: list[Change[None, Any]] = []
    order = PatternOrder(shown.append, most_held=2)
    question = order.ask()
    for number in (1, 2, 3):
        order.pushed(update(number), True)
    assert shown == []
    order.answered(question, {})
    order.begin()
    assert [change.cursor for change in shown] == [None, "e.1", "e.2"]


def test_the_entity_unheard_of_for_longest_is_forgotten() -> None:
    order, shown = _listening(most_entities=2)
    for entity_id in ("a", "b", "a", "c", "a", "b"):
        order.pushed(update(1, entity_id=entity_id), False)
    assert [change.entity_id for change in shown if not isinstance(change, Reset)] == ["a", "b", "c", "b"]

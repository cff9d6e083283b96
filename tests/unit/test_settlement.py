from entity_push.chunks import Chunk
from entity_push.delivery import Outcome, Result
from entity_push.events import Update
from entity_push.settlement import Delivery

ENDS = 1_800_000_000


def delivery(number: int, *connection_ids: str) -> Delivery:
    update = Update("entity/e1", f"id-{number}", b"x", 7, number)
    return Delivery(f"r{number}", Chunk(update, dict.fromkeys(connection_ids, ENDS)))


def test_what_failed_holds_back_every_later_update_for_that_connection_and_no_other() -> None:
    for outcome, kept in ((Outcome.RETRY, "retry"), (Outcome.UNSENT, "unsent"), (Outcome.GONE, "gone")):
        first, other, second, third = (
            delivery(1, "x", "y"),
            delivery(1, "z"),
            delivery(2, "y"),
            delivery(3, "x", "z"),
        )
        first.note(Result("x", outcome, None, ""))
        first.note(Result("y", Outcome.DELIVERED, 200, ""))
        other.note(Result("z", Outcome.DELIVERED, 200, ""))
        second.follow([first, other])
        third.follow([first, other])
        third.follow([second])
        assert list(second.waiting()) == [("y", ENDS)]
        assert list(third.waiting()) == [("z", ENDS)]
        assert getattr(third, kept) == ["x"]
        assert third.retry + third.unsent + third.gone == ["x"]


def test_it_is_held_back_once_however_many_went_before() -> None:
    first, second, third = (delivery(number, "x") for number in (1, 2, 3))
    first.note(Result("x", Outcome.RETRY, 429, ""))
    second.follow([first])
    third.follow([first])
    third.follow([second])
    assert list(third.waiting()) == []
    assert third.retry == ["x"]

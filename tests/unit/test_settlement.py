import time
from collections.abc import Iterable, Iterator
from unittest.mock import MagicMock

from entity_push.chunks import Chunk
from entity_push.dead_letters import DeadLetters
from entity_push.delivery import Outcome, Result
from entity_push.events import Update
from entity_push.push_metrics import PushMetrics
from entity_push.queue import Queue
from entity_push.settlement import Delivery, Settlement

ENDS = 2**40


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


class Forgetting:
    """Connections of which all are old, and all are left alone."""

    def __init__(self) -> None:
        self.opened_before: list[int] = []

    def forget(self, connection_ids: Iterable[str], channel: str, *, opened_before: int) -> list[str]:
        assert channel == "entity/e1"
        self.opened_before.append(opened_before)
        return list(connection_ids)


class Closing:
    """An engine that has nothing to close."""

    def disconnect(self, connection_ids: Iterable[str], *, deadline: float) -> Iterator[Result]:
        raise AssertionError((connection_ids, deadline))


def test_whether_a_connection_may_be_opening_is_asked_of_the_time_of_the_post_not_of_settling() -> None:
    gone, connections, client = delivery(1, "x"), Forgetting(), MagicMock()
    client.send_message_batch.return_value = {}
    gone.began = time.time() - 45  # as in an invocation that posted to many
    gone.note(Result("x", Outcome.GONE, 410, ""))
    settlement = Settlement(connections, Closing(), Queue(client, "queue"), DeadLetters(client, "dead"))
    settlement.settle(gone, PushMetrics(), ends=time.monotonic() + 60)
    (opened_before,) = connections.opened_before
    assert abs(opened_before / 1000 - (gone.began - 30)) < 1

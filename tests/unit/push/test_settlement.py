import time
from collections.abc import Iterable, Iterator
from unittest.mock import MagicMock

import pytest
from entity_push.posting.posts import Outcome, Result
from entity_push.protocol.events import Update
from entity_push.push.dead_letters import DeadLetters
from entity_push.push.delivery import Delivery
from entity_push.push.messages import Chunk
from entity_push.push.metrics import PushMetrics
from entity_push.push.queue import Queue
from entity_push.push.settlement import Settlement

ENDS = 2**40


def delivery(number: int, *connection_ids: str) -> Delivery:
    update = Update("entity/e1", f"id-{number}", b"x", 7, number)
    return Delivery(f"r{number}", Chunk(update, dict.fromkeys(connection_ids, ENDS)))


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

    def disconnect(
        self, connection_ids: Iterable[str], *, deadline: float, suspect: bool = False
    ) -> Iterator[Result]:
        raise AssertionError((connection_ids, deadline, suspect))


def test_whether_a_connection_may_be_opening_is_asked_of_the_time_of_the_post_not_of_settling() -> None:
    gone, connections, client = delivery(1, "x"), Forgetting(), MagicMock()
    client.send_message_batch.return_value = {}
    gone.began = time.time() - 45  # as in an invocation that posted to many
    gone.note(Result("x", Outcome.GONE, 410, ""))
    settlement = Settlement(connections, Closing(), Queue(client, "queue"), DeadLetters(client, "dead"))
    helpless = settlement.hand_on(gone, PushMetrics())
    settlement.settle(gone, helpless, PushMetrics(), ends=time.monotonic() + 60)
    (opened_before,) = connections.opened_before
    assert abs(opened_before / 1000 - (gone.began - 30)) < 1


@pytest.mark.parametrize("outcome", [Outcome.RETRY, Outcome.SILENT, Outcome.UNSENT])
def test_the_log_says_why_posts_go_back_to_the_queue(
    outcome: Outcome, caplog: pytest.LogCaptureFixture
) -> None:
    """The alarm `Undelivered` sends people to this line, whatever it is."""
    failed, client = delivery(1, "x"), MagicMock()
    failed.note(Result("x", outcome, None, "credentials: NoCredentialsError()"))
    settlement = Settlement(Forgetting(), Closing(), Queue(client, "queue"), DeadLetters(client, "dead"))
    settlement.settle(failed, [], PushMetrics(), ends=time.monotonic() + 60)
    (pushed,) = (record for record in caplog.records if record.message == "pushed")
    assert vars(pushed)["last_failure"] == "credentials: NoCredentialsError()"


def test_a_delivery_that_forgot_a_connection_is_not_settled() -> None:
    client = MagicMock()
    half_done = delivery(1, "x", "y")
    half_done.note(Result("x", Outcome.DELIVERED, 200, ""))
    settlement = Settlement(Forgetting(), Closing(), Queue(client, "queue"), DeadLetters(client, "dead"))
    with pytest.raises(AssertionError, match="forgotten"):
        settlement.hand_on(half_done, PushMetrics())

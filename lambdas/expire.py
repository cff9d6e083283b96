"""Every minute: closes the connections whose token has expired.

API Gateway has no timer for a connection. Until one is closed here, its frames are refused (`admission`) and
nothing is pushed to it (`delivery`), both to the second.
"""

import time
from collections import Counter
from typing import Any

from entity_push.posting.deliverer import Deliverer
from entity_push.posting.posts import Outcome
from entity_push.runtime import aws
from entity_push.runtime.environment import ExpireEnvironment, aws_region
from entity_push.runtime.telemetry import logger
from entity_push.table.connections import OPENING_SECONDS, Connections

LOOK_BACK_MINUTES = 15
"""A run that failed is made up for by those that follow."""

LONGEST_LOOK_BACK_MINUTES = 125
"""After a longer trouble: no connection lives for longer than two hours. Once in LOOK_BACK_MINUTES."""

RESERVE_SECONDS = 5.0

environment = ExpireEnvironment.read()
table = Connections(aws.client("dynamodb"), environment.table_name)
deliverer = Deliverer(environment.callback_url, aws_region(), aws.credentials)


class StillOpenError(Exception):
    """Some connections could not be closed. There is an alarm on it, and the next runs try again."""


def handler(_event: dict[str, Any], context: Any) -> dict[str, int]:
    """Close them; API Gateway runs `$disconnect` for each. What there is no time for, the next run does.

    Raises:
        StillOpenError: some could not be closed; the others are.
    """
    ends = time.monotonic() + context.get_remaining_time_in_millis() / 1000 - RESERVE_SECONDS
    now = time.time()
    outcomes: Counter[Outcome] = Counter()
    now_and_then = int(now) // 60 % LOOK_BACK_MINUTES == 0
    minutes = LONGEST_LOOK_BACK_MINUTES if now_and_then else LOOK_BACK_MINUTES
    for minute, connection_ids in table.expired(now, minutes=minutes):
        results = list(deliverer.disconnect(connection_ids, deadline=ends))
        outcomes.update(result.outcome for result in results)
        closed = {Outcome.DELIVERED}
        if now > minute * 60 + OPENING_SECONDS:
            closed.add(Outcome.GONE)
        table.closed(minute, [result.connection_id for result in results if result.outcome in closed])
    counts = {outcome.value: count for outcome, count in outcomes.items()}
    if outcomes.keys() - {Outcome.DELIVERED, Outcome.GONE}:
        raise StillOpenError(counts)
    if outcomes:
        logger.info("closed connections whose token has expired", outcomes=counts)
    return counts

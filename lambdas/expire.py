"""Every minute: closes the connections whose token has expired.

API Gateway has no timer for a connection. Until one is closed here, its frames are refused (`admission`) and
nothing is pushed to it (`delivery`), both to the second.
"""

import time
from typing import Any

from entity_push import aws
from entity_push.delivery import Deliverer, Outcome
from entity_push.environment import variable
from entity_push.table.connections import Connections
from entity_push.telemetry import logger

LOOK_BACK_MINUTES = 15
"""A run that failed is made up for by those that follow."""

RESERVE_SECONDS = 5.0

table = Connections(aws.client("dynamodb"), variable("TABLE_NAME"))
deliverer = Deliverer(variable("CALLBACK_URL"), variable("AWS_REGION"), aws.credentials)


def handler(_event: dict[str, Any], context: Any) -> dict[str, int]:
    """Close them; API Gateway runs ``$disconnect`` for each. What there is no time for, the next run does."""
    ends = time.monotonic() + context.get_remaining_time_in_millis() / 1000 - RESERVE_SECONDS
    closed, failed = 0, 0
    for minute, connection_ids in table.expired(time.time(), minutes=LOOK_BACK_MINUTES):
        done = [
            result.connection_id
            for result in deliverer.disconnect(connection_ids, deadline=ends)
            if result.outcome in (Outcome.DELIVERED, Outcome.GONE)
        ]
        table.closed(minute, done)
        closed += len(done)
        failed += len(connection_ids) - len(done)
    if failed:
        logger.error("some connections with an expired token are still open", closed=closed, failed=failed)
    elif closed:
        logger.info("closed connections whose token has expired", closed=closed)
    return {"closed": closed, "failed": failed}

"""Every minute: closes the connections whose token has expired, and warns those whose token will.

API Gateway has no timer for a connection. Until one is closed here, its frames are refused (`admission`) and
no update is pushed to it (`delivery`), both to the second. A client that connects anew on the warning is
never without updates.
"""

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from entity_push.posting.deliverer import Deliverer
from entity_push.posting.posts import Outcome, Post
from entity_push.protocol import frames
from entity_push.protocol.closing_codes import ClosingCode
from entity_push.runtime import aws
from entity_push.runtime.environment import ExpireEnvironment, aws_region
from entity_push.runtime.telemetry import count, logger
from entity_push.table.connections import OPENING_SECONDS, Connections

LOOK_BACK_MINUTES = 15
"""A run that failed is made up for by those that follow."""

LONGEST_LOOK_BACK_MINUTES = 125
"""After a longer trouble: no connection lives for longer than two hours. Once in LOOK_BACK_MINUTES."""

RESERVE_SECONDS = 5.0

WARNING_SECONDS = 90
"""The earliest warning before a token's end. With a run each minute, the latest is 30 s before."""

MOST_SECONDS_FOR_WARNINGS = 10.0
"""Closing waits so long for all warnings together."""

MOST_SECONDS_FOR_REASONS = 1.0
"""Closing waits so long for all connections to be told why: clients work without being told."""

CLOSED = frozenset((Outcome.DELIVERED, Outcome.GONE))
"""What becomes of a close if the connection is closed afterwards."""

WARNED_OR_GONE = frozenset((Outcome.DELIVERED, Outcome.GONE, Outcome.EXPIRED))
"""What becomes of a warning if nobody is left who has to be warned."""

WARNING = frames.encode(frames.closing(ClosingCode.TOKEN_EXPIRES, reconnect=True))
REASON = frames.encode(frames.closing(ClosingCode.TOKEN_EXPIRED, reconnect=True))

environment = ExpireEnvironment.read()
table = Connections(aws.client("dynamodb"), environment.table_name)
deliverer = Deliverer(environment.callback_url, aws_region(), aws.credentials)

warned: set[str] = set()
"""The connections about to expire that this worker has warned. Another worker may warn them again."""


class StillOpenError(Exception):
    """Some connections could not be closed. There is an alarm on it, and the next runs try again."""


def handler(_event: dict[str, Any], context: Any) -> dict[str, int]:
    """Warn and close; API Gateway runs `$disconnect` for each. What there is no time for, the next run does.

    Raises:
        StillOpenError: some could not be closed; the others are.
    """
    ends = time.monotonic() + context.get_remaining_time_in_millis() / 1000 - RESERVE_SECONDS
    now = time.time()
    with _closing_goes_on():
        _warn(now)
    outcomes = _close(now, ends)
    counts = {outcome.value: number for outcome, number in outcomes.items()}
    if outcomes.keys() - CLOSED:
        raise StillOpenError(counts)
    if outcomes:
        logger.info("closed connections whose token has expired", outcomes=counts)
    return counts


@contextmanager
def _closing_goes_on() -> Iterator[None]:
    """Log whatever fails: clients work without being told."""
    try:
        yield
    except Exception:
        logger.exception("clients were not told of their token's end")


def _warn(now: float) -> None:
    """Warn the connections whose token is about to expire; count them, and those that could not be warned."""
    expiring = dict(table.expiring(now, seconds=WARNING_SECONDS))
    warned.intersection_update(expiring)
    posts = [
        Post(connection_id, WARNING, expires=expires)
        for connection_id, expires in expiring.items()
        if connection_id not in warned
    ]
    if not posts:
        return
    results = list(deliverer.deliver(posts, deadline=time.monotonic() + MOST_SECONDS_FOR_WARNINGS))
    delivered = [result.connection_id for result in results if result.outcome is Outcome.DELIVERED]
    failed = [result for result in results if result.outcome not in WARNED_OR_GONE]
    warned.update(delivered)
    if delivered:
        count(environment.deployment_name, "Warned", value=len(delivered))
    if failed:
        count(environment.deployment_name, "NotWarned", value=len(failed))
        logger.warning(
            "some clients were not warned that their token is about to expire",
            outcomes=dict(Counter(result.outcome.value for result in failed)),
            last_failure=failed[-1].reason,
        )


def _close(now: float, ends: float) -> Counter[Outcome]:
    """Close the connections whose token has expired; return how many closed, were gone, and so on."""
    now_and_then = int(now) // 60 % LOOK_BACK_MINUTES == 0
    minutes = LONGEST_LOOK_BACK_MINUTES if now_and_then else LOOK_BACK_MINUTES
    expired = list(table.expired(now, minutes=minutes))
    with _closing_goes_on():
        _tell_why([connection_id for _, connection_ids in expired for connection_id in connection_ids])
    outcomes: Counter[Outcome] = Counter()
    for minute, connection_ids in expired:
        results = list(deliverer.disconnect(connection_ids, deadline=ends))
        outcomes.update(result.outcome for result in results)
        closed = {Outcome.DELIVERED}
        if now > minute * 60 + OPENING_SECONDS:
            closed.add(Outcome.GONE)
        table.closed(minute, [result.connection_id for result in results if result.outcome in closed])
        if failures := [result.reason for result in results if result.outcome not in CLOSED]:
            logger.warning("some connections are still open", count=len(failures), last_failure=failures[-1])
    return outcomes


def _tell_why(connection_ids: list[str]) -> None:
    """Tell connections why they are closed next, as far as that goes quickly."""
    if connection_ids:
        posts = [Post(connection_id, REASON) for connection_id in connection_ids]
        for _ in deliverer.deliver(posts, deadline=time.monotonic() + MOST_SECONDS_FOR_REASONS):
            pass  # whatever became of it, the connection is closed

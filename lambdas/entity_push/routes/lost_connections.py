"""Connections that are in the table although they are gone: their `$disconnect` was lost.

API Gateway runs `$disconnect` as a best effort (API Gateway Developer Guide, "Managing connected users and
client apps: $connect and $disconnect routes"). What it leaves behind counts as the user's until its ttl, up
to two hours. So before a user is refused for too many connections, some of them are looked up.
"""

import time

from entity_push.posting.deliverer import Deliverer
from entity_push.posting.posts import Outcome
from entity_push.runtime.telemetry import logger
from entity_push.table.connections import OPENING_SECONDS, Connections

MOST_AT_ONCE = 5
"""Connections looked up for one handshake. Forgetting one is enough to let the client in."""

SECONDS_BETWEEN = 10.0
"""A worker looks up a user's connections at most so often: a flood of handshakes must not go on to here."""

MOST_SECONDS = 3.0
"""A look-up ends after this time; the handshake is waiting."""

MOST_USERS = 1000
"""So many are remembered; then all are forgotten, and the next look-up begins with the oldest again."""


class LostConnections:
    """Finds and forgets the lost connections of users who have too many.

    Args:
        table: the connections.
        deliverer: asks API Gateway.
    """

    def __init__(self, table: Connections, deliverer: Deliverer):
        self._table, self._deliverer = table, deliverer
        # When, and the last one that was looked up, by channel.
        self._looked: dict[str, tuple[float, tuple[int, str]]] = {}

    def forget(self, channel: str, *, but: str, now: float) -> bool:
        """Look up to five of a user's oldest connections up, and forget those that are gone.

        A look-up goes on where the last one ended: five that are open must not hide those behind them.

        Args:
            channel: the user's channel, to which all their connections are subscribed.
            but: the id of the connection that is opening, which API Gateway does not know yet.
            now: the time, in seconds since 1970.

        Returns:
            Whether any was forgotten.
        """
        at, last = self._looked.get(channel, (0.0, (0, "")))
        if now - at < SECONDS_BETWEEN:
            return False
        oldest = [each for each in sorted(self._table.listed(channel, now)) if each[1] != but]
        asked = ([each for each in oldest if each > last] or oldest)[:MOST_AT_ONCE]
        if not asked:
            return False
        if len(self._looked) >= MOST_USERS:
            self._looked.clear()
        self._looked[channel] = now, asked[-1]
        gone = self._gone([connection_id for _, connection_id in asked])
        young = self._table.forget(gone, channel, opened_before=round((now - OPENING_SECONDS) * 1000))
        return len(gone) > len(young)

    def _gone(self, connection_ids: list[str]) -> list[str]:
        results = list(self._deliverer.look_up(connection_ids, deadline=time.monotonic() + MOST_SECONDS))
        unknown = [result for result in results if result.outcome not in (Outcome.DELIVERED, Outcome.GONE)]
        if unknown:
            logger.warning(
                "some connections could not be looked up", count=len(unknown), last_failure=unknown[-1].reason
            )
        gone = [result.connection_id for result in results if result.outcome is Outcome.GONE]
        if gone:
            logger.info("lost connections are forgotten", count=len(gone))
        return gone

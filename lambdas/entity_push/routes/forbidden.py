"""What clients ask for without a grant: all of it is counted, and a sample of it is logged."""

from collections.abc import Sequence

from entity_push.runtime.telemetry import count, logger
from entity_push.table.connections import Connection

LOGGED_EVERY = 100
"""Of what a user asks for, the first is logged, and then each hundredth: a flood must not fill the log."""

MOST_USERS = 1000
"""So many are remembered; then all are forgotten, and each one's next is a first again."""


class Forbidden:
    """Tells of what one worker of a route has had to forbid.

    Args:
        deployment_name: what it is counted under.
    """

    def __init__(self, deployment_name: str):
        self._deployment_name = deployment_name
        self._asked: dict[str, int] = {}

    def count(self, connection: Connection, action: str, named: Sequence[str]) -> None:
        """Count what one frame, or one handshake, has named without a grant; it may be nothing.

        Args:
            connection: who asked.
            action: what for.
            named: entities and patterns, checked or made here: they are logged as they are.
        """
        if not named:
            return
        count(self._deployment_name, "Forbidden", value=len(named))
        if self._is_to_be_logged(connection.bearer.user_id or connection.connection_id):
            logger.warning(
                "forbidden",
                connection_id=connection.connection_id,
                user_id=connection.bearer.user_id,
                action=action,
                entity=named[0],
                entities=len(named),
            )

    def _is_to_be_logged(self, user: str) -> bool:
        if user not in self._asked and len(self._asked) >= MOST_USERS:
            self._asked.clear()
        before = self._asked.get(user, 0)
        self._asked[user] = before + 1
        return before % LOGGED_EVERY == 0

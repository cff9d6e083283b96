"""Retries of DynamoDB calls that meet other writers at the same items."""

import random
import time
from collections.abc import Callable
from typing import Any

from entity_push.runtime.aws_errors import RefusedError
from entity_push.table.keys import Item

MOST_TRIES = 8
_CONFLICTS = frozenset(("TransactionConflict", "TransactionConflictException"))
_THROTTLES = frozenset(("ThrottlingError", "ProvisionedThroughputExceeded"))


class StillConflictingError(Exception):
    """DynamoDB kept refusing, mostly since other writers changed the same items. Another try may help.

    A refused transaction wrote nothing. A refused batch may have written some of its items.
    """


def reasons(error: RefusedError) -> list[Item]:
    """Return the reasons of a cancelled transaction, one per action, in the actions' order."""
    return [dict(reason) for reason in error.members.get("CancellationReasons", [])]


def _conflict(error: RefusedError) -> bool:
    """Tell whether another writer was at the same items. The call then wrote nothing."""
    if error.code in _CONFLICTS:
        return True
    return any(reason.get("Code") in _CONFLICTS for reason in reasons(error))


def is_passing(error: RefusedError) -> bool:
    """Tell whether a transaction met other writers, or too many of them: then trying again helps.

    The codes: Amazon DynamoDB API Reference, TransactWriteItems, "TransactionCanceledException".
    """
    return _conflict(error) or any(reason.get("Code") in _THROTTLES for reason in reasons(error))


class ConflictRetries:
    """Calls operations, up to eight times each.

    Args:
        pause: sleeps for a number of seconds between tries; tests replace it.
    """

    def __init__(self, pause: Callable[[float], None] = time.sleep):
        self._pause = pause

    def call(self, operation: Callable[..., Item], **parameters: Any) -> Item:
        """Call an operation until no other writer is in the way.

        Raises:
            StillConflictingError: another writer was in the way in every try.
            RefusedError: DynamoDB answered with any other error.
        """
        for tries in range(MOST_TRIES):
            try:
                return operation(**parameters)
            except RefusedError as error:
                if not _conflict(error):
                    raise
            self.back_off(tries)
        raise StillConflictingError("other writers kept changing the same items")

    def back_off(self, tries: int) -> None:
        """Wait up to 10, 20, 40 … ms, at random, so that two writers do not meet again."""
        self._pause(random.uniform(0, 0.01 * 2**tries))  # noqa: S311 - not for secrets

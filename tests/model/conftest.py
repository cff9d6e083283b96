"""Both tables in moto, once for all runs, and settings so small that everything happens in short runs."""

import contextlib
import itertools
import time
from collections.abc import Iterator

import pytest
from entity_push.protocol import frames
from entity_push.push import messages, retries
from entity_push.routes import admission, interests
from entity_push.runtime.telemetry import logger
from entity_push.table import history, log, memory, no_history
from moto import mock_aws

from testbed.function_variables import function_variables
from testbed.table_schema import TABLE_SCHEMA
from tests.model.moto_tables import MotoTables
from tests.model.world import REPLICA, TABLE, World


def _small(patch: pytest.MonkeyPatch) -> None:
    epochs = itertools.count(1)
    patch.setattr(log, "new_epoch", lambda: f"epoch{next(epochs)}")
    patch.setattr(history, "MAX_SEGMENT_BYTES", 250)  # two updates
    patch.setattr(history, "SEGMENTS_AT_ONCE", 2)
    patch.setattr(history, "CALL_SECONDS", 0)  # between two tries, only the other actors' steps matter
    patch.setattr(history, "MOST_LOOKED_BACK", history.MOST_LOOKED_BACK)  # a log's world sets these two
    patch.setattr(memory, "MOST_KNOWN", memory.MOST_KNOWN)
    patch.setattr(history, "time", time)  # a world replaces it by its clock
    patch.setattr(no_history, "time", time)
    patch.setattr(frames, "UPDATES_ROOM", 450)  # two or three frames
    patch.setattr(interests, "_FIELDS_BYTES", 0)
    patch.setattr(interests, "MAX_SEVERAL_BYTES", 500)  # then the second of two entities is not read
    patch.setattr(messages, "CHUNK_SIZE", 2)
    patch.setattr(retries, "MAX_ROUNDS", 3)
    patch.setattr(admission, "time", time)  # a world replaces it by its clock
    patch.setattr("entity_push.push.metrics.PushMetrics.flush", lambda _self, _deployment_name: None)
    facts = {"connections_per_user": 0, "subscriptions_per_connection": 20}
    for name, value in function_variables(table_name=TABLE, **facts).items():
        patch.setenv(name, value)
    patch.delenv("AWS_ENDPOINT_URL", raising=False)


class Worlds:
    """Makes worlds, one after the other, in the same tables."""

    def __init__(self) -> None:
        self._dynamodb = MotoTables()
        for name in (TABLE, REPLICA):
            self._dynamodb.create_table(
                TableName=name,
                **TABLE_SCHEMA,
            )

    def __call__(self) -> World:
        """Return a new world with empty tables."""
        self._dynamodb.clear()
        return World(self._dynamodb)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    level = logger.log_level
    logger.setLevel("CRITICAL")
    yield
    logger.setLevel(level)


@pytest.fixture(scope="module")
def small() -> Iterator[None]:
    """Small settings."""
    with pytest.MonkeyPatch.context() as patch, _quiet():
        _small(patch)
        yield


@pytest.fixture(scope="module")
def worlds() -> Iterator[Worlds]:
    with pytest.MonkeyPatch.context() as patch, mock_aws(), _quiet():
        _small(patch)
        yield Worlds()

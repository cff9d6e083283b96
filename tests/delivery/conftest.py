from collections.abc import Iterator

import pytest

from tests.delivery.faults import FaultyEndpoint


@pytest.fixture
def endpoint() -> Iterator[FaultyEndpoint]:
    with FaultyEndpoint() as running:
        yield running

from typing import Any

import pytest

from tests.unit.push.bench import Bench


@pytest.fixture
def bench(dynamodb: Any) -> Bench:
    return Bench(dynamodb)

"""A short soak; `make soak` runs longer ones."""

import asyncio

from tests.e2e.conftest import App
from tests.soak.soak import Plan, soak


def test_clients_that_come_and_go_miss_nothing(app: App) -> None:
    plan = Plan(seconds=15, clients=20, updates=150, entities=5, longest_stay=4)
    figures = asyncio.run(soak(app.aws, app.outputs, plan))
    assert figures.problems == []
    assert figures.connections > 2 * plan.clients
    assert figures.caught_up > 0
    assert figures.refetches == 0

"""A short soak of the published clients; `make soak` runs longer ones."""

import asyncio

from tests.e2e.conftest import App
from tests.soak.soak import Plan, Soak

PLAN = Plan(seconds=40, clients=2, updates=300, entities=5, longest_until_fault=15, kill_every=None)
"""Nobody is killed: a `$disconnect` that a killed worker had taken would leave its item to the session."""


def test_no_client_misses_an_update_on_a_bad_network(app: App) -> None:
    figures = asyncio.run(Soak.run(app.aws, app.outputs, PLAN))
    print(*figures.lines(), sep="\n")
    assert figures.problems == []
    assert sum(figures.faults.values()) > 2 * PLAN.clients
    for counts in figures.by_language.values():
        assert counts["updates shown"] > 0

"""A short soak of the published clients; `make soak` runs longer ones."""

import asyncio
from collections import Counter

from tests.e2e.conftest import App
from tests.soak.soak import KILLED, Plan, Soak

PLAN = Plan(
    seconds=60, clients=2, updates=400, entities=5, longest_until_fault=15, kill_every=10, kills=KILLED
)
"""No worker of `$disconnect` is killed: that would leave items to the other tests of the session."""


def test_no_client_misses_an_update_on_a_bad_network(app: App) -> None:
    figures = asyncio.run(Soak.run(app.aws, app.outputs, PLAN))
    print(*figures.lines(), sep="\n")
    assert figures.problems == []
    counts = sum(figures.by_language.values(), Counter[str]())
    assert sum(figures.faults.values()) > 2 * PLAN.clients
    assert figures.killed
    assert counts["connections"] > len(figures.by_language) * PLAN.clients
    assert counts["of them replayed"] > 0
    assert counts["resets after the first"] == 0
    for ours in figures.by_language.values():
        assert ours["updates shown"] > 0

"""Every registered client passes every scenario, and some random histories."""

import asyncio
import functools
import random

import pytest

from clients.conformance.random_histories import History
from clients.conformance.suite import Check, Result, clients, run
from clients.conformance.vocabulary import load

CLIENTS = clients()
SCENARIOS = load()
HISTORIES = 5


@functools.cache
def results(client: str) -> dict[str, Result]:
    """Play all scenarios with one client, once."""
    checks = [Check.of(one) for one in SCENARIOS]
    return {result.check: result for result in asyncio.run(run(CLIENTS[client], checks))}


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("scenario", [one.name for one in SCENARIOS])
def test_a_client_passes_a_scenario(client: str, scenario: str) -> None:
    result = results(client)[scenario]
    if result.lacks:
        pytest.skip(f"the client has no {result.lacks[0]}")
    assert result.failure == ""


@pytest.mark.parametrize("client", CLIENTS)
def test_a_client_is_whole_after_random_histories(client: str) -> None:
    first = random.randrange(1_000_000)

    def check(seed: int) -> Check:
        return Check(f"--random 1 --seed {seed}", [], lambda player: History(player, seed).play())

    got = asyncio.run(run(CLIENTS[client], [check(first + number) for number in range(HISTORIES)]))

    assert {result.check: result.failure for result in got if result.failure} == {}


def test_every_scenario_is_played_by_a_client() -> None:
    assert [
        name for name in results("python") if all(results(client)[name].lacks for client in CLIENTS)
    ] == []

"""The suite finds what is wrong with clients that were broken on purpose."""

import asyncio
import re

import pytest

from clients.conformance.random_histories import History
from clients.conformance.suite import Check, Result, run
from clients.conformance.vocabulary import load
from tests.conformance.broken_client import BREAKS

SOUND = "first-connection"
"""What every broken client still passes: it is broken in one place."""

CAUGHT = {
    "shows_repetitions": ("repetitions-are-dropped", "hole", "two-updates-while-an-answer-is-outstanding"),
    "loses_what_it_holds": ("two-updates-while-an-answer-is-outstanding", "hole-that-fills"),
    "forgets_where_it_was": ("new-token-for-every-connect", "five-hundred-entities", "rotation"),
    "never_reconnects": ("close-code-1000-means-reconnect", "every-close-means-reconnect"),
    "storms": ("endless-401", "pauses-grow", "accepted-and-cut-at-once"),
    "never_pings": ("ping-after-eight-idle-minutes", "dead-connection-does-not-answer-its-close"),
}


def results(broken: str, *checks: Check) -> dict[str, Result]:
    command = ["python", "tests/conformance/broken_client.py", broken]
    return {result.check: result for result in asyncio.run(run(command, list(checks)))}


def test_every_broken_client_has_its_scenarios() -> None:
    assert CAUGHT.keys() == BREAKS.keys()


@pytest.mark.parametrize("broken", CAUGHT)
def test_a_broken_client_fails_the_scenarios_about_what_is_broken(broken: str) -> None:
    checks = {one.name: Check.of(one) for one in load()}

    got = results(broken, *(checks[name] for name in (SOUND, *CAUGHT[broken])))

    assert got[SOUND].failure == ""
    for name in CAUGHT[broken]:
        assert "expected: " in got[name].failure, f"{name} did not find it"


@pytest.mark.parametrize("broken", ["shows_repetitions", "loses_what_it_holds", "never_reconnects"])
def test_a_random_history_finds_it_too(broken: str) -> None:
    def failure(seed: int) -> str:
        check = Check("history", [], lambda player: History(player, seed).play())
        return results(broken, check)["history"].failure

    assert any(re.search("was shown|missed the end", failure(seed)) for seed in range(10))

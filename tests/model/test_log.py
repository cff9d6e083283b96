"""The log alone: in every order of calls it has each update once, and clients learn of all of them."""

import contextlib
import os

import pytest
from entity_push.table import keys
from entity_push.table.log import Segment
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import run_state_machine_as_test

from tests.model.actors import Fault
from tests.model.log_machine import MOVES, LogMachine
from tests.model.log_mutations import LOG_MUTATIONS, LogMutation
from tests.model.log_world import CHANNEL, LogWorld

EXAMPLES = int(os.environ.get("MODEL_EXAMPLES", "200"))
"""The number of runs; `MODEL_EXAMPLES=5000 pytest tests/model` makes more."""

SHRINK = bool(os.environ.get("MODEL_SHRINK"))
"""`MODEL_SHRINK=1 pytest -s tests/model/test_log.py` prints short examples of the mutations, in minutes."""

SEARCHES = 6
"""Searches from different but fixed seeds. One search may miss what another finds at once."""

PHASES = [Phase.generate, Phase.shrink] if SHRINK else [Phase.generate]
IGNORED = list(HealthCheck)

pytestmark = pytest.mark.usefixtures("small")


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=IGNORED)
@given(
    batches=st.lists(st.lists(st.integers(1, 9), min_size=1, max_size=5), min_size=2, max_size=4),
    schedule=st.lists(st.sampled_from(MOVES), max_size=30),
)
def test_any_interleaving_of_appends_numbers_each_event_once(
    batches: list[list[int]], schedule: list[tuple[int, int, Fault]]
) -> None:
    world = LogWorld(workers=len(batches), clients=0)
    for _ in range(9):
        world.publish()
    events, world.queue = world.events, []
    for worker, numbers in zip(world.workers, batches, strict=True):
        world.queue = [events[number - 1] for number in numbers]
        world.invoke(worker, len(numbers))

    for which, steps, fault in schedule:
        for _ in range(steps):
            if tasks := world.running():
                tasks[which % len(tasks)].step(fault)
    world.settle()

    items = sorted(world.table.items.items())
    segments = [Segment.from_item(item) for (_, sk), item in items if sk.startswith(keys.LOG)]
    numbers = [number for segment in segments for number, _ in segment.numbered()]
    assert numbers == list(range(1, len(numbers) + 1))
    stored = [frame["id"] for segment in segments for _, frame in segment.numbered()]
    assert sorted(stored) == sorted({f"event-{number}" for batch in batches for number in batch})
    assert len(world.truth.lives(CHANNEL)) == 1
    assert not world.truth.broken


def test_no_run_breaks_a_promise() -> None:
    run = settings(
        max_examples=EXAMPLES,
        stateful_step_count=20,
        deadline=None,
        report_multiple_bugs=False,
        suppress_health_check=IGNORED,
    )
    run_state_machine_as_test(LogMachine, settings=run)


@pytest.mark.parametrize("mutation", LOG_MUTATIONS, ids=lambda mutation: mutation.__name__)
def test_a_broken_rule_is_noticed(mutation: LogMutation) -> None:
    class Mutated(LogMachine):
        def __init__(self) -> None:
            super().__init__()
            self._broken = contextlib.ExitStack()
            self._broken.enter_context(mutation(self.world))

        def teardown(self) -> None:
            with self._broken:
                super().teardown()

    run = settings(
        max_examples=600,  # a red example ends the search
        stateful_step_count=12,
        database=None,
        deadline=None,
        phases=PHASES,
        report_multiple_bugs=False,
        suppress_health_check=IGNORED,
    )
    for number in range(SEARCHES):
        try:
            run_state_machine_as_test(seed(number)(Mutated), settings=run)
        except AssertionError as found:
            print(mutation.__name__, found, *getattr(found, "__notes__", ()), sep="\n")
            return
    pytest.fail(f"{SEARCHES} searches have not noticed it")

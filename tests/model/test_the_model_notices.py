"""The test of the test: the model goes red with each mutation of the code."""

import contextlib
import os

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.model.conftest import Worlds
from tests.model.machine import Machine
from tests.model.mutations import MUTATIONS, Mutation

SHRINK = bool(os.environ.get("MODEL_SHRINK"))
"""`MODEL_SHRINK=1 pytest -s tests/model/test_the_model_notices.py` prints short examples, in minutes."""

SEARCHES = 6
"""Further searches, when that of the known seed fails: any change of the machine changes what seeds draw."""

RUN = settings(
    max_examples=600,  # a red example ends the search
    stateful_step_count=9 if SHRINK else 14,
    database=None,
    deadline=None,
    phases=[Phase.generate, Phase.shrink] if SHRINK else [Phase.generate],
    report_multiple_bugs=False,
    suppress_health_check=list(HealthCheck),
)


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.__name__)
def test_broken_code_is_noticed(worlds: Worlds, mutation: Mutation) -> None:
    class Mutated(Machine):
        def __init__(self) -> None:
            super().__init__(worlds)
            self._broken = contextlib.ExitStack()
            self._broken.enter_context(mutation(self.world))

        def teardown(self) -> None:
            with self._broken:
                super().teardown()

    for number in (MUTATIONS[mutation], *range(SEARCHES)):
        try:
            run_state_machine_as_test(seed(number)(Mutated), settings=RUN)
        except AssertionError as found:
            print(mutation.__name__, found, *getattr(found, "__notes__", ()), sep="\n")
            return
    pytest.fail(f"{SEARCHES + 1} searches have not noticed it")

"""The test of the test: with each way to break the code, the model goes red."""

import contextlib
import os

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.model.conftest import Worlds
from tests.model.machine import Machine
from tests.model.mutations import MUTATIONS, Mutation

SHRINK = bool(os.environ.get("MODEL_SHRINK"))
"""``MODEL_SHRINK=1 pytest -s tests/model/test_the_model_notices.py`` prints short examples, in minutes."""

RUN = settings(
    max_examples=1000,  # the first red one is the last
    stateful_step_count=9 if SHRINK else 14,
    derandomize=True,
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

    with pytest.raises(AssertionError) as found:
        run_state_machine_as_test(Mutated, settings=RUN)
    print(mutation.__name__, found.value, *getattr(found.value, "__notes__", ()), sep="\n")

"""In every order of events, a subscribed client holds every update, once, in order."""

import os

from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.model.conftest import Worlds
from tests.model.machine import Machine

EXAMPLES = int(os.environ.get("MODEL_EXAMPLES", "100"))
"""The number of runs; `MODEL_EXAMPLES=5000 pytest tests/model` makes more."""

RUN = settings(
    max_examples=EXAMPLES,
    stateful_step_count=25,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    report_multiple_bugs=False,
)


def test_no_update_is_lost(worlds: Worlds) -> None:
    class Here(Machine):
        def __init__(self) -> None:
            super().__init__(worlds)

    run_state_machine_as_test(Here, settings=RUN)

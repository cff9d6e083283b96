"""A function's cold start does not grow unnoticed. All functions: `make bench ARGS=cold_start`."""

from pathlib import Path

from benchmarks import cold_start
from testbed import release
from tests import left_out

MODULES = ("default", "subscribe", "push")
BOUND = 1.02
"""Times what importing the function cost in the release before, in instructions."""


def test_importing_a_function_costs_what_it_did(released: Path) -> None:
    now, before = cold_start.functions(release.ROOT), cold_start.functions(released)
    try:
        compared = cold_start.compare(MODULES, now, before)
    except cold_start.NoValgrindError as error:
        left_out.leave_out(str(error))
    ratios = {module: value / then for module, (value, then) in zip(MODULES, compared, strict=True)}
    assert {module: ratio for module, ratio in ratios.items() if ratio > BOUND} == {}, ratios

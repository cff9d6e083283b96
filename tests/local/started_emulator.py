"""The start of the emulator for the tests of this folder."""

import pytest

from local.aws import LocalAws

WORKERS = 2
"""Processes per function, few enough for a handful of calls to reach the limit."""

FOREIGN_VARIABLE = "NOT_FOR_FUNCTIONS"
"""A variable of the environment that the emulator is started from."""


def start() -> LocalAws:
    """Start an emulator on a free port."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(FOREIGN_VARIABLE, "1")
        emulator = LocalAws(port=0, workers=WORKERS)
        emulator.start()
    return emulator

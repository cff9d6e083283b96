"""How the tests of this folder start their emulator."""

import pytest

from local.aws import LocalAws

WORKERS = 2
"""Processes per function: few enough that a handful of calls shows the limit."""

FOREIGN_VARIABLE = "NOT_FOR_FUNCTIONS"
"""Set where the emulator is started from."""


def start() -> LocalAws:
    """Start one on a free port."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(FOREIGN_VARIABLE, "1")
        emulator = LocalAws(port=0, workers=WORKERS)
        emulator.start()
    return emulator

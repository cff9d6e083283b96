"""Shared by all tests: the release before this one, and a summary of tests that were left out."""

from pathlib import Path

import hypothesis
import pytest

from testbed import release
from tests import left_out

# How long an example takes says more about the machine than about the code.
hypothesis.settings.register_profile("unhurried", deadline=None)
hypothesis.settings.load_profile("unhurried")


@pytest.fixture(scope="session")
def released() -> Path:
    """Return the folder with the sources of the release before; without them, the test is left out."""
    try:
        return release.sources()
    except release.NoHistoryError as error:
        left_out.leave_out(str(error), fail_in_ci=True)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Name the tests that were left out: a skipped test alone is one letter among hundreds of dots."""
    for line in left_out.lines(terminalreporter.stats.get("skipped", [])):
        terminalreporter.write_line(line, red=True, bold=True)

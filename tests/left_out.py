"""Tests left out for lack of something on this machine; the end of the run names them."""

import os
from typing import NoReturn

import pytest

PREFIX = "LEFT OUT: "


def leave_out(reason: str, *, fail_in_ci: bool = False) -> NoReturn:
    """Skip the running test. The summary at the end of the run has the reason.

    Args:
        reason: the missing thing, and the remedy.
        fail_in_ci: whether to fail instead if the environment has `CI`, where nothing may be missing.
    """
    if fail_in_ci and os.environ.get("CI"):
        pytest.fail(reason, pytrace=False)
    pytest.skip(PREFIX + reason)


def lines(skipped: list[pytest.TestReport]) -> list[str]:
    """Return the summary's lines about tests that were left out, each reason once."""
    counts: dict[str, int] = {}
    for report in skipped:
        # A skipped test's `longrepr` is the file, the line and the reason.
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else ""
        if PREFIX in reason:
            text = reason.removeprefix("Skipped: ")
            counts[text] = counts.get(text, 0) + 1
    return [f"{reason} ({count} tests)" for reason, count in counts.items()]

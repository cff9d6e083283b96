"""Leave a test out where this machine lacks what it needs, and say so at the end, where it is read."""

import os
from typing import NoReturn

import pytest

PREFIX = "LEFT OUT: "


def leave_out(reason: str, *, fail_in_ci: bool = False) -> NoReturn:
    """Skip the running test; the summary at the end of the run has the reason.

    Args:
        reason: what is missing, and what to do about it.
        fail_in_ci: fail instead where the environment has `CI`, which must not lack it.
    """
    if fail_in_ci and os.environ.get("CI"):
        pytest.fail(reason, pytrace=False)
    pytest.skip(PREFIX + reason)


def lines(skipped: list[pytest.TestReport]) -> list[str]:
    """Return what to say about tests that were left out, each reason once."""
    counts: dict[str, int] = {}
    for report in skipped:
        # Of a skipped test it is the file, the line and the reason.
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else ""
        if PREFIX in reason:
            text = reason.removeprefix("Skipped: ")
            counts[text] = counts.get(text, 0) + 1
    return [f"{reason} ({count} tests)" for reason, count in counts.items()]

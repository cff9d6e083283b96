"""Without a Chromium, the browser tests are left out loudly; in CI, that is a failure."""

import os
import subprocess
import sys

import pytest

from tests.browser.site import ROOT


@pytest.mark.parametrize(("ci", "code"), [("", 0), ("true", 1)])
def test_a_run_without_a_chromium_says_how_to_get_one(ci: str, code: int) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "tests/browser/test_refresh.py"],
        cwd=ROOT,
        env={**os.environ, "CI": ci, "CHROMIUM": "", "PATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == code, done.stdout
    assert "apt-get install chromium" in done.stdout
    assert ci or "LEFT OUT" in done.stdout

"""The make targets are commands, and what is set up once is not set up again."""

import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
MAKEFILE = (ROOT / "Makefile").read_text()


def test_every_target_that_make_help_lists_is_phony_once() -> None:
    listed = re.findall(r"^([a-z0-9]+):.*##", MAKEFILE, re.MULTILINE)
    (phony,) = re.findall(r"^\.PHONY: (.*)$", MAKEFILE, re.MULTILINE)
    assert set(listed) - set(phony.split()) == set()
    assert len(phony.split()) == len(set(phony.split()))


def test_what_is_set_up_is_not_set_up_again() -> None:
    """`make test` has set everything up before this runs."""
    told = subprocess.run(
        ["make", "--dry-run", "setup"], cwd=ROOT, check=True, capture_output=True, text=True
    )
    assert "Nothing to be done" in told.stdout, told.stdout

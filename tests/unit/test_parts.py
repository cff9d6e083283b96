"""The runner of the checks: nothing that fails is hidden, and nothing after it is left out."""

import sys
from pathlib import Path

import pytest

from tests import parts


@pytest.mark.parametrize("options", [[], ["--at-once"]])
def test_a_part_that_fails_fails_all_and_the_others_run(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], options: list[str]
) -> None:
    monkeypatch.setattr(parts, "PARTS", {"first": ("false",), "second": ("true",)})
    monkeypatch.setattr(sys, "argv", ["parts", *options])
    assert parts.main() == 1
    *_, first, second = capsys.readouterr().out.splitlines()
    assert first.split()[:2] == ["first", "FAILED"]
    assert second.split()[:2] == ["second", "ok"]


def test_without_a_failure_all_is_well(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "PARTS", {"only": ("true",)})
    monkeypatch.setattr(sys, "argv", ["parts"])
    assert parts.main() == 0


def test_the_counts_are_pytests(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path = tmp_path / "test_three.py"
    lines = ("import pytest", "def test_a(): pass", "def test_b(): assert 0", "def test_c(): pytest.skip()")
    path.write_text("\n".join(lines))
    monkeypatch.setattr(parts, "PARTS", {"three": ("pytest", "-p", "no:cacheprovider", str(path))})
    outcome = parts.run("three")
    assert (outcome.passed, outcome.counts) == (False, "1 passed, 1 failed, 1 skipped")

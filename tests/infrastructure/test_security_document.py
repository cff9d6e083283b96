"""SECURITY.md names a test for each defence: they have to exist."""

import re
from pathlib import Path

import pytest

TEXT = Path("SECURITY.md").read_text(encoding="utf-8")
PROOFS = sorted(set(re.findall(r"`(tests/[^`]+)`", TEXT)))


@pytest.mark.parametrize("proof", PROOFS)
def test_what_proves_a_defence_exists(proof: str) -> None:
    path, _, test = proof.partition("::")
    assert Path(path).exists()
    if test:
        assert f"def {test}(" in Path(path).read_text(encoding="utf-8")


def test_every_threat_has_a_proof() -> None:
    _, table = TEXT.split("| threat | defence | proof |\n|---|---|---|\n")
    rows = table.split("\n\n")[0].splitlines()
    assert len(rows) > 10
    assert [row for row in rows if "`tests/" not in row.rsplit("|", 2)[1]] == []

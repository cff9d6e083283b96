"""The list of mutants does not rot: each still fits the source, and each proof in SECURITY.md has one."""

from pathlib import Path

import pytest

from mutants.defences import DEFENCES
from mutants.mutant import Mutant, RottenMutantError
from mutants.security_table import rows


def test_every_test_that_security_md_names_is_broken_by_a_mutant() -> None:
    named = {proof for row in rows() for proof in row.proofs}
    assert len(rows()) > 20
    assert all(row.proofs for row in rows())
    assert named == {mutant.test for mutant in DEFENCES}


@pytest.mark.parametrize("mutant", DEFENCES, ids=lambda mutant: mutant.name)
def test_every_mutant_fits_the_source(mutant: Mutant) -> None:
    text = Path(mutant.path).read_text(encoding="utf-8")
    assert mutant.broken(text) != text


def test_a_mutant_whose_source_has_changed_says_what_to_do() -> None:
    rotten = Mutant("rotten", "README.md", "no such text in it", "", "tests/x.py")
    with pytest.raises(RottenMutantError, match="Write the mutant anew"):
        rotten.broken("another text")

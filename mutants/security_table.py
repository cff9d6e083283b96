"""The table of threats in SECURITY.md: what protects from each, and which tests hold that."""

import re
from dataclasses import dataclass
from pathlib import Path

SECURITY = Path("SECURITY.md")
_HEADING = "| threat | defence | proof |"


@dataclass(frozen=True)
class Row:
    """A row of the table.

    Attributes:
        threat: the threat in words.
        proofs: the tests, as pytest names them.
    """

    threat: str
    proofs: tuple[str, ...]


def rows() -> list[Row]:
    """Return the table's rows, in their order."""
    after = SECURITY.read_text(encoding="utf-8").split(_HEADING)[1]
    table = after.split("\n\n")[0].splitlines()[2:]
    return [_row(line) for line in table]


def _row(line: str) -> Row:
    threat, _, proof = (cell.strip() for cell in line.strip("|").split(" | "))
    return Row(threat, tuple(re.findall(r"`(tests/[^`]+)`", proof)))

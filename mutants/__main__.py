"""Break each defence that SECURITY.md lists, one after the other, and see the named test go red.

make mutants                         all but the slow ones, which deploy into the local AWS
make mutants ARGS="--slow"           all
make mutants ARGS="--row stolen"     the rows whose threat has this text
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path

from mutants import copied_tree
from mutants.defences import DEFENCES
from mutants.mutant import Mutant
from mutants.security_table import Row, rows

OUTCOMES = {0: "GREEN", 1: "red"}
"""pytest's exit codes: all tests passed, some failed. Any other code is no answer."""

NO_ANSWER = "no answer"


def main() -> int:
    """Run the mutants; return 0 if each of them was red, else 1."""
    options = _options()
    chosen = [row for row in rows() if options.row.lower() in row.threat.lower()]
    if not chosen:
        sys.exit(f"No threat in SECURITY.md has the text {options.row!r}.")
    wanted = [
        mutant
        for mutant in DEFENCES
        if (options.slow or not mutant.is_slow) and any(mutant.test in row.proofs for row in chosen)
    ]
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder)
        copied_tree.copy_to(copy)
        _see_green(copy, sorted({(mutant.test, mutant.only) for mutant in wanted}))
        outcomes = {mutant: _run(copy, mutant) for mutant in wanted}
    return _report(chosen, outcomes)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="make mutants", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--row", default="", help="only the rows whose threat has this text")
    parser.add_argument("--slow", action="store_true", help="with those that deploy into the local AWS")
    return parser.parse_args()


def _pytest(folder: Path, test: str, only: str) -> str:
    """Return what a test says: red, GREEN, or no answer, such as for a module that can't be imported."""
    done = copied_tree.pytest(folder, test, "-k", only)
    outcome = OUTCOMES.get(done.returncode, NO_ANSWER)
    return NO_ANSWER if outcome == "red" and "\nFAILED " not in done.stdout else outcome


def _see_green(folder: Path, tests: list[tuple[str, str]]) -> None:
    """See that the tests are green without a mutant: otherwise red would say nothing."""
    for number, (test, only) in enumerate(tests, 1):
        print(f"green without mutants? {number}/{len(tests)} {test}", file=sys.stderr)
        if _pytest(folder, test, only) != "GREEN":
            sys.exit(f"{test} is not green as it is. Mend that first.")


def _run(folder: Path, mutant: Mutant) -> str:
    """Return what the test says of a mutant."""
    path, began = folder / mutant.path, time.monotonic()
    whole = path.read_text(encoding="utf-8")
    path.write_text(mutant.broken(whole), encoding="utf-8")
    try:
        outcome = _pytest(folder, mutant.test, mutant.only)
    finally:
        path.write_text(whole, encoding="utf-8")
    print(f"{outcome:9} {time.monotonic() - began:4.0f} s  {mutant.name}", file=sys.stderr)
    return outcome


def _report(chosen: list[Row], outcomes: dict[Mutant, str]) -> int:
    width = max((len(mutant.name) for mutant in outcomes), default=0)
    for row in chosen:
        print(f"\n{row.threat}")
        for mutant in DEFENCES:
            if mutant.test in row.proofs:
                outcome = outcomes.get(mutant, "--slow")
                print(f"  {outcome:9}  {mutant.name:{width}}  {mutant.test}")
    red = list(outcomes.values()).count("red")
    print(f"\n{len(outcomes)} mutants, {red} red, {len(outcomes) - red} not")
    return 0 if outcomes and red == len(outcomes) else 1


if __name__ == "__main__":
    sys.exit(main())

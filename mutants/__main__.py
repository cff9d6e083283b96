"""Break each defence that SECURITY.md lists, one after the other, and see the named test go red.

make mutants                         all but the slow ones, which deploy into the local AWS
make mutants ARGS="--slow"           all
make mutants ARGS="--row stolen"     the rows whose threat has this text
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from mutants.defences import DEFENCES
from mutants.mutant import Mutant
from mutants.security_table import Row, rows

ROOT = Path(__file__).resolve().parent.parent
RED, GREEN_BEFORE = 1, 0
"""pytest's exit codes: some tests failed, and all passed. Any other code is no answer."""

LINKED = (".venv", "node_modules", "build")
"""Folders that are made, not written. Copies share them."""


def main() -> int:
    """Run the mutants; return 0 if each of them was red, else 1."""
    options = _options()
    chosen = [row for row in rows() if options.row.lower() in row.threat.lower()]
    mutants = {row: [one for one in DEFENCES if one.test in row.proofs] for row in chosen}
    kept = {row: [one for one in found if options.slow or not one.is_slow] for row, found in mutants.items()}
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder)
        _copy_to(copy)
        _see_green(copy, sorted({(one.test, one.only) for found in kept.values() for one in found}))
        lines = [(row, one, _run(copy, one)) for row, found in kept.items() for one in found]
    return _report(mutants, lines)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="make mutants", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--row", default="", help="only the rows whose threat has this text")
    parser.add_argument("--slow", action="store_true", help="with those that deploy into the local AWS")
    return parser.parse_args()


def _copy_to(folder: Path) -> None:
    """Copy the files that git knows; link what is made of them."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True)
    for name in filter(None, listed.stdout.split("\0")):
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / name).exists():
            shutil.copy2(ROOT / name, target)
    for name in LINKED:
        if (ROOT / name).exists():
            (folder / name).symlink_to((ROOT / name).resolve())


def _pytest(folder: Path, test: str, only: str) -> int:
    command = [sys.executable, "-m", "pytest", "-x", "-p", "no:cacheprovider", test]
    environment = {**os.environ, "PYTHONPATH": f"{folder}{os.pathsep}{folder / 'lambdas'}"}
    environment["PYTHONDONTWRITEBYTECODE"] = "1"  # a mutant is written within a second of the last one
    done = subprocess.run(
        [*command, *(["-k", only] if only else [])],
        cwd=folder,
        env=environment,
        check=False,
        capture_output=True,
        text=True,
    )
    found_red = done.returncode == RED and "\nFAILED " in done.stdout
    return done.returncode if found_red or done.returncode != RED else -1


def _see_green(folder: Path, tests: list[tuple[str, str]]) -> None:
    """See that the tests are green without a mutant: otherwise red would say nothing."""
    for number, (test, only) in enumerate(tests, 1):
        print(f"green without mutants? {number}/{len(tests)} {test}", file=sys.stderr)
        if _pytest(folder, test, only) != GREEN_BEFORE:
            sys.exit(f"{test} is not green as it is. Mend that first.")


def _run(folder: Path, mutant: Mutant) -> bool:
    """Tell whether the test goes red with the mutant."""
    path, began = folder / mutant.path, time.monotonic()
    whole = path.read_text(encoding="utf-8")
    path.write_text(mutant.broken(folder), encoding="utf-8")
    try:
        red = _pytest(folder, mutant.test, mutant.only) == RED
    finally:
        path.write_text(whole, encoding="utf-8")
    seconds = time.monotonic() - began
    print(f"{'red  ' if red else 'GREEN'} {seconds:4.0f} s  {mutant.name}", file=sys.stderr)
    return red


def _report(mutants: dict[Row, list[Mutant]], lines: list[tuple[Row, Mutant, bool]]) -> int:
    width = max((len(mutant.name) for _, mutant, _ in lines), default=0)
    for row, found in mutants.items():
        print(f"\n{row.threat}")
        for _, mutant, red in (line for line in lines if line[0] is row):
            print(f"  {'red  ' if red else 'GREEN'}  {mutant.name:{width}}  {mutant.test}")
        left = sum(mutant not in [line[1] for line in lines] for mutant in found)
        if left:
            print(f"  {left} slow: --slow")
    green = [mutant for _, mutant, red in lines if not red]
    print(f"\n{len(lines)} mutants, {len(lines) - len(green)} red, {len(green)} GREEN")
    return 1 if green or not lines else 0


if __name__ == "__main__":
    sys.exit(main())

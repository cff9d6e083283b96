"""Run the parts of the checks, and print each part's time: `python -m tests.parts [part ...]`."""

import argparse
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO
from xml.etree import ElementTree

ON_ALL_CORES = ("-n", "auto")

# Tests with waits of a few seconds run one by one. On a busy machine they would fail.
PARTS: dict[str, tuple[str, ...]] = {
    "format": ("ruff", "format", "--check", "."),
    "lint": ("ruff", "check", "."),
    "types": ("mypy",),
    "unit": ("pytest", "tests/unit", *ON_ALL_CORES),
    "delivery": ("pytest", "tests/delivery"),
    "model": ("pytest", "tests/model", *ON_ALL_CORES, "--dist", "worksteal"),
    "fuzz": ("pytest", "tests/fuzz"),
    "javascript": ("node", "--test", "clients/javascript/test/*.test.js"),
    "infrastructure": ("pytest", "tests/infrastructure", *ON_ALL_CORES, "--dist", "loadfile"),
    "local": ("pytest", "tests/local"),
    "conformance": ("pytest", "tests/conformance", *ON_ALL_CORES, "--dist", "loadfile"),
    "e2e": ("pytest", "tests/e2e"),
    "browser": ("pytest", "tests/browser"),
}


@dataclass(frozen=True)
class Outcome:
    """A part's end.

    Attributes:
        name: the part's name.
        seconds: the part's time, in seconds.
        passed: whether the part found no problem.
        counts: the numbers of passed, failed and skipped tests, as pytest writes them; empty without tests.
    """

    name: str
    seconds: float
    passed: bool
    counts: str

    def line(self) -> str:
        """Return a row of the table."""
        return f"{self.name:14} {'ok' if self.passed else 'FAILED':6} {self.seconds:5.0f} s  {self.counts}"


def run(name: str, output: TextIO | None = None) -> Outcome:
    """Run one part.

    Args:
        name: the part's name.
        output: the file for the part's output; by default, this program's output.
    """
    command = list(PARTS[name])
    with tempfile.TemporaryDirectory() as folder:
        counted = Path(folder) / "junit.xml"
        if command[0] == "pytest":
            command.append(f"--junit-xml={counted}")
        began = time.monotonic()
        done = subprocess.run(command, stdout=output, stderr=output and subprocess.STDOUT, check=False)
        seconds = time.monotonic() - began
        return Outcome(name, seconds, done.returncode == 0, _counts(counted) if counted.exists() else "")


def _counts(junit: Path) -> str:
    (suite,) = ElementTree.parse(junit).getroot().iter("testsuite")  # noqa: S314  (pytest wrote it)
    tests, skipped, failures, errors = (
        int(suite.attrib[name]) for name in ("tests", "skipped", "failures", "errors")
    )
    counts = {"failed": failures, "errors": errors, "skipped": skipped}
    told = [f"{tests - sum(counts.values())} passed", *(f"{n} {what}" for what, n in counts.items() if n)]
    return ", ".join(told)


def in_turn(names: list[str]) -> list[Outcome]:
    """Run parts one after the other, even after a failed part."""
    outcomes = []
    for name in names:
        print(f"\n=== {name}: {' '.join(PARTS[name])}", flush=True)
        outcomes.append(run(name))
    return outcomes


def at_once(names: list[str]) -> list[Outcome]:
    """Run parts at the same time. Each part's output is printed at its end."""

    def run_and_print(name: str) -> Outcome:
        with tempfile.TemporaryFile("w+") as output:
            outcome = run(name, output)
            output.seek(0)
            print(f"\n=== {outcome.line()}\n{output.read()}", end="", flush=True)
        return outcome

    with ThreadPoolExecutor(len(names)) as pool:
        return list(pool.map(run_and_print, names))


def main() -> int:
    """Run the parts named on the command line; return 1 if a part failed."""
    parser = argparse.ArgumentParser(prog="python -m tests.parts", description="Run parts of the checks.")
    parser.add_argument("parts", nargs="*", metavar="part", help=f"which (default: all): {', '.join(PARTS)}")
    parser.add_argument("--at-once", action="store_true", help="all at the same time")
    options = parser.parse_args()
    names = options.parts or list(PARTS)
    if unknown := [name for name in names if name not in PARTS]:
        parser.error(f"there is no part {unknown[0]!r}; there are: {', '.join(PARTS)}")
    began = time.monotonic()
    outcomes = (at_once if options.at_once else in_turn)(names)
    total = time.monotonic() - began
    print(f"\n=== {total:.0f} s in all")
    for outcome in outcomes:
        print(outcome.line())
    return 0 if all(outcome.passed for outcome in outcomes) else 1


if __name__ == "__main__":
    sys.exit(main())

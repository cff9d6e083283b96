"""Tries a change in a copy of the tree: is there a test that goes red with it, and is green without it?"""

import re
import sys
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from mutants import copied_tree
from mutants.changes import Change
from mutants.importers import Imports, nearness

FOLDERS = ("tests/unit/", "tests/delivery/", "tests/model/")

SECONDS = 150
"""A test that takes longer hangs. The longest takes half a minute."""

HANGING = ("-o", f"faulthandler_timeout={SECONDS}", "-o", "faulthandler_exit_on_timeout=true")

NO_TESTS_OF_TESTS = ("-k", "not is_noticed")
"""Those of the model break the code themselves, and pass when something is red."""

FOUND, HANGS, LIVES = "found", "hangs", "LIVES"


@dataclass
class Trial:
    """Tries changes, one at a time."""

    folder: Path
    imported: Imports
    _green: set[str] = field(default_factory=set)

    def near(self, path: str) -> list[str]:
        """Return the tests that name a module, or else the nearest. Its own, by their name, come first."""
        tests = self._importers(path)
        nearest = min(tests.values(), default=0)
        chosen = [test for test, steps in tests.items() if steps == nearest or _is_named_like(test, path)]
        return sorted(chosen, key=lambda test: (not _is_named_like(test, path), *_place(test)))

    def far(self, path: str) -> list[str]:
        """Return the other tests that import a module."""
        return sorted(set(self._importers(path)) - set(self.near(path)), key=_place)

    def _importers(self, path: str) -> dict[str, int]:
        tests = [
            name
            for name in self.imported
            if name.startswith(FOLDERS) and PurePosixPath(name).name.startswith("test_")
        ]
        return nearness(tests, path, self.imported)

    def outcome(self, change: Change, tests: list[str]) -> tuple[str, str]:
        """Return whether tests find a change, and which one did."""
        if not tests:
            return LIVES, ""
        path = self.folder / change.path
        whole = path.read_text(encoding="utf-8")
        path.write_text(change.applied(whole), encoding="utf-8")
        try:
            done = copied_tree.pytest(self.folder, *HANGING, *tests, *NO_TESTS_OF_TESTS)
        finally:
            path.write_text(whole, encoding="utf-8")
        if done.returncode == 0:
            return LIVES, ""
        if "Timeout (" in done.stderr:
            return HANGS, ", ".join(re.findall(r"in (test_\w+)", done.stderr)[:1])
        if "ImportError while loading conftest" in done.stdout + done.stderr:
            return FOUND, "no test can be imported"
        red = re.findall(r"^(?:FAILED|ERROR) (\S+)", done.stdout, re.MULTILINE)
        if not red:
            sys.exit(f"pytest has no answer:\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}")
        self._see_green(red[0].split("[")[0])
        return FOUND, red[0]

    def _see_green(self, test: str) -> None:
        """See that a test is green without a change: otherwise red would say nothing."""
        if test in self._green:
            return
        if copied_tree.pytest(self.folder, test).returncode:
            sys.exit(f"{test} is not green as it is. Mend that first.")
        self._green.add(test)


def _is_named_like(test: str, path: str) -> bool:
    return PurePosixPath(test).name == f"test_{PurePosixPath(path).name}"


def _place(test: str) -> tuple[int, str]:
    """Return where a test comes in a run: the quick folders come first."""
    return next(place for place, folder in enumerate(FOLDERS) if test.startswith(folder)), test

"""The places that name the version, and the changelog that a release closes."""

import re
from datetime import date
from pathlib import Path

PLACES = {
    "pyproject.toml": r'^version = "([^"]+)"$',
    "asyncapi.yaml": r"^  version: (\S+)$",
    "clients/javascript/package.json": r'^  "version": "([^"]+)",$',
    "clients/javascript/package-lock.json": r'^  (?:    )?"version": "([^"]+)",$',
    "clients/python/src/entity_push_client/version.py": r'^__version__ = "([^"]+)"$',
}
"""Files with the expression that finds the version in them. In a lock file the first two places are ours."""

_OWN_IN_LOCK = 2
_FORM = re.compile(r"(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)")
_UNRELEASED = "## Unreleased\n"


class VersionError(ValueError):
    """A version is of no use, or the tree is not ready for one; the message says why."""


def current(root: Path) -> str:
    """Return the version that all places name.

    Raises:
        VersionError: they disagree.
    """
    found = {path: set(_matches(root, path)) for path in PLACES}
    if len(set().union(*found.values())) != 1:
        told = ", ".join(f"{path}: {' '.join(sorted(names)) or 'none'}" for path, names in found.items())
        raise VersionError(f"The places that name the version disagree: {told}.")
    return found["pyproject.toml"].pop()


def check_next(version: str, before: str) -> None:
    """Check that a version may follow another one.

    Raises:
        VersionError: it is not of the form 1.2.3, or not higher.
    """
    if not _FORM.fullmatch(version):
        raise VersionError(f"{version} is no version: give three numbers, such as 1.2.3.")
    if _numbers(version) <= _numbers(before):
        raise VersionError(f"{version} does not follow {before}.")


def set_version(root: Path, version: str) -> None:
    """Write a version into all places."""
    for path, form in PLACES.items():
        text = (root / path).read_text(encoding="utf-8")
        count = _OWN_IN_LOCK if path.endswith("lock.json") else 1
        changed = re.sub(form, lambda found: _with(found, version), text, count=count, flags=re.MULTILINE)
        (root / path).write_text(changed, encoding="utf-8")


def notes(root: Path) -> str:
    """Return what the changelog says of the next release.

    Raises:
        VersionError: it says nothing.
    """
    text = (root / "CHANGELOG.md").read_text(encoding="utf-8")
    _, begun, rest = text.partition(_UNRELEASED)
    told = rest.partition("\n## ")[0].strip()
    if not begun or not told:
        raise VersionError("CHANGELOG.md has nothing under `## Unreleased`: say there what is new.")
    return told + "\n"


def close_changelog(root: Path, version: str, day: date) -> None:
    """Give what is unreleased a version and a day."""
    path = root / "CHANGELOG.md"
    text = path.read_text(encoding="utf-8")
    heading = f"{_UNRELEASED}\n## {version} - {day.isoformat()}\n"
    path.write_text(text.replace(_UNRELEASED, heading, 1), encoding="utf-8")


def _matches(root: Path, path: str) -> list[str]:
    found = re.findall(PLACES[path], (root / path).read_text(encoding="utf-8"), re.MULTILINE)
    return found[:_OWN_IN_LOCK] if path.endswith("lock.json") else found


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")))


def _with(found: "re.Match[str]", version: str) -> str:
    start, end = found.start(1) - found.start(), found.end(1) - found.start()
    return found[0][:start] + version + found[0][end:]

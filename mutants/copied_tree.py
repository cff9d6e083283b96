"""A copy of the files that git knows, in which a test runs: the working tree is never changed."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

LINKED = (".venv", "node_modules", "build")
"""Folders that are made, not written. Copies share them."""


def listed() -> list[str]:
    """Return the paths of the files that git knows, sorted."""
    command = ["git", "ls-files", "-z"]
    answer = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    return sorted(name for name in answer.split("\0") if name and (ROOT / name).exists())


def copy_to(folder: Path) -> None:
    """Copy the files that git knows; link what is made of them."""
    for name in listed():
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, target)
    for name in LINKED:
        if (ROOT / name).exists():
            (folder / name).symlink_to((ROOT / name).resolve())


def pytest(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run pytest in a copy, up to the first red test."""
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-x", "-p", "no:cacheprovider", *arguments],
        cwd=folder,
        env={
            **os.environ,
            "PYTHONPATH": f"{folder}{os.pathsep}{folder / 'lambdas'}",
            "PYTHONDONTWRITEBYTECODE": "1",  # a mutant is written within a second of the last one
        },
        check=False,
        capture_output=True,
        text=True,
    )

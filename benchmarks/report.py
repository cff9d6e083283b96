"""The benchmarks' figures in `build/bench.json`: a list of entries, sorted by name."""

import json
from pathlib import Path
from typing import TypedDict

RESULTS = Path("build/bench.json")


class Entry(TypedDict):
    """One figure.

    `baseline` is the figure to compare with, in the same unit. `ratio` is value / baseline, the part that
    holds on other machines. Both are None for a figure without a comparison.
    """

    name: str
    value: float
    unit: str
    baseline: float | None
    ratio: float | None


def entry(name: str, value: float, unit: str, baseline: float | None = None) -> Entry:
    """Return an entry with its ratio, rounded for people."""
    ratio = None if not baseline else float(f"{value / baseline:.3g}")
    rounded = None if baseline is None else float(f"{baseline:.4g}")
    return Entry(name=name, value=float(f"{value:.4g}"), unit=unit, baseline=rounded, ratio=ratio)


def known(results: Path = RESULTS) -> dict[str, Entry]:
    """Return the entries so far, by name; empty before the first benchmark."""
    entries: list[Entry] = json.loads(results.read_text()) if results.exists() else []
    return {old["name"]: old for old in entries}


def write(entries: list[Entry], results: Path = RESULTS) -> None:
    """Merge entries into the file. Entries of the same name are replaced, others are kept."""
    merged = known(results) | {new["name"]: new for new in entries}
    results.parent.mkdir(parents=True, exist_ok=True)
    results.write_text(json.dumps([merged[name] for name in sorted(merged)], indent=2) + "\n")

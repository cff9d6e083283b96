"""What a client has done, and whether that is what a scenario expects."""

import json
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

from clients.conformance.adapter import Report
from clients.conformance.frames import Json

NOTHING: Json = {}
MOST_CHARACTERS = 600
"""So much of a value is shown in a failure."""


@dataclass
class Seen:
    """What the client has done since the scenario began, as far as no step has expected it yet.

    Attributes:
        shown: by subscription, the resets and updates that its application got.
        errors: the errors that the application was told.
        states: by subscription, the last report of its state; the client's under the name `client`.
        outcomes: by the name of a publish, the report of its outcome.
        ready: by subscription, the report of its `ready()`.
    """

    shown: dict[str, list[Report]] = field(default_factory=lambda: defaultdict(list))
    errors: list[Report] = field(default_factory=list)
    states: dict[str, Report] = field(default_factory=dict)
    outcomes: dict[str, Report] = field(default_factory=dict)
    ready: dict[str, Report] = field(default_factory=dict)


def fits(expected: Json, report: Report) -> bool:
    """Compare a reset or an update with what a scenario says of it.

    Args:
        expected: the report that is expected. Its `needed` are the fields that an update must have. The
            others need not be shown, but must be right if they are.
        report: the client's report.
    """
    if expected["report"] != report["report"]:
        return False
    if report["report"] == "reset":
        same = ("state" in report, report.get("state")) == ("state" in expected, expected.get("state"))
        latest, wanted = report.get("latest", NOTHING), expected.get("latest", NOTHING)
        return same and bool(latest) == bool(wanted) and _is_part_of(latest, wanted | {"replayed": True})
    update, frame = report["update"], expected["update"]
    if "replayed" not in frame:
        frame = frame | {"replayed": update.get("replayed")}
    return _is_part_of(update, frame) and all(key in update for key in expected["needed"] if key in frame)


def alike(got: Any, expected: Any) -> bool:
    """Compare a frame with what a scenario says of it; `<any>` stands for any value."""
    if expected == "<any>":
        return True
    if isinstance(expected, dict) and isinstance(got, dict):
        return got.keys() == expected.keys() and all(alike(got[key], expected[key]) for key in expected)
    return bool(got == expected)


def brief(value: Any) -> str:
    """Return a value for a failure's text."""
    told = value if isinstance(value, str) else json.dumps(value, default=str)
    return told if len(told) <= MOST_CHARACTERS else f"{told[:MOST_CHARACTERS]} …"


def listed(reports: list[Json]) -> str:
    """Return reports for a failure's text, one on each line."""

    def line(report: Json) -> str:
        return json.dumps({key: value for key, value in report.items() if key not in ("as", "needed")})

    return "".join(f"\n    {line(report)}" for report in reports) or "nothing"


def unexpected(found: list[str]) -> str:
    """Return for a failure's text what no step has expected."""
    return "".join(f"\n  unexpected: {line}" for line in found)


def _is_part_of(shown: Json, frame: Json) -> bool:
    return all(key in frame and frame[key] == value for key, value in shown.items())

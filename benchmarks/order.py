"""The order on the wire: how many frames of events that were put at once step back, on the local AWS.

    python -m benchmarks.order [--rounds 20]

A round puts 50 events of one entity at once: five PutEvents of ten, one right after the other. A frame steps
back if a later event's frame, or a frame with a higher number, came right before it. The baseline is the code
from before the log; rounds are interleaved. The figures are means over the rounds, of 49 frames each.
"""

import argparse
import asyncio
import itertools
import statistics
from collections.abc import Sequence
from typing import NamedTuple

from benchmarks import report
from benchmarks.deployments import MOST_ENTRIES, Client, Deployment, before_the_log
from local.aws import LocalAws
from testbed import release

EVENTS = 50
MOST_BACK = 3  # the target
ENTITY = "bench"


class Back(NamedTuple):
    """How many frames of a round came after a later event, and after a higher number."""

    events: int
    numbers: int


async def burst(deployment: Deployment, client: Client) -> Back:
    """Put a round's events; return how many of their frames stepped back."""
    client.frames.clear()
    put: list[int] = []
    for _ in range(EVENTS // MOST_ENTRIES):
        put += await asyncio.to_thread(deployment.put, [ENTITY] * MOST_ENTRIES)
    await client.wait(put)
    events, numbers = zip(*client.frames, strict=True)
    return Back(_steps_back(events), _steps_back(numbers))


def _steps_back(values: Sequence[int]) -> int:
    return sum(later < earlier for earlier, later in itertools.pairwise(values))


async def measure(deployments: Sequence[Deployment], rounds: int) -> list[list[Back]]:
    """Return each deployment's rounds."""
    async with deployments[0].clients(1, [ENTITY]) as ours, deployments[1].clients(1, [ENTITY]) as theirs:
        ways = list(zip(deployments, (*ours, *theirs), strict=True))
        turns = [[await burst(*way) for way in ways] for _ in range(1 + rounds)][1:]  # the first is cold
    return [[turn[number] for turn in turns] for number in range(len(ways))]


def _range(counts: Sequence[int]) -> str:
    return f"{statistics.mean(counts):.1f} ({min(counts)} to {max(counts)})"


def main() -> None:
    """Measure, print, and add to build/bench.json."""
    parser = argparse.ArgumentParser(description="Frames that step back, on the local AWS.")
    parser.add_argument("--rounds", type=int, default=20, help="how many (default: %(default)s)")
    rounds = parser.parse_args().rounds
    with LocalAws(port=0) as aws:
        now, before = asyncio.run(measure([Deployment(aws, "Now"), before_the_log(aws)], rounds))
    entries = []
    for what in Back._fields:
        name = f"order: frames of {EVENTS} that step back, by {what}"
        ours, theirs = ([getattr(back, what) for back in version] for version in (now, before))
        entries.append(report.entry(name, statistics.mean(ours), "frames", statistics.mean(theirs)))
        print(f"{name}: {_range(ours)}; before the log {_range(theirs)}")
    print(f"target: at most {MOST_BACK}")
    report.write(entries)


if __name__ == "__main__":
    try:
        main()
    except release.NoHistoryError as error:
        print(f"LEFT OUT: {error}")

"""The time from put-events to frame under load, on the local AWS, beside the code from before the log.

    python -m benchmarks.load [--seconds 10] [--rounds 2]

Events come evenly, in turn for ten entities with five subscribers each. The rates are such that both versions
keep up. Rounds of the two are interleaved. The time is over all pairs of an event and a subscriber.
"""

import argparse
import asyncio
import itertools
import time
from collections import defaultdict
from collections.abc import Sequence

from benchmarks import report
from benchmarks.deployments import Client, Deployment, before_the_log, percentile
from local.aws import LocalAws
from testbed import release

RATES = (20, 50, 80)
ENTITIES = [f"bench-{number}" for number in range(10)]
SUBSCRIBERS = 5
WARM_UP_SECONDS = 3.0


async def load(deployment: Deployment, clients: Sequence[Client], rate: int, seconds: float) -> list[float]:
    """Put events at a rate; return the milliseconds to their frames."""
    entities = itertools.cycle(ENTITIES)
    began = time.monotonic()
    putting = []
    for number in range(round(rate * seconds)):
        await asyncio.sleep(max(0.0, began + number / rate - time.monotonic()))
        putting.append(asyncio.create_task(asyncio.to_thread(deployment.put, [next(entities)])))
    events = [number for numbers in await asyncio.gather(*putting) for number in numbers]
    for client in clients:
        await client.wait(events)
    return [
        (client.came_at[event] - deployment.put_at[event]) * 1000 for client in clients for event in events
    ]


async def measure(
    now: Deployment, before: Deployment, seconds: float, rounds: int
) -> dict[tuple[str, int], list[float]]:
    """Return the milliseconds by the deployment's name and the rate."""
    found: dict[tuple[str, int], list[float]] = defaultdict(list)
    async with now.clients(SUBSCRIBERS, ENTITIES) as ours, before.clients(SUBSCRIBERS, ENTITIES) as theirs:
        ways = [(now, ours), (before, theirs)]
        for way in ways:
            await load(*way, max(RATES), WARM_UP_SECONDS)
        for _, rate, way in itertools.product(range(rounds), RATES, ways):
            found[way[0].name, rate] += await load(*way, rate, seconds)
    return found


def main() -> None:
    """Measure, print, and add to build/bench.json."""
    parser = argparse.ArgumentParser(description="put-events to frame under load, on the local AWS.")
    parser.add_argument("--seconds", type=float, default=10.0, help="of a round (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=2, help="at each rate (default: %(default)s)")
    options = parser.parse_args()
    with LocalAws(port=0) as aws:
        now, before = Deployment(aws, "Now"), before_the_log(aws)
        found = asyncio.run(measure(now, before, options.seconds, options.rounds))
    entries = []
    for rate, percent in itertools.product(RATES, (50, 99)):
        name = f"load: {rate} events/s over ten entities, p{percent}"
        ours, theirs = (percentile(found[one.name, rate], percent) for one in (now, before))
        entries.append(report.entry(name, ours, "ms", theirs))
        print(f"{name}: {ours:.0f} ms; before the log {theirs:.0f} ms ({ours / theirs:.2f} x)")
    print(f"target: p50 at most 0.5 x at {max(RATES)} events/s")
    report.write(entries)


if __name__ == "__main__":
    try:
        main()
    except release.NoHistoryError as error:
        print(f"LEFT OUT: {error}")

"""The time of an update from put-events to the application, warm, on the local AWS.

    python -m benchmarks.latency

An update's way is EventBridge, SQS, event source, push function, @connections, WebSocket, and the published
Python client, up to its `async for`. The services are in the emulator, so the figures show the time of the
app, not of AWS.

Two other deployments run beside: one that neither numbers nor stores (replayHours=0), and the code from
before the log. That one gives no cursors, which the client needs, so a raw socket listens there.

A turn is an event for each, in random order, and each event waits until the one before is settled. So noise
meets all of them. What storing adds is the median of the turns' differences.
"""

import asyncio
import random
import statistics
from collections.abc import Sequence
from contextlib import AsyncExitStack

from benchmarks import report
from benchmarks.deployments import Deployment, Updates, before_the_log, percentile
from local.aws import LocalAws
from testbed import release

EVENTS = 200
WARM_UP = 20
MOST_ADDED_MS = 10  # the target at p50

SETTLED_SECONDS = 0.1
"""How long a worker is busy after its last frame, at most."""


async def measure(deployments: Sequence[Deployment], before: Deployment) -> list[list[float]]:
    """Return the milliseconds of each deployment's events, turn by turn; the one from before comes last."""
    async with AsyncExitStack() as stack:
        ways: list[tuple[Deployment, Updates]] = [
            (deployment, await stack.enter_async_context(deployment.application("bench")))
            for deployment in deployments
        ]
        (client,) = await stack.enter_async_context(before.clients(1, ["bench"]))
        ways.append((before, client))
        return [await _turn(ways) for _ in range(WARM_UP + EVENTS)][WARM_UP:]


async def _turn(ways: Sequence[tuple[Deployment, Updates]]) -> list[float]:
    found = dict.fromkeys(range(len(ways)), 0.0)
    for number in random.sample(range(len(ways)), len(ways)):
        deployment, client = ways[number]
        events = await asyncio.to_thread(deployment.put, ["bench"])
        await client.wait(events)
        found[number] = (client.came_at[events[0]] - deployment.put_at[events[0]]) * 1000
        await asyncio.sleep(SETTLED_SECONDS)
    return list(found.values())


def main() -> None:
    """Measure, print, and add to build/bench.json."""
    with LocalAws(port=0) as aws:
        deployments = [Deployment(aws, "Now"), Deployment(aws, "Plain", {"replayHours": "0"})]
        turns = asyncio.run(measure(deployments, before_the_log(aws)))
    now, plain, before = map(list, zip(*turns, strict=True))
    for name, values in (("numbered and stored", now), ("replayHours=0", plain), ("before the log", before)):
        figures = (f"p{percent} {percentile(values, percent):6.1f} ms" for percent in (50, 99))
        print(f"{name:>20}: {'   '.join(figures)}   ({len(values)} events)")
    added = statistics.median(one - other for one, other in zip(now, plain, strict=True))
    print(f"storing adds {added:+.1f} ms (target: at most {MOST_ADDED_MS})")
    entries = [report.entry("put-events to frame, added by storing, median", added, "ms", MOST_ADDED_MS)]
    for percent in (50, 99):
        value = percentile(now, percent)
        for than, others in (("replayHours=0", plain), ("before the log", before)):
            name = f"put-events to frame, p{percent}, over {than}"
            entries.append(report.entry(name, value, "ms", percentile(others, percent)))
    report.write(entries)


if __name__ == "__main__":
    try:
        main()
    except release.NoHistoryError as error:
        print(f"LEFT OUT: {error}")

"""Workers of the local AWS that die without a word, as an execution environment may at any time."""

import asyncio
import contextlib
import os
import random
import signal
import subprocess
from collections.abc import Sequence

from local.aws import LocalAws


def processes(aws: LocalAws, functions: Sequence[str]) -> list[int]:
    """Return the processes that run functions now, by a part of the functions' names."""
    listed = subprocess.run(["ps", "-axwwo", "pid=,command="], check=True, capture_output=True, text=True)
    # Each runs a file in a folder of its own, which has the function's name.
    beginning = str(aws.directory / "tmp" / "ministack-lambda-")
    lines = (line.split(None, 1) for line in listed.stdout.splitlines())
    return [
        int(process)
        for process, command in lines
        if any(beginning in command and function in command for function in functions)
    ]


async def kill(aws: LocalAws, functions: Sequence[str], *, every: float, killed: list[int]) -> None:
    """Kill one process of the functions at a time, at random, about every so many seconds; note them."""
    while True:
        await asyncio.sleep(random.uniform(0, 2 * every))
        if found := await asyncio.to_thread(processes, aws, functions):
            victim = random.choice(found)
            with contextlib.suppress(ProcessLookupError):
                os.kill(victim, signal.SIGKILL)
                killed.append(victim)

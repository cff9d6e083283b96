"""`make fuzz`: 100,000 inputs, or another number, on all processors."""

import argparse
import concurrent.futures
import multiprocessing
import os
import secrets
import sys
import time
from concurrent.futures import Future

from tests.fuzz.campaign import Round, Tally, deploy, fuzz_deployed, rounds
from tests.fuzz.targets import TARGETS

PROGRESS_SECONDS = 5


def main() -> int:
    """Run a campaign; return 1 if a promise was broken."""
    arguments = _arguments()
    targets = [target for target in TARGETS if arguments.target in (None, target.name)]
    print(f"{arguments.inputs:,} inputs; the same ones again with --seed {arguments.seed}", flush=True)
    started = time.monotonic()
    tallies = {target.name: Tally() for target in targets}
    processes = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(os.cpu_count(), processes, deploy) as pool:
        waiting = {
            pool.submit(fuzz_deployed, a_round): a_round
            for a_round in rounds(arguments.inputs, arguments.seed, targets)
        }
        while waiting:
            _count(waiting, tallies)
            inputs = sum(tally.inputs for tally in tallies.values())
            failed = sum(tally.failure is not None for tally in tallies.values())
            print(f"{time.monotonic() - started:5.0f} s  {inputs:9,} inputs  {failed} failures", flush=True)
    _print_table(tallies)
    return int(any(tally.failure for tally in tallies.values()))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--inputs", type=int, default=100_000)
    parser.add_argument("--target", choices=[target.name for target in TARGETS], help="default: all of them")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(2**32), help="default: a random one")
    return parser.parse_args()


def _count(waiting: dict[Future[Tally], Round], tallies: dict[str, Tally]) -> None:
    """Count the rounds that end within the next seconds. A failed target gets no further rounds."""
    done, _ = concurrent.futures.wait(waiting, PROGRESS_SECONDS)
    for future in done:
        a_round, tally = waiting.pop(future), future.result()
        tallies[a_round.target].add(tally)
        if tally.failure:  # printed at once, since the campaign may end early
            print(f"\n{a_round}: {tally.failure}\n", flush=True)
    for future, a_round in list(waiting.items()):
        if tallies[a_round.target].failure and future.cancel():
            del waiting[future]


def _print_table(tallies: dict[str, Tally]) -> None:
    print(f"\n{'target':<18} {'inputs':>8} {'failures':>9}  outcomes")
    for name, tally in tallies.items():
        outcomes = ", ".join(f"{outcome} {count:,}" for outcome, count in tally.outcomes.most_common())
        print(f"{name:<18} {tally.inputs:>8,} {int(tally.failure is not None):>9}  {outcomes}")
    print(f"{'all':<18} {sum(tally.inputs for tally in tallies.values()):>8,}")


if __name__ == "__main__":
    sys.exit(main())

"""Check clients: `python -m clients.conformance`."""

import argparse
import random
import shlex
import sys

from clients.conformance.adapter import AdapterError
from clients.conformance.random_histories import History
from clients.conformance.reading import ScenarioError
from clients.conformance.suite import Check, clients, run_all, table
from clients.conformance.vocabulary import Scenario, load


def main() -> int:
    """Play what the command line names; return 1 if a scenario failed."""
    options = _parse()
    try:
        scenarios, commands = load(), clients()
    except ScenarioError as mistake:
        sys.exit(str(mistake))
    if options.list:
        print(*(f"{one.name}\n    {one.about}" for one in scenarios), sep="\n")
        return 0
    if options.adapter:
        commands = {"adapter": shlex.split(options.adapter)}
    if unknown := [name for name in options.client if name not in commands]:
        sys.exit(f"There is no client {unknown[0]!r}; there are: {', '.join(commands)}")
    chosen = {name: command for name, command in commands.items() if name in (options.client or commands)}
    try:
        results = run_all(chosen, _checks(scenarios, options), quiet=not options.verbose)
    except AdapterError as failure:
        sys.exit(str(failure))
    for client, column in results.items():
        for result in column:
            if options.verbose or result.failure:
                print(f"\n=== {client}: {result.check}")
            if options.verbose:
                print(*result.log, sep="\n")
            if result.failure:
                print(result.failure)
    print(f"\n{table(results)}")
    return int(any(result.failure for column in results.values() for result in column))


def _checks(scenarios: list[Scenario], options: argparse.Namespace) -> list[Check]:
    if options.random:
        print(f"The same histories again: --random {options.random} --seed {options.seed}")
        return [_history(options.seed + number) for number in range(options.random)]
    parts = options.scenario
    chosen = [one for one in scenarios if not parts or any(part in one.name for part in parts)]
    if not chosen:
        sys.exit(f"No scenario's name has {' or '.join(parts)} in it; --list shows all")
    return [Check.of(one) for one in chosen]


def _history(seed: int) -> Check:
    return Check(f"history with the seed {seed}", [], lambda player: History(player, seed).play())


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m clients.conformance", description="Check clients.")
    parser.add_argument("--client", action="append", default=[], help="only this client (may be repeated)")
    parser.add_argument(
        "--scenario",
        action="append",
        default=[],
        help="only scenarios with this in their name (may be repeated)",
    )
    parser.add_argument("--adapter", help="instead of registered clients, the one that this command starts")
    parser.add_argument("--random", type=int, metavar="N", help="play N random histories, and no scenario")
    parser.add_argument("--seed", type=int, help="the seed of the first history (default: any)")
    parser.add_argument("--list", action="store_true", help="show what the scenarios are about")
    parser.add_argument("-v", "--verbose", action="store_true", help="show all that happened")
    options = parser.parse_args()
    if options.seed is None:
        options.seed = random.randrange(1_000_000)
    return options


if __name__ == "__main__":
    sys.exit(main())

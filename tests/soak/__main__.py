"""`make soak`: deploy into a local AWS, let the published clients suffer, count."""

import argparse
import asyncio
import sys

from clients.conformance.suite import clients
from local.aws import LocalAws
from local.deployment import deploy
from tests.soak.soak import PUSH, Plan, Soak


def main() -> int:
    """Run the soak; return 0 if no update was lost, out of order, twice, or held for complete by mistake."""
    parser = argparse.ArgumentParser(
        prog="make soak", description="The published clients on bad networks, with workers that die."
    )
    add = parser.add_argument
    add("--minutes", type=float, default=5, help="how long (default: %(default)s)")
    add("--clients", type=int, default=Plan.clients, help="of each language (default: %(default)s)")
    add("--updates", type=int, default=Plan.updates, help="in all (default: %(default)s)")
    add("--entities", type=int, default=Plan.entities, help="how many (default: %(default)s)")
    add("--language", choices=clients(), action="append", help="these clients only")
    add("--kill-every", type=float, default=Plan.kill_every, metavar="SECONDS", help="(default: %(default)s)")
    add(
        "--kill-push",
        action="store_true",
        help="kill workers of the push function, too; their messages come back in six minutes",
    )
    add("--seed", type=int, default=Plan.seed, help="of the network's faults (default: %(default)s)")
    options = parser.parse_args()
    plan = Plan(
        options.minutes * 60,
        options.clients,
        options.updates,
        options.entities,
        languages=tuple(options.language) if options.language else None,
        kill_every=options.kill_every,
        kills=(*Plan.kills, PUSH) if options.kill_push else Plan.kills,
        seed=options.seed,
    )
    with LocalAws(port=0) as aws:
        outputs = deploy(aws)
        print(f"==> {plan.clients} clients a language, {plan.updates:,} updates, {options.minutes:g} minutes")
        figures = asyncio.run(Soak.run(aws, outputs, plan))
    print("\n".join(figures.lines()))
    return 1 if figures.problems else 0


if __name__ == "__main__":
    sys.exit(main())

"""`make soak`: deploy into a local AWS, let clients come and go, count."""

import argparse
import asyncio
import sys

from local.aws import LocalAws
from local.deployment import deploy
from tests.soak.soak import Plan, soak


def main() -> int:
    """Run the soak; return 0 if no update was lost, out of order or twice."""
    parser = argparse.ArgumentParser(
        prog="make soak", description="Clients that drop and reconnect at random."
    )
    parser.add_argument("--minutes", type=float, default=5, help="how long (default: %(default)s)")
    parser.add_argument("--clients", type=int, default=100, help="how many (default: %(default)s)")
    parser.add_argument("--updates", type=int, default=2000, help="in all (default: %(default)s)")
    parser.add_argument("--entities", type=int, default=20, help="how many (default: %(default)s)")
    parser.add_argument(
        "--kill-every",
        type=float,
        metavar="SECONDS",
        help="kill a worker of the push function about that often; its messages come back in six minutes",
    )
    options = parser.parse_args()
    plan = Plan(
        options.minutes * 60,
        options.clients,
        options.updates,
        options.entities,
        kill_every=options.kill_every,
    )
    with LocalAws(port=0) as aws:
        outputs = deploy(aws)
        print(f"==> {plan.clients} clients, {plan.updates:,} updates over {options.minutes:g} minutes")
        figures = asyncio.run(soak(aws, outputs, plan))
    print("\n".join(figures.lines()))
    return 1 if figures.problems else 0


if __name__ == "__main__":
    sys.exit(main())

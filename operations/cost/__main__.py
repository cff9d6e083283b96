"""What a deployment costs a month, by service, beside others at the same load.

make cost ARGS="--connections 10000 --updates 10000000 --subscribers 1"    ten million deliveries, to one each
make cost ARGS="--connections 10000 --updates 100000 --subscribers 100"    as many, to a hundred each
make cost ARGS="--connections 1000 --updates 1000000 --subscribers 5 --bytes 2000 --json"
"""

import argparse
import json
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any

from operations.cost import own
from operations.cost.bill import Line, Load, prices
from operations.cost.rivals import RIVALS

EPILOG = """\
US dollars in us-east-1, without free tiers. Prices, with dates and sources: operations/cost/prices.yaml.
Counts, measured or assumed: operations/cost/figures.py. More: docs/explanation/costs.md.
"""

MOST_TOLD = 5
"""Lines that are told as those that the money goes to."""


def by_service(lines: Iterable[Line]) -> dict[str, float]:
    """Return what each service costs, the dearest first."""
    sums: Counter[str] = Counter()
    for line in lines:
        sums[line.service] += line.dollars  # type: ignore[assignment]  # a Counter adds floats as well
    return dict(sums.most_common())


def total(lines: Iterable[Line]) -> float:
    """Return what all lines cost together."""
    return sum(line.dollars for line in lines)


def dearest(lines: Iterable[Line]) -> list[Line]:
    """Return the dearest lines, the dearest first."""
    return sorted(lines, key=lambda line: -line.dollars)[:MOST_TOLD]


def as_json(load: Load) -> dict[str, Any]:
    """Return all that is known of a load's costs."""
    bills = {"Entity Push": own.bill(load), **{name: made(load) for name, made in RIVALS.items()}}
    used = {line.price for lines in bills.values() for line in lines}
    return {
        "load": asdict(load),
        "monthly": {name: round(total(lines), 2) for name, lines in bills.items()},
        "lines": [
            {"of": name, **asdict(line), "dollars": round(line.dollars, 4)}
            for name, lines in bills.items()
            for line in lines
        ],
        "prices": {name: asdict(price) for name, price in prices().items() if name in used},
    }


def report(load: Load) -> str:
    """Return the costs of a load in words and columns."""
    lines = own.bill(load)
    whole = total(lines)
    rows = [f"{service:28}{dollars:>12,.2f}" for service, dollars in by_service(lines).items() if dollars]
    goes = [
        f"{line.dollars / whole:>5.0%}  {line.service}: {line.what} ({line.measured})"
        for line in dearest(lines)
    ]
    others = [f"{name:28}{total(made(load)):>12,.2f}" for name, made in RIVALS.items()]
    return "\n".join(
        [
            f"{load.updates:,.0f} updates a month, each to {load.subscribers:,.0f} of "
            f"{load.connections:,.0f} connections: {load.deliveries:,.0f} deliveries",
            "",
            *rows,
            f"{'Entity Push, a month':28}{whole:>12,.2f}",
            "",
            "Where the money goes:",
            *goes,
            "",
            "The same updates to the same clients, without a replay:",
            *others,
        ]
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the costs."""
    parser = argparse.ArgumentParser(
        prog="make cost",
        description=__doc__,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--connections", type=_count, required=True, help="clients connected at once, all month"
    )
    parser.add_argument(
        "--updates", type=_count, required=True, help="updates a month, of all entities together"
    )
    parser.add_argument(
        "--subscribers", type=_count, help="connected clients that get an update, each of them (default: 1)"
    )
    parser.add_argument("--bytes", type=_count, default=300, help="of a pushed frame (default: 300)")
    parser.add_argument(
        "--before-the-log", action="store_true", help="with the six write units of an update of old"
    )
    parser.add_argument("--own-key", action="store_true", help="with encryption=customer")
    parser.add_argument("--json", action="store_true", help="all lines, with quantities and prices")
    told = parser.parse_args(arguments)
    if told.subscribers is None:
        told.subscribers = min(1, told.connections)
    if told.subscribers > told.connections:
        parser.error(f"{told.subscribers:,} --subscribers can't be among {told.connections:,} --connections")
    load = Load(
        told.connections,
        told.updates,
        told.subscribers,
        told.bytes,
        log=not told.before_the_log,
        own_key=told.own_key,
    )
    print(json.dumps(as_json(load), indent=1) if told.json else report(load))
    return 0


def _count(text: str) -> int:
    """Read a number such as 10000, 10_000 or 10,000.

    Raises:
        ArgumentTypeError: it is none, or below 0.
    """
    try:
        number = int(text.replace(",", ""))
    except ValueError:
        number = -1
    if number < 0:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number from 0 on")
    return number


if __name__ == "__main__":
    sys.exit(main())

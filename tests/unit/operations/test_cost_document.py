"""docs/explanation/costs.md has the figures that `make cost` has."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import pytest

from operations.cost import figures, own
from operations.cost.__main__ import by_service, total
from operations.cost.bill import Line, Load, prices
from operations.cost.rivals import RIVALS

DOCS = Path(__file__).parents[3] / "docs"
COSTS = (DOCS / "explanation/costs.md").read_text(encoding="utf-8")
COMPARISON = (DOCS / "explanation/comparison.md").read_text(encoding="utf-8")

ONE = Load(10_000, 10_000_000, 1, 300)
HUNDRED = Load(10_000, 100_000, 100, 300)
ONE_BEFORE = Load(10_000, 10_000_000, 1, 300, log=False)
HUNDRED_BEFORE = Load(10_000, 100_000, 100, 300, log=False)
SILENT = Load(10_000, 0, 1, 300)
LARGE = Load(10_000, 1_000_000, 100, 20_000)
SMALL = Load(100, 100_000, 5, 300)
IDLE = Load(0, 0, 1, 300)

OF_UPDATES = {
    "updates",
    "updates to the internet",
    "pushing: invocations",
    "pushing: time",
    "storing updates",
    "kept updates",
    "finding subscribers, and the end of the history",
    "events",
    "logs of pushing",
}
"""The lines of a bill that nobody pays without updates, but for traces."""


def table(rows: Iterable[Sequence[str]]) -> str:
    """Return rows as Markdown has them."""
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def dollars(amount: float) -> str:
    return f"{amount:,.2f}" if amount < 10 else f"{amount:,.0f}"


def services() -> str:
    loads = (ONE, HUNDRED, ONE_BEFORE, HUNDRED_BEFORE)
    bills = [by_service(own.bill(load)) for load in loads]
    rows = [[name, *(dollars(bill[name]) for bill in bills)] for name in bills[0] if bills[0][name]]
    sums = [f"**{dollars(total(own.bill(load)))}**" for load in loads]
    return table([*rows, ["**a month**", *sums]])


def dearest() -> str:
    def cell(lines: list[Line], line: Line) -> str:
        return f"{line.dollars:,.0f} ({line.dollars / total(lines):.0%})"

    bills = [own.bill(load) for load in (ONE, HUNDRED)]
    top = sorted(range(len(bills[0])), key=lambda place: -bills[0][place].dollars)[:8]
    return table(
        [f"{bills[0][place].service}: {bills[0][place].what}", *(cell(bill, bill[place]) for bill in bills)]
        for place in top
    )


def beside() -> str:
    loads = (ONE, HUNDRED, SILENT, LARGE, SMALL)
    bills = {"Entity Push": own.bill, **RIVALS}
    return table([name, *(dollars(total(bill(load))) for load in loads)] for name, bill in bills.items())


def alone() -> str:
    """Return the parts of a notification that comes alone, to one client, per million."""
    million = Load(1_000_000, 1_000_000, 1, 300)
    told = {
        ("EventBridge", "events"): "EventBridge: the event",
        ("SQS", "updates"): "SQS: sending, receiving, deleting",
        ("Lambda", "pushing: invocations"): "Lambda: an invocation",
        ("Lambda", "pushing: time"): "Lambda: 50 ms",
        ("DynamoDB", "storing updates"): "DynamoDB: a write unit",
        ("DynamoDB", "finding subscribers, and the end of the history"): "DynamoDB: five read units",
        ("CloudWatch", "logs of pushing"): "CloudWatch: the logs",
        ("API Gateway", "updates"): "API Gateway: the frame; the same again for each further client",
    }
    lines = {(line.service, line.what): line.dollars for line in own.bill(million)}
    traced = prices()["trace"].dollars
    rows = [[words, f"{lines[key] + 1e-9:.2f}"] for key, words in told.items()]
    return table([*rows, ["X-Ray: the trace, at the most", f"{traced:.2f}"]])


@pytest.mark.parametrize("made", [services, dearest, beside, alone], ids=lambda made: made.__name__)
def test_a_table_has_the_figures_of_the_command(made: object) -> None:
    assert callable(made)
    expected = made()
    assert expected in COSTS, f"the table is to be:\n{expected}"


def test_what_is_said_of_appsync_events() -> None:
    times = [total(own.bill(load)) / total(RIVALS["AppSync Events"](load)) for load in (ONE, HUNDRED, SILENT)]
    assert [round(ratio) for ratio in times] == [8, 8, 10]
    assert "cost an eighth to a tenth" in COSTS
    assert "cost an eighth to a tenth" in COMPARISON
    assert "eight to ten times as much" in COMPARISON
    assert total(own.bill(LARGE)) < total(RIVALS["AppSync Events"](LARGE)), "frames above 5 KB turn it round"


def test_what_is_said_of_connections_updates_and_the_log() -> None:
    lines = own.bill(ONE)
    open_ones = sum(line.dollars for line in lines if line.what in ("open connections", "pings and pongs"))
    assert open_ones / total(lines) == pytest.approx(1 / 2, abs=0.02)
    assert (total(own.bill(ONE_BEFORE)) - total(lines)) == pytest.approx(29, abs=0.5)


@pytest.mark.parametrize(
    ("load", "share", "words"),
    [
        (ONE, 1 / 6, "Updates themselves are a sixth of the whole with one subscriber each"),
        (HUNDRED, 1 / 30, "and a thirtieth with a hundred"),
    ],
)
def test_what_is_said_of_the_share_of_updates(load: Load, share: float, words: str) -> None:
    """With their traces and without them."""
    lines = own.bill(load)
    updates = sum(line.dollars for line in lines if line.what in OF_UPDATES)
    traces = by_service(lines)["X-Ray"] - by_service(own.bill(SILENT))["X-Ray"]
    assert updates / total(lines) == pytest.approx(share, rel=0.15)
    assert (updates + traces) / total(lines) == pytest.approx(share, rel=0.15)
    assert words in COSTS


def test_what_is_said_of_an_idle_deployment() -> None:
    idle = total(own.bill(IDLE))
    metrics = figures.OWN_METRICS * prices()["metric_month"].dollars
    assert f"${idle:.2f} a month" in COSTS
    assert f"metrics cost up to ${metrics:.2f} more" in COSTS

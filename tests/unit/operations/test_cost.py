"""`make cost`: the bill of a load, by service, beside others."""

import json
import random
from datetime import datetime

import pytest

from operations.cost import __main__ as cost
from operations.cost import figures, own
from operations.cost.bill import Line, Load, prices
from operations.cost.rivals import RIVALS

ALONE = Load(connections=10_000, updates=10_000_000, subscribers=1, frame_bytes=300)
CROWD = Load(connections=10_000, updates=100_000, subscribers=100, frame_bytes=300)
ARGUMENTS = ["--connections", "10000", "--updates", "10,000,000"]


def dollars(load: Load, what: str) -> float:
    (line,) = (line for line in own.bill(load) if line.what == what)
    return line.dollars


@pytest.mark.parametrize(
    ("what", "expected"),
    [
        ("open connections", 10_000 * 43_800 * 0.25e-6),
        ("updates to the internet", 10_000_000 * 300 / 1024**3 * 0.09),
        ("subscribing, and its answer", 2 * 10_000 * 43_800 / 99 * 1e-6),
        ("storing updates", 10 * 0.625),
        ("finding subscribers, and the end of the history", 10 * 5 * 0.125),
        ("events", 10.0),
        ("pushing: invocations", 2.0),
        ("pushing: time", (10_000_000 * 0.05 + 10_000_000 / 15_800) * 1769 / 1024 * 13.3334e-6),
        ("alarms", 4.2),
        ("the secret of tokens", 0.4),
        ("the key", 0.0),
        ("dashboards", 3.0),
    ],
)
def test_a_line_is_its_count_times_its_price(what: str, expected: float) -> None:
    assert dollars(ALONE, what) == pytest.approx(expected)


def test_both_loads_are_ten_million_deliveries() -> None:
    assert ALONE.deliveries == CROWD.deliveries == 10_000_000


def test_what_is_paid_per_update_and_what_per_delivery() -> None:
    for what in ("events", "storing updates", "pushing: invocations"):
        assert dollars(CROWD, what) == pytest.approx(dollars(ALONE, what) / 100)
    gateway = [line for line in own.bill(CROWD) if line.what == "updates"]
    assert [line.quantity for line in gateway] == [10_000_000, 300_000], "frames, and requests of SQS"


def test_an_update_with_very_many_subscribers_is_pushed_by_several_messages() -> None:
    crowd = Load(connections=10_000, updates=100, subscribers=2_500, frame_bytes=300)
    assert dollars(crowd, "pushing: invocations") == pytest.approx((100 + 300) * 0.2e-6)


@pytest.mark.parametrize(
    ("size", "frames", "writes", "events"), [(300, 1, 1, 1), (40_000, 2, 24, 1), (100_000, 4, 24, 2)]
)
def test_larger_frames_are_billed_in_pieces(size: int, frames: int, writes: int, events: int) -> None:
    load = Load(connections=1, updates=1_000_000, subscribers=1, frame_bytes=size)
    assert dollars(load, "storing updates") == pytest.approx(writes * 0.625)
    assert dollars(load, "events") == pytest.approx(events)
    (pushed,) = (line for line in own.bill(load) if (line.service, line.what) == ("API Gateway", "updates"))
    assert pushed.quantity == frames * 1_000_000


def test_before_the_log_an_update_took_six_write_units() -> None:
    before = Load(10_000, 10_000_000, 1, 300, log=False)
    assert dollars(before, "storing updates") == pytest.approx(6 * dollars(ALONE, "storing updates"))


def test_a_key_of_ones_own_costs_a_dollar() -> None:
    own_key = Load(10_000, 10_000_000, 1, 300, own_key=True)
    assert cost.total(own.bill(own_key)) - cost.total(own.bill(ALONE)) == pytest.approx(1)


def test_the_pings_are_those_of_clients_whose_updates_come_at_random_times() -> None:
    chance, minutes, pings = random.Random(1), 0.0, 0
    rate = 1_000 / figures.MINUTES  # updates a minute of one client
    while minutes < 3_000_000:
        silence = chance.expovariate(rate)
        minutes += silence
        pings += int(silence / figures.PING_AFTER_MINUTES)
    expected = pings / minutes * figures.MINUTES
    assert Load(1, 1_000, 1, 300).pings == pytest.approx(expected, rel=0.01)
    assert Load(1, 0, 1, 300).pings == figures.MINUTES / figures.PING_AFTER_MINUTES
    assert Load(1, 100_000_000, 1, 300).pings == pytest.approx(0), "who gets frames all the time sends none"
    assert Load(0, 0, 1, 300).pings == 0


def test_tracing_takes_one_invocation_a_second_and_a_share_of_the_rest() -> None:
    seconds = figures.MINUTES * 60
    assert own._traces(1000) == 1000
    assert own._traces(seconds + 1000) == seconds + 50


@pytest.mark.parametrize(
    ("rival", "expected"),
    [
        ("AppSync Events", 20 + 438 * 0.08 + 2 * 10_000 * 43_800 / 1440 * 1e-6 + 0.2515),
        ("IoT Core", 20 + 438 * 0.08 + 2 * 10_000 * 43_800 / 1440 * 1e-6 + 0.2515),
        ("Ably", 29 + 20 * 2.5 + 438 + 438),
        ("Momento Topics", 1 + 20),
    ],
)
def test_the_bill_of_a_rival(rival: str, expected: float) -> None:
    assert cost.total(RIVALS[rival](ALONE)) == pytest.approx(expected, abs=0.01)


def test_rivals_bill_smaller_pieces() -> None:
    large = Load(connections=0, updates=1_000_000, subscribers=1, frame_bytes=6_000)
    quantities = {name: RIVALS[name](large)[1].quantity for name in RIVALS}
    assert quantities == {"AppSync Events": 2e6, "IoT Core": 2e6, "Ably": 1e6, "Momento Topics": 6e6}


def test_channels_of_ably_are_the_entities_that_are_followed() -> None:
    assert RIVALS["Ably"](CROWD)[-1].quantity == 100 * figures.MINUTES


def test_every_price_has_a_source_a_date_if_it_is_known_and_a_use() -> None:
    used = {line.price for load in (ALONE, CROWD) for line in own.bill(load)}
    used |= {line.price for made in RIVALS.values() for line in made(ALONE)}
    assert used == prices().keys()
    for name, price in prices().items():
        assert price.dollars > 0, name
        assert price.per in (1, 1_000_000), name
        assert price.source.startswith("https://"), name
        assert price.seen is None or datetime.strptime(price.seen, "%Y-%m"), name


def test_the_report_names_every_service_its_sum_and_the_rivals(capsys: pytest.CaptureFixture[str]) -> None:
    assert cost.main(ARGUMENTS) == 0
    told = capsys.readouterr().out
    lines = own.bill(ALONE)
    for service, paid in cost.by_service(lines).items():
        assert (f"{paid:,.2f}" in told and service in told) or not paid
    assert f"{cost.total(lines):,.2f}" in told
    assert all(f"{name:28}{cost.total(made(ALONE)):>12,.2f}" in told for name, made in RIVALS.items())
    dearest = max(lines, key=lambda line: line.dollars)
    assert (
        f"{dearest.dollars / cost.total(lines):>5.0%}  {dearest.service}: {dearest.what} (438,000,000 con"
        in told
    )
    assert told.startswith(
        "10,000,000 updates a month, each to 1 of 10,000 connections: 10,000,000 deliveries\n"
    )


def test_json_has_every_line_and_its_price(capsys: pytest.CaptureFixture[str]) -> None:
    cost.main(
        [*ARGUMENTS, "--subscribers", "2", "--bytes", "1000", "--before-the-log", "--own-key", "--json"]
    )
    told = json.loads(capsys.readouterr().out)
    assert told["load"] == {
        "connections": 10_000,
        "updates": 10_000_000,
        "subscribers": 2,
        "frame_bytes": 1000,
        "log": False,
        "own_key": True,
    }
    assert told["monthly"].keys() == {"Entity Push", *RIVALS}
    for name, paid in told["monthly"].items():
        assert sum(line["dollars"] for line in told["lines"] if line["of"] == name) == pytest.approx(
            paid, abs=0.01
        )
    assert {line["price"] for line in told["lines"]} == told["prices"].keys()


@pytest.mark.parametrize(
    ("price", "quantity", "words"),
    [
        ("gateway_minute", 438_000_000, "438,000,000 connection minutes"),
        ("sqs_request", 30_000_000, "30,000,000 requests"),
        ("transfer_gb", 279.4, "279 GB to the internet"),
        ("transfer_gb", 0.279, "0.28 GB to the internet"),
        ("secret_month", 1, "1"),
    ],
)
def test_a_quantity_is_told_with_its_unit(price: str, quantity: float, words: str) -> None:
    assert Line("a service", price, "something", quantity).measured == words


def test_an_update_goes_to_one_client_unless_nobody_is_connected(capsys: pytest.CaptureFixture[str]) -> None:
    for connections, line in (("2", "each to 1 of 2"), ("0", "each to 0 of 0")):
        assert cost.main(["--connections", connections, "--updates", "7"]) == 0
        assert line in capsys.readouterr().out


def test_more_subscribers_than_connections_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cost.main(["--connections", "10", "--updates", "1", "--subscribers", "11"])
    assert "11 --subscribers can't be among 10 --connections" in capsys.readouterr().err
    assert cost.main(["--connections", "10", "--updates", "1", "--subscribers", "10"]) == 0


@pytest.mark.parametrize("wrong", ["-1", "many", "1.5"])
def test_what_is_no_count_is_refused(wrong: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cost.main(["--connections", wrong, "--updates", "1"])
    assert f"argument --connections: '{wrong}' is no whole number from 0 on" in capsys.readouterr().err

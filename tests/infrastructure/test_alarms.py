"""Every way of failing in the documents has an alarm that two bad minutes ring, and the reverse."""

import re
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from aws_cdk import assertions
from entity_push.runtime.environment import ENVIRONMENTS, METRICS_NAMESPACE

from operations.cost import figures
from tests.contract import faults
from tests.infrastructure.alarm_metrics import looked_at
from tests.infrastructure.conftest import make_stack, of_type
from tests.unit.test_ways_of_failing import BREAKS

ROOT = Path(__file__).resolve().parents[2]
DOCUMENT = ROOT / "docs/reference/metrics-and-alarms.md"
PRINTED = re.compile(
    r'\bcount\([\w.]+, "([A-Z]\w+)"|add_metric\(name="(\w+)"|"([A-Z]\w+)": (?:self|environment)\.[a-z]'
)
"""How the functions' code names a metric that it prints."""

MOST_SECONDS = 120
Resources = dict[str, Any]


class Row(NamedTuple):
    """A way of failing, with the metrics that show it and the alarms that look at them."""

    way: str
    metrics: set[tuple[str, str]]
    alarms: set[str]


def section(title: str) -> str:
    return DOCUMENT.read_text(encoding="utf-8").partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def table() -> list[Row]:
    cells = [
        [cell.strip() for cell in line.strip("| ").split(" | ")]
        for line in section("Ways of failing").splitlines()
        if line.startswith("| ") and not line.startswith("| way ")
    ]
    return [Row(way, metrics_in(metrics), _named(alarms)) for way, metrics, alarms in cells]


def _named(cell: str) -> set[str]:
    return set(re.findall(r"`([^`]+)`", cell))


def metrics_in(cell: str) -> set[tuple[str, str]]:
    """Read metrics: `Errors` of AWS's Lambda is written `AWS/Lambda Errors`, our own by their bare name."""
    split = [name.rpartition(" ") for name in _named(cell)]
    return {(namespace or METRICS_NAMESPACE, name) for namespace, _, name in split}


def own_metrics() -> list[tuple[str, set[str]]]:
    """Return the rows of our own metrics: each with the functions that print it."""
    rows = re.findall(r"^\| `(\w+)` \| ([^|]+) \|", section("Metrics"), re.MULTILINE)
    return [(metric, _named(services)) for metric, services in rows]


def alarms_of(resources: Resources) -> dict[str, Any]:
    """Return the alarms by their names in the documents: without the hash."""
    found = of_type(resources, "AWS::CloudWatch::Alarm")
    return {name.removeprefix("Alarms")[:-8]: alarm for name, alarm in found.items()}


def names_of(alarm: dict[str, Any]) -> set[tuple[str, str]]:
    return {(metric["Namespace"], metric["MetricName"]) for metric in looked_at(alarm)}


ROWS = table()


def test_the_table_is_read() -> None:
    assert len(ROWS) > 25
    assert max(Counter(row.way for row in ROWS).values()) == 1


@pytest.mark.parametrize("row", ROWS, ids=[row.way for row in ROWS])
def test_a_way_of_failing_has_its_metric_and_its_alarm(resources: Resources, row: Row) -> None:
    alarms = alarms_of(resources)
    assert row.alarms
    assert row.alarms <= alarms.keys()
    watched = set().union(*(names_of(alarms[name]) for name in row.alarms))
    assert row.metrics, "a metric shows it"
    assert row.metrics <= watched
    for name in row.alarms:
        assert names_of(alarms[name]) & row.metrics, f"{name} looks at none of them"


def test_every_alarm_stands_in_the_table(resources: Resources) -> None:
    assert set(alarms_of(resources)) == set().union(*(row.alarms for row in ROWS))


def test_every_alarm_rings_at_two_bad_minutes_at_most(resources: Resources) -> None:
    for name, alarm in alarms_of(resources).items():
        bad = alarm.get("DatapointsToAlarm", alarm["EvaluationPeriods"])
        assert {metric["Period"] for metric in looked_at(alarm)} == {60}, name
        assert bad * 60 <= MOST_SECONDS, name
        assert len(looked_at(alarm)) <= 10, f"{name}: more metrics than an alarm may look at"


def test_every_functions_errors_and_throttles_ring(resources: Resources) -> None:
    functions = {
        name: item["Handler"].removesuffix(".handler")
        for name, item in of_type(resources, "AWS::Lambda::Function").items()
    }
    assert set(functions.values()) == set(ENVIRONMENTS)
    watched: dict[str, set[str]] = {"Errors": set(), "Throttles": set(), "Invocations": set()}
    for alarm in alarms_of(resources).values():
        for metric in looked_at(alarm):
            if metric["Namespace"] == "AWS/Lambda":
                (dimension,) = metric["Dimensions"]
                watched[metric["MetricName"]].add(functions[dimension["Value"]["Ref"]])
    assert watched["Errors"] == set(ENVIRONMENTS)
    assert watched["Throttles"] == set(ENVIRONMENTS) - {"watch"}
    assert watched["Invocations"] == {"watch", "expire", "push"}


def test_only_a_function_that_does_not_run_rings_without_data(resources: Resources) -> None:
    for name, alarm in alarms_of(resources).items():
        stopped = name in ("WatchStopped", "ExpireStopped")
        assert alarm["TreatMissingData"] == ("breaching" if stopped else "notBreaching"), name


def test_every_metric_is_documented_and_no_other() -> None:
    code = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "lambdas").rglob("*.py"))
    printed = {"".join(names) for names in PRINTED.findall(code)}
    assert sorted(metric for metric, _ in own_metrics()) == sorted(printed)


def test_every_metric_of_ours_is_seen_to_be_printed(resources: Resources) -> None:
    own = {
        name
        for alarm in alarms_of(resources).values()
        for namespace, name in names_of(alarm)
        if namespace == METRICS_NAMESPACE
    }
    assert own <= {metric for metric, _, _ in BREAKS}


def test_every_dimension_of_ours_is_one_that_a_function_prints(resources: Resources) -> None:
    services = {
        dimension["Value"]
        for alarm in alarms_of(resources).values()
        for metric in looked_at(alarm)
        if metric["Namespace"] == METRICS_NAMESPACE
        for dimension in metric["Dimensions"]
        if dimension["Name"] == "service"
    }
    assert services <= set(ENVIRONMENTS)


def test_late_is_later_than_any_retry_waits_by_design(resources: Resources) -> None:
    assert alarms_of(resources)["Late"]["Threshold"] == 120


def test_rules_of_own_events_ring_too_each_alarm_within_its_limit() -> None:
    rules = [
        {"name": f"r{n}", "pattern": {"source": ["s"]}, "entityId": "o/{$.detail.id}", "message": "$.detail"}
        for n in range(6)
    ]
    stack = make_stack({"eventRules": rules, "eventBus": "own"})
    resources = assertions.Template.from_stack(stack).to_json()["Resources"]
    alarms = {name: alarm for name, alarm in alarms_of(resources).items() if name.startswith("NotQueued")}
    assert set(alarms) == {"NotQueued", "NotQueued2", "NotQueued3"}
    metrics = [metric for alarm in alarms.values() for metric in looked_at(alarm)]
    assert len(metrics) == 3 * 7
    for metric in metrics:
        assert [dimension["Name"] for dimension in metric["Dimensions"]] == ["EventBusName", "RuleName"]


def test_every_alarm_describes_itself_as_in_the_contract(resources: Resources) -> None:
    known = {"AlarmName": "a", "OldStateValue": "INSUFFICIENT_DATA", "StateChangeTime": "t"}
    for name, alarm in alarms_of(resources).items():
        described = {**known, "AlarmDescription": alarm["AlarmDescription"]}
        told = {"ALARM": "AlarmActions", "OK": "OKActions", "INSUFFICIENT_DATA": "InsufficientDataActions"}
        for state, actions in told.items():
            in_contract = faults("Alarm", {**described, "NewStateValue": state}) == []
            assert in_contract == (actions in alarm), f"{name}: {state}"


def test_the_documented_costs_are_those_of_the_template(resources: Resources) -> None:
    alarms = alarms_of(resources).values()
    looked = sum(len(looked_at(alarm)) for alarm in alarms)
    said = " ".join(section("Costs").split())
    assert f"{len(alarms)} alarms" in said
    assert f"{looked} metrics, ${looked * 0.1:.2f} a month" in said
    own = sum(len(services) for _, services in own_metrics())
    assert looked == figures.ALARM_METRICS
    assert own == figures.OWN_METRICS
    assert f"{own} of our own, ${own * 0.3:.2f} a month" in said

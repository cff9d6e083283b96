"""The dashboard shows every metric of the documents, each where they say, and no other."""

import json
from typing import Any

import pytest
from aws_cdk import assertions
from entity_push.runtime.environment import ENVIRONMENTS, METRICS_NAMESPACE

from operations import environments
from stacks.app_settings import AppSettings
from stacks.dashboard import REQUEST_QUOTAS
from stacks.metrics import LOSSES_OF_RULES
from tests.infrastructure.conftest import make_stack, of_type
from tests.infrastructure.dashboard_body import Metric, dimensions_of, graphs, metrics_of, widgets_of
from tests.infrastructure.test_alarms import alarms_of, metrics_in, names_of, own_metrics, section

FREE_METRICS = 50
"""Of each of an account's three free dashboards (Amazon CloudWatch pricing)."""

MOST_METRICS_OF_A_GRAPH = 500
MOST_METRICS = 2_500
"""CloudWatch User Guide, "CloudWatch service quotas"; those within expressions are included."""

MOST_RULES = 200
"""docs/reference/limits.md"""

MOST_RESOURCES = 500
MOST_BYTES = 1_000_000
"""CloudFormation User Guide, "Understand CloudFormation quotas"; the CDK indents by 1."""

MOST_ALARMS_OF_A_WIDGET = 100
"""CloudWatch API Reference, "Dashboard Body Structure and Syntax", alarm status widget."""


def documented() -> dict[str, set[Metric]]:
    """Return the metrics of each widget, as the table has them."""
    rows = [line.strip("| ").split(" | ") for line in section("Dashboard").splitlines() if line[:2] == "| "]
    return {title: metrics_in(metrics) for title, _, metrics in rows[1:]}


def shown(resources: dict[str, Any]) -> dict[str, set[Metric]]:
    return {title: set().union(*map(metrics_of, lines)) for title, lines in graphs(resources).items()}


def alarms_in(widget: dict[str, Any]) -> set[str]:
    """Return the logical ids of the alarms whose states a widget shows."""
    return {json.loads(arn)["Fn::GetAtt"][0] for arn in widget["alarms"]}


def resources_with(**context: Any) -> dict[str, Any]:
    found: dict[str, Any] = assertions.Template.from_stack(make_stack(context)).to_json()["Resources"]
    return found


def test_every_widget_shows_what_the_table_says(resources: dict[str, Any]) -> None:
    assert documented() == shown(resources)


def test_every_metric_of_ours_is_shown_for_each_function_that_prints_it(resources: dict[str, Any]) -> None:
    found: dict[str, set[str]] = {}
    for line in (line for lines in graphs(resources).values() for line in lines):
        if line[0] == METRICS_NAMESPACE:
            dimensions = dimensions_of(line)
            assert dimensions["Stack"] == "EntityPush"
            found.setdefault(line[1], set()).add(dimensions["service"])
    assert found == dict(own_metrics())


def test_every_metric_that_an_alarm_looks_at_is_shown(resources: dict[str, Any]) -> None:
    watched = set().union(*map(names_of, alarms_of(resources).values()))
    assert watched - set().union(*shown(resources).values()) == set()


def test_every_alarms_state_is_shown(resources: dict[str, Any]) -> None:
    (widget,) = widgets_of(resources, "alarm")
    assert alarms_in(widget) == set(of_type(resources, "AWS::CloudWatch::Alarm"))


@pytest.mark.parametrize("title", ["Invocations", "Errors", "Throttles", "Durations (p99)"])
def test_every_function_is_shown_by_its_name(resources: dict[str, Any], title: str) -> None:
    functions = {
        name: item["Handler"].removesuffix(".handler")
        for name, item in of_type(resources, "AWS::Lambda::Function").items()
    }
    lines = {
        functions[json.loads(dimensions_of(line)["FunctionName"])["Ref"]]: line[-1]["label"]
        for line in graphs(resources)[title]
    }
    assert lines == {module: module for module in ENVIRONMENTS}


def test_the_time_to_the_last_post_has_its_median_and_its_tail(resources: dict[str, Any]) -> None:
    lines = [line for line in graphs(resources)["Time to the last post"] if line[0] == METRICS_NAMESPACE]
    assert [line[-1]["stat"] for line in lines] == ["p50", "p99"]


def test_counts_are_sums(resources: dict[str, Any]) -> None:
    """But for how many wait at a time, how old the oldest is, and what is no count."""
    others = {"p50", "p99", "Maximum"}
    averages = {"SubscribersPerUpdate", "IngestionToInvocationSuccessLatency"}
    for line in (line for lines in graphs(resources).values() for line in lines if isinstance(line[0], str)):
        statistic = line[-1].get("stat", "Average")
        assert statistic in {"Sum", *others} or line[1] in averages, line
        waits = line[1].endswith("Waiting") or line[1] in (
            "ApproximateAgeOfOldestMessage",
            "ClaimedAccountConcurrency",
        )
        assert (statistic == "Maximum") == waits, line


def test_the_quotas_of_the_account_are_lines(resources: dict[str, Any]) -> None:
    titles = {widget["title"]: widget for widget in widgets_of(resources, "metric")}
    widget = titles["Account: requests of API Gateway per second"]
    assert [each["value"] for each in widget["annotations"]["horizontal"]] == list(REQUEST_QUOTAS)
    assert widget["stacked"]


def test_where_anybody_may_connect_nothing_of_tokens_is_shown() -> None:
    resources = resources_with(authorization="none")
    dark = {"ConnectsAllowed", "ConnectsRefused", "ConnectsFailed", "Warned", "NotWarned"}
    assert {name for metrics in shown(resources).values() for _, name in metrics} & dark == set()


def own_rules(count: int) -> list[dict[str, Any]]:
    rule = {"pattern": {"source": ["s"]}, "entityId": "o/{$.detail.id}", "message": "$.detail"}
    return [{"name": f"r{number}", **rule} for number in range(count)]


def test_as_many_rules_of_own_events_fit_as_are_documented() -> None:
    resources = resources_with(eventRules=own_rules(MOST_RULES))
    assert len(resources) <= MOST_RESOURCES
    assert len(json.dumps(resources, indent=1)) <= MOST_BYTES
    widgets = widgets_of(resources, "metric")
    sizes = [sum(isinstance(line[0], str) for line in widget["metrics"]) for widget in widgets]
    assert max(sizes) <= MOST_METRICS_OF_A_GRAPH
    assert sum(sizes) <= MOST_METRICS
    parts = list(map(alarms_in, widgets_of(resources, "alarm")))
    assert max(map(len, parts)) <= MOST_ALARMS_OF_A_WIDGET
    assert set().union(*parts) == set(of_type(resources, "AWS::CloudWatch::Alarm"))


@pytest.mark.parametrize(("count", "said"), [(29, ""), (30, " of the first 30 rules")])
def test_of_many_rules_it_is_said_that_only_some_are_shown(count: int, said: str) -> None:
    lines = graphs(resources_with(eventRules=own_rules(count)))["Lost before the queue"]
    assert sum(isinstance(line[0], str) for line in lines) == 3 * 30
    labels = {line[0]["label"] for line in lines if not isinstance(line[0], str)}
    assert labels == {metric + said for metric in LOSSES_OF_RULES}


def test_the_setting_leaves_it_out() -> None:
    template = assertions.Template.from_stack(make_stack({"dashboard": "false"}))
    template.resource_count_is("AWS::CloudWatch::Dashboard", 0)
    assert "DashboardName" not in template.find_outputs("*")


def test_the_documented_costs_are_those_of_a_dashboard_that_is_not_free(resources: dict[str, Any]) -> None:
    lines = [line for lines in graphs(resources).values() for line in lines if isinstance(line[0], str)]
    metrics = {(line[0], line[1], *dimensions_of(line).values()) for line in lines}
    said = " ".join(section("Costs").split())
    assert "dashboard costs $3.00 a month" in said
    assert f"at most {FREE_METRICS} metrics each, and this one has more" in said
    assert len(metrics) > FREE_METRICS


@pytest.mark.parametrize(
    ("name", "has_one"), [("development", False), ("staging", False), ("production", True)]
)
def test_environments_for_tests_do_without_as_the_costs_say(name: str, has_one: bool) -> None:
    """It costs $3 a month, and nobody looks at it there."""
    assert AppSettings.from_context(environments.read(name).settings).dashboard is has_one
    assert "test environments do without" in section("Costs")

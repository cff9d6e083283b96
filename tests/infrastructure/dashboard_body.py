"""A dashboard's body, read out of a template."""

import json
import re
from typing import Any

from tests.infrastructure.conftest import of_type

Metric = tuple[str, str]
"""A namespace and a name."""


def body_of(resources: dict[str, Any]) -> dict[str, Any]:
    """Return the body of the only dashboard. What is known at deployment only is its expression, as JSON."""
    (dashboard,) = of_type(resources, "AWS::CloudWatch::Dashboard").values()
    _, parts = dashboard["DashboardBody"]["Fn::Join"]
    # Such parts stand within texts of JSON.
    texts = [part if isinstance(part, str) else json.dumps(json.dumps(part))[1:-1] for part in parts]
    found: dict[str, Any] = json.loads("".join(texts))
    return found


def widgets_of(resources: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    """Return the properties of the widgets of a kind: `metric` or `alarm`."""
    return [widget["properties"] for widget in body_of(resources)["widgets"] if widget["type"] == kind]


def graphs(resources: dict[str, Any]) -> dict[str, list[list[Any]]]:
    """Return the lines of each graph, by its title."""
    widgets = widgets_of(resources, "metric")
    assert {widget["period"] for widget in widgets} == {60}
    found = {widget["title"]: widget["metrics"] for widget in widgets}
    assert len(found) == len(widgets)
    return found


def metrics_of(line: list[Any]) -> set[Metric]:
    """Return the metrics that a line of a graph names, or searches for."""
    if isinstance(line[0], str):
        return {(line[0], line[1])}
    return {
        (namespace, name)
        for namespace, searched in re.findall(
            r"SEARCH\('\{([\w/]+),\w+\} MetricName=([^']+)'", line[0]["expression"]
        )
        for name in re.findall(r'"(\w+)"', searched)
    }


def dimensions_of(line: list[Any]) -> dict[str, str]:
    """Return the dimensions of a line that is one metric."""
    names = [part for part in line[2:] if isinstance(part, str)]
    return dict(zip(names[::2], names[1::2], strict=True))

"""What an alarm looks at, with or without a metric math expression."""

from typing import Any


def looked_at(alarm: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the metrics of an alarm, each with its period."""
    if "MetricName" in alarm:
        return [alarm]
    stats = [entry["MetricStat"] for entry in alarm["Metrics"] if "MetricStat" in entry]
    return [{**stat["Metric"], "Period": stat["Period"]} for stat in stats]

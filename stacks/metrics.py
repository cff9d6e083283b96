"""The metrics that alarms and the dashboard look at."""

from collections.abc import Mapping, Sequence

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from entity_push.runtime.environment import METRICS_NAMESPACE

from .web_socket import WebSocket

MINUTE = Duration.minutes(1)

LOSSES_OF_RULES = ("FailedInvocations", "InvocationsSentToDlq", "InvocationsFailedToBeSentToDlq")
"""Metrics of a rule that count events which did not get onto the queue (EventBridge User Guide, "Monitoring
Amazon EventBridge")."""

ANSWERING = ("subscribe", "unsubscribe", "publish", "default")
"""Functions that answer clients' frames."""


def own_metric(deployment_name: str, name: str, service: str, *, statistic: str = "Sum") -> cloudwatch.Metric:
    """Return a metric that a function prints.

    Args:
        deployment_name: the deployment's name.
        name: the metric's name.
        service: the function, by its module.
        statistic: what is made of a minute's values.
    """
    return cloudwatch.Metric(
        namespace=METRICS_NAMESPACE,
        metric_name=name,
        dimensions_map={"Stack": deployment_name, "service": service},
        statistic=statistic,
        period=MINUTE,
    )


def stage_metric(web_socket: WebSocket, name: str) -> cloudwatch.Metric:
    """Return a metric of the API's stage, which counts something."""
    return cloudwatch.Metric(
        namespace="AWS/ApiGateway",
        metric_name=name,
        dimensions_map={"ApiId": web_socket.api.api_id, "Stage": web_socket.stage.stage_name},
        statistic="Sum",
        period=MINUTE,
    )


def rule_metrics(
    name: str, dimensions: Sequence[Mapping[str, str]], *, statistic: str = "Sum"
) -> dict[str, cloudwatch.Metric]:
    """Return a metric of some rules, by names for an expression.

    Args:
        name: the metric's name.
        dimensions: those of each rule.
        statistic: what is made of a minute's values.
    """
    return {
        f"rule{number}{name}": cloudwatch.Metric(
            namespace="AWS/Events",
            metric_name=name,
            dimensions_map=rule,
            statistic=statistic,
            period=MINUTE,
        )
        for number, rule in enumerate(dimensions)
    }


def total(metrics: Mapping[str, cloudwatch.Metric], label: str = "total") -> cloudwatch.MathExpression:
    """Return the sum of metrics, of which any may be missing."""
    return cloudwatch.MathExpression(
        expression=" + ".join(f"FILL({name}, 0)" for name in metrics),
        label=label,
        using_metrics=dict(metrics),
        period=MINUTE,
    )

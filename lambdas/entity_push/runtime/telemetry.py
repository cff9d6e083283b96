"""The shared logger and metrics.

Powertools' Logger and Metrics are worth their cost (docs/explanation/decisions.md); its Tracer is not:
Lambda's active tracing records each invocation without a library.
"""

from collections.abc import Mapping

from aws_lambda_powertools import Logger
from aws_lambda_powertools.metrics import EphemeralMetrics, MetricUnit

from entity_push.runtime.environment import METRICS_NAMESPACE

logger = Logger()


def metrics() -> EphemeralMetrics:
    """Return an empty set of metrics; what is added is printed as EMF by `flush_metrics`."""
    return EphemeralMetrics(namespace=METRICS_NAMESPACE)


def count(
    deployment_name: str, name: str, *, value: int = 1, details: Mapping[str, str] | None = None
) -> None:
    """Print one count, in one line of the log.

    Args:
        deployment_name: the metric's dimension.
        name: the metric.
        value: how much is counted.
        details: what one can search the log for. As dimensions they would cost money.
    """
    emf = metrics()
    emf.add_dimension(name="Stack", value=deployment_name)
    emf.add_metric(name=name, unit=MetricUnit.Count, value=value)
    for key, detail in (details or {}).items():
        emf.add_metadata(key=key, value=detail)
    emf.flush_metrics()

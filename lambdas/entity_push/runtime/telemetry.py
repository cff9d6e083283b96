"""The shared logger and metrics.

Powertools' Logger and Metrics are worth their cost (docs/explanation/decisions.md); its Tracer is not:
Lambda's active tracing records each invocation without a library.
"""

from aws_lambda_powertools import Logger
from aws_lambda_powertools.metrics import EphemeralMetrics

from entity_push.runtime.environment import METRICS_NAMESPACE

logger = Logger()


def metrics() -> EphemeralMetrics:
    """Return an empty set of metrics; what is added is printed as EMF by `flush_metrics`."""
    return EphemeralMetrics(namespace=METRICS_NAMESPACE)

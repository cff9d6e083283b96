"""Counts of one invocation of the push function, printed as CloudWatch metrics (EMF)."""

from dataclasses import dataclass, field

from aws_lambda_powertools.metrics import MetricUnit

from entity_push.runtime.telemetry import metrics


@dataclass(slots=True)
class PushMetrics:
    """Counts of one invocation. CloudWatch sums them. The only dimension is the stack, so they cost little.

    Attributes:
        updates: events that became updates.
        deliveries: posts that API Gateway took.
        gone: posts answered with 410, those to connections that may only be opening included.
        retried: posts that another invocation tries again.
        refused: posts that no retry helps (400, 413).
        expired: posts that the end of the connection's right to updates came before.
        abandoned: connections closed because they could not be reached.
        oversize: updates that went without their message.
        superseded: events whose version was not above the last one.
        repeated: events whose own id another update of their sender had.
        dead_letters: messages sent to the dead-letter queue.
        failed: messages that come back as a whole. Lambda counts them as success (partial batch response).
        subscribers: the number of subscribers of each update.
        times_to_last_post: milliseconds from the event's arrival on the queue to the settling of a delivery;
            one for each delivery with a delivered post.
    """

    updates: int = 0
    deliveries: int = 0
    gone: int = 0
    retried: int = 0
    refused: int = 0
    expired: int = 0
    abandoned: int = 0
    oversize: int = 0
    superseded: int = 0
    repeated: int = 0
    dead_letters: int = 0
    failed: int = 0
    subscribers: list[int] = field(default_factory=list)
    times_to_last_post: list[int] = field(default_factory=list)

    def flush(self, deployment_name: str) -> None:
        """Print the counts above zero, under the name of the deployment."""
        emf = metrics()
        emf.add_dimension(name="Stack", value=deployment_name)
        counts = {
            "Updates": self.updates,
            "Deliveries": self.deliveries,
            "Gone": self.gone,
            "Retried": self.retried,
            "Refused": self.refused,
            "Expired": self.expired,
            "Abandoned": self.abandoned,
            "Oversize": self.oversize,
            "Superseded": self.superseded,
            "Repeated": self.repeated,
            "DeadLetters": self.dead_letters,
            "Failed": self.failed,
        }
        for name, value in counts.items():
            if value:
                emf.add_metric(name=name, unit=MetricUnit.Count, value=value)
        for number in self.subscribers:
            emf.add_metric(name="SubscribersPerUpdate", unit=MetricUnit.Count, value=number)
        for milliseconds in self.times_to_last_post:
            emf.add_metric(name="TimeToLastPost", unit=MetricUnit.Milliseconds, value=milliseconds)
        if any(counts.values()) or self.subscribers:
            emf.flush_metrics()

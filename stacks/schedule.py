"""Functions that run each minute, whether or not anybody asks for it."""

from aws_cdk import Duration
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from constructs import Construct

from .function import AppFunction


def run_every_minute(scope: Construct, function: AppFunction, what: str) -> None:
    """Let EventBridge run a function each minute.

    Args:
        scope: the construct that the rule is in.
        function: the function.
        what: what it does, in the rule's description.
    """
    events.Rule(
        scope,
        "EveryMinute",
        description=f"Entity Push: {what}",
        schedule=events.Schedule.rate(Duration.minutes(1)),
        targets=[targets.LambdaFunction(function.function)],
    )

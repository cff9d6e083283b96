"""The EventBridge bus that services and clients put events on."""

from aws_cdk import Stack
from aws_cdk import aws_events as events
from constructs import Construct

from .settings import Settings


def deployment_address(scope: Construct, name: str) -> str:
    """Return what tells a deployment from all others whose clients' events may be on the same bus.

    Args:
        scope: a construct of its stack.
        name: the deployment's name. Another account or Region may have one of the same name.
    """
    stack = Stack.of(scope)
    return f"{stack.account}/{stack.region}/{name}"


def event_bus(scope: Construct, settings: Settings) -> events.IEventBus:
    """Return the bus that the setting `eventBus` names: the default one, its own, or one by its ARN."""
    if settings.event_bus == "own":
        return events.EventBus(scope, "Bus")
    if settings.event_bus == "default":
        return events.EventBus.from_event_bus_name(scope, "Bus", "default")
    return events.EventBus.from_event_bus_arn(scope, "Bus", settings.event_bus)

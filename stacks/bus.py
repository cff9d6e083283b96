"""The EventBridge bus that services and clients put events on."""

from aws_cdk import aws_events as events
from constructs import Construct

from .settings import Settings


def event_bus(scope: Construct, settings: Settings) -> events.IEventBus:
    """Return the bus that the setting `eventBus` names: the default one, its own, or one by its ARN."""
    if settings.event_bus == "own":
        return events.EventBus(scope, "Bus")
    if settings.event_bus == "default":
        return events.EventBus.from_event_bus_name(scope, "Bus", "default")
    return events.EventBus.from_event_bus_arn(scope, "Bus", settings.event_bus)

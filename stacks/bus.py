"""The EventBridge bus that services and clients put events on."""

from aws_cdk import aws_events as events
from constructs import Construct

from stacks.settings import Settings


def event_bus(scope: Construct, settings: Settings) -> events.IEventBus:
    """Return the bus that the setting `eventBus` names: the account's default one, or one of its own."""
    if settings.event_bus == "own":
        return events.EventBus(scope, "Bus")
    return events.EventBus.from_event_bus_name(scope, "Bus", "default")

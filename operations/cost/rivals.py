"""The bills of others for the same load: the same updates to the same clients.

What they lack is not made up for: a history, a replay, an order. docs/explanation/comparison.md has the rows.
"""

from collections.abc import Callable, Mapping

from operations.cost import figures
from operations.cost.bill import Line, Load
from operations.cost.figures import GB, MINUTES


def appsync_events(load: Load) -> list[Line]:
    """Return the lines of AppSync Events. An operation is a publish, a delivery, a connect or a subscribe."""
    return _of_aws(load, "AppSync Events", "appsync_operation", "appsync_minute")


def iot_core(load: Load) -> list[Line]:
    """Return the lines of IoT Core, with MQTT's quality of service 0; its pings are free."""
    return _of_aws(load, "IoT Core", "iot_message", "iot_minute")


def _of_aws(load: Load, name: str, per_message: str, per_minute: str) -> list[Line]:
    """Return the lines of a service of AWS that counts what it takes and delivers, in pieces of 5 KB.

    Args:
        load: the load.
        name: the service's name.
        per_message: the name of its price for a piece.
        per_minute: the name of its price for a minute of a connection.
    """
    pieces = load.pieces(5)
    return [
        Line(name, per_message, "publishing", load.updates * pieces),
        Line(name, per_message, "updates", load.deliveries * pieces),
        Line(name, per_message, "connecting and subscribing", 2 * _opened(load)),
        Line(name, per_minute, "open connections", load.minutes),
        Line(name, "transfer_gb", "updates to the internet", load.deliveries * load.frame_bytes / GB),
    ]


def ably(load: Load) -> list[Line]:
    """Return the lines of Ably's package Standard, by the minute, without its discounts for volume."""
    name = "Ably"
    channels = load.connections / max(1, load.subscribers)
    return [
        Line(name, "ably_month", "the package", 1),
        Line(name, "ably_message", "publishing", load.updates),
        Line(name, "ably_message", "updates", load.deliveries),
        Line(name, "ably_minute", "open connections", load.minutes),
        Line(name, "ably_channel_minute", "entities that are followed", channels * MINUTES),
    ]


def momento(load: Load) -> list[Line]:
    """Return the lines of Momento Topics. Whether it bills connections could not be found out."""
    name = "Momento Topics"
    pieces = load.pieces(1)
    return [
        Line(name, "momento_month", "the contract", 1),
        Line(name, "momento_operation", "publishing", load.updates * pieces),
        Line(name, "momento_operation", "updates", load.deliveries * pieces),
    ]


RIVALS: Mapping[str, Callable[[Load], list[Line]]] = {
    "AppSync Events": appsync_events,
    "IoT Core": iot_core,
    "Ably": ably,
    "Momento Topics": momento,
}


def _opened(load: Load) -> float:
    """Return how many connections are opened."""
    return load.minutes / figures.RIVALS_CONNECTION_MINUTES

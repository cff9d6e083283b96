"""From the bus to clients: through queues and keys, with any text, at any size, and after a rest."""

import json
import time

from operations.smoke.check import Check, Target
from operations.smoke.connection import Socket

HOSTILE = '7","message":{"state":"paid"}},"zz":{"a":"\\ \u2028 \U0001f600 <aws.events.event.json>'
LARGE = "x" * 100_000
REST_SECONDS = 150
"""Longer than a kept connection is trusted (`lambdas/entity_push/runtime/idle.py`)."""

SOON_SECONDS = 5.0


def _put(target: Target, entity: str, message: object) -> None:
    entry = {
        "Source": "entity-push.smoke",
        "DetailType": "Entity Updated",
        "Detail": json.dumps({"entityId": entity, "message": message}),
        "EventBusName": target.found.outputs["EventBusName"],
    }
    answer = target.client("events").put_events(Entries=[entry])
    if answer["FailedEntryCount"]:
        raise RuntimeError(str(answer["Entries"]))


def _arrives(target: Target, name: str, message: object) -> object:
    entity = target.entity(name)
    with Socket(target.url, target.token()) as socket:
        socket.ask({"action": "subscribe", "entityId": entity})
        _put(target, entity, message)
        return socket.receive(60)["message"]


def _through_queue(target: Target) -> str:
    return str(_arrives(target, "plain", "arrived"))


def _hostile(target: Target) -> str:
    return "as it was" if _arrives(target, "hostile", HOSTILE) == HOSTILE else "changed"


def _large(target: Target) -> str:
    return f"{len(str(_arrives(target, 'large', LARGE)))} characters"


def _published(target: Target) -> str:
    entity = target.entity("published")
    with Socket(target.url, target.token()) as listens, Socket(target.url, target.token()) as speaks:
        listens.ask({"action": "subscribe", "entityId": entity})
        speaks.ask({"action": "publish", "entityId": entity, "message": "arrived"})
        return str(listens.receive(60)["message"])


def _after_a_rest(target: Target) -> str:
    entity = target.entity("rest")
    with Socket(target.url, target.token()) as socket:
        socket.ask({"action": "subscribe", "entityId": entity})
        _put(target, entity, 1)
        socket.receive(60)
        time.sleep(REST_SECONDS)
        _put(target, entity, 2)
        began = time.monotonic()
        socket.receive(60)
        took = time.monotonic() - began
    return "soon" if took < SOON_SECONDS else f"after {took:.1f} s"


def _end_of_a_token(target: Target) -> str:
    with Socket(target.url, target.token("short", seconds=100)) as socket:
        return socket.end(240)


CHECKS = (
    Check(
        "an event, through the encrypted queue, table and log groups",
        "arrived",
        'SQS Developer Guide, "Amazon SQS Key management": EventBridge needs two rights to the key',
        _through_queue,
    ),
    Check(
        "a publish by a client",
        "arrived",
        "the publish function's right to put events, and a rule that takes what names its own deployment "
        '(EventBridge User Guide, "Comparison operators")',
        _published,
    ),
    Check(
        "a message that would be structure if it were not escaped",
        "as it was",
        "SECURITY.md: a value in an event is data",
        _hostile,
    ),
    Check(
        "an update of 100 KB",
        "100000 characters",
        '"Amazon API Gateway quotas": PostToConnection takes 128 KB',
        _large,
    ),
    Check(
        f"an update after {REST_SECONDS} s without one",
        "soon",
        "docs/explanation/performance.md: a kept connection that was cut costs one try, not a time-out",
        _after_a_rest,
        here=False,
    ),
    Check(
        "the end of a token",
        "token_expires, token_expired, 1000",
        "docs/reference/protocol.md: a warning, a reason, and the close code of DeleteConnection",
        _end_of_a_token,
        here=False,
    ),
)

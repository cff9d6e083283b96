"""The clients of AWS's services that a function calls."""

import time

from entity_push.runtime.endpoints import endpoint_url
from entity_push.runtime.environment import aws_region
from entity_push.runtime.json_client import JsonClient, Service
from entity_push.runtime.signing import credentials

__all__ = ["client", "credentials"]

EARLY_SECONDS = 1.0
"""What connecting may cost a cold start, all clients together."""

SERVICES = {
    "dynamodb": Service("dynamodb", "DynamoDB_20120810", "1.0"),
    "events": Service("events", "AWSEvents", "1.1"),
    "secretsmanager": Service("secretsmanager", "secretsmanager", "1.1"),
    "sqs": Service("sqs", "AmazonSQS", "1.0", (("x-amzn-query-mode", "true"),)),
}

_LATER = frozenset(("sqs",))
"""Services that no user waits for, or most invocations do not call: their first call connects."""

_began = time.monotonic()


def client(service: str) -> JsonClient:
    """Return a new client of a service, which is connected already if the service answers at once.

    A cold start has more CPU than an invocation, and nobody's frame waits for its end alone (Lambda Developer
    Guide, "Understanding the Lambda execution environment lifecycle").
    """
    region = aws_region()
    made = JsonClient(SERVICES[service], endpoint_url(service, region), region)
    left = _began + EARLY_SECONDS - time.monotonic()
    if service not in _LATER and left > 0:
        made.connect_early(left)
    return made

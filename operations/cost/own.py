"""The bill of a deployment of Entity Push."""

import math
from collections.abc import Iterator

from operations.cost import figures
from operations.cost.bill import Line, Load
from operations.cost.figures import GB, KB, MINUTES


def bill(load: Load) -> list[Line]:
    """Return the lines of a month's bill."""
    return [
        *_gateway(load),
        *_functions(load),
        *_table(load),
        *_messages(load),
        *_cloudwatch(load),
        *_standing(load),
    ]


def _chunks(load: Load) -> float:
    """Return how many messages name the subscribers of updates that have very many."""
    return (
        load.updates * math.ceil(load.subscribers / figures.CHUNK) if load.subscribers > figures.CHUNK else 0
    )


def _gateway(load: Load) -> Iterator[Line]:
    service = "API Gateway"
    yield Line(service, "gateway_minute", "open connections", load.minutes)
    yield Line(service, "gateway_message", "updates", load.deliveries * load.pieces(32))
    yield Line(service, "gateway_message", "pings and pongs", 2 * load.pings)
    yield Line(service, "gateway_message", "subscribing, and its answer", 2 * load.opened)
    yield Line(service, "transfer_gb", "updates to the internet", load.deliveries * load.frame_bytes / GB)


def _functions(load: Load) -> Iterator[Line]:
    service = "Lambda"
    pushes = load.updates + _chunks(load)
    others = len(figures.FUNCTIONS_PER_CONNECTION) * load.opened
    scheduled = figures.SCHEDULED_FUNCTIONS * MINUTES
    seconds = pushes * figures.PUSH_SECONDS + load.deliveries / figures.POSTS_PER_SECOND
    small = (others + scheduled) * figures.FUNCTION_SECONDS
    yield Line(service, "lambda_request", "pushing: invocations", pushes)
    yield Line(service, "lambda_gb_second", "pushing: time", seconds * figures.PUSH_MB / KB)
    yield Line(service, "lambda_request", "connections and minutes: invocations", others + scheduled)
    yield Line(service, "lambda_gb_second", "connections and minutes: time", small * figures.FUNCTION_MB / KB)


def _table(load: Load) -> Iterator[Line]:
    service = "DynamoDB"
    stored = min(load.frame_bytes, figures.STORED_BYTES_AT_MOST)
    writes = math.ceil(stored / KB) if load.log else figures.UPDATE_WRITES_BEFORE
    own_list = max(1, math.ceil(load.subscribers / figures.SUBSCRIBERS_PER_READ))
    reads = own_list + figures.UPDATE_LISTS - 1 + (figures.LOOK_READS if load.log else 0)
    connecting = figures.CONNECT_WRITES + figures.SUBSCRIBE_WRITES + figures.DISCONNECT_WRITES
    looking = (figures.CONNECT_READS + figures.SUBSCRIBE_READS) * load.opened + figures.EXPIRE_READS * MINUTES
    yield Line(service, "dynamodb_write", "storing updates", load.updates * writes)
    yield Line(
        service, "dynamodb_read", "finding subscribers, and the end of the history", load.updates * reads
    )
    yield Line(service, "dynamodb_write", "connecting, subscribing, disconnecting", load.opened * connecting)
    yield Line(service, "dynamodb_read", "connecting, subscribing, expiring", looking)
    # A history lives for one to two days after its last update.
    yield Line(service, "dynamodb_gb_month", "kept updates", load.updates / 30 * 2 * stored / GB)


def _messages(load: Load) -> Iterator[Line]:
    requests = figures.SQS_REQUESTS * (load.updates * load.pieces(64) + _chunks(load))
    yield Line("EventBridge", "eventbridge_event", "events", load.updates * load.pieces(64))
    yield Line("SQS", "sqs_request", "updates", requests)
    yield Line("SQS", "sqs_request", "waiting for some", (figures.POLLS + figures.WATCH_REQUESTS) * MINUTES)


def _cloudwatch(load: Load) -> Iterator[Line]:
    service = "CloudWatch"
    pushes = load.updates + _chunks(load)
    per_connection = (
        len(figures.FUNCTIONS_PER_CONNECTION) * figures.SYSTEM_LOG_BYTES
        + figures.AUTHORIZE_LOG_BYTES
        + 3 * figures.ACCESS_LOG_BYTES
    )
    logged = {
        "logs of pushing": pushes * (figures.PUSH_LOG_BYTES + figures.SYSTEM_LOG_BYTES),
        "logs of connections": load.opened * per_connection,
        "access log of pings": load.pings * figures.ACCESS_LOG_BYTES,
        "logs of each minute": figures.SCHEDULED_FUNCTIONS * MINUTES * figures.SYSTEM_LOG_BYTES,
    }
    for what, size in logged.items():
        yield Line(service, "logs_gb", what, size / GB)
    metrics = figures.OWN_METRICS if load.updates or load.opened else 0  # what is not counted costs nothing
    yield Line(service, "metric_month", "metrics of the functions, at the most", metrics)
    yield Line(service, "alarm_metric_month", "alarms", figures.ALARM_METRICS)
    yield Line(service, "dashboard_month", "dashboards", figures.DASHBOARDS)
    traced = [pushes, *[load.opened] * len(figures.FUNCTIONS_PER_CONNECTION)]
    traced += [MINUTES] * figures.SCHEDULED_FUNCTIONS
    yield Line("X-Ray", "trace", "traces of functions, at the most", sum(map(_traces, traced)))


def _traces(invocations: float) -> float:
    """Return how many invocations of a function are traced, if they are spread evenly over the month."""
    first = min(invocations, figures.TRACED_PER_SECOND * MINUTES * 60)
    return first + figures.TRACED_SHARE * (invocations - first)


def _standing(load: Load) -> Iterator[Line]:
    yield Line("Secrets Manager", "secret_month", "the secret of tokens", figures.SECRETS)
    yield Line("KMS", "key_month", "the key", int(load.own_key))

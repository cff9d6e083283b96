"""``subscribe``: from the answer on, the client gets the entity's updates."""

from entity_push import aws, frames
from entity_push.environment import variable
from entity_push.frames import ErrorCode, Frame, ProtocolError
from entity_push.routes import Request, message_route
from entity_push.table import ConnectionGoneError, Table, TooManySubscriptionsError

table = Table(aws.client("dynamodb"), variable("TABLE_NAME"))
limit = int(variable("SUBSCRIPTIONS_PER_CONNECTION"))


@message_route
def handler(request: Request) -> Frame:
    """Subscribe the connection to the entity that the frame names."""
    entity_id, channel = request.entity()
    try:
        already = table.subscribe(
            request.connection_id, channel, connected_at=request.connected_at, limit=limit
        )
    except ConnectionGoneError as error:
        raise ProtocolError(ErrorCode.CONNECTION_GONE, "This connection is closed. Connect again.") from error
    except TooManySubscriptionsError as error:
        raise ProtocolError(
            ErrorCode.TOO_MANY_SUBSCRIPTIONS,
            f"A connection has at most {limit} subscriptions. Unsubscribe from one, or open another.",
        ) from error
    return frames.subscribed(entity_id, already_subscribed=already, request_id=request.frame.request_id)

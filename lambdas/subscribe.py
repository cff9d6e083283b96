"""``subscribe``: from the answer on, the client gets the entity's updates; and what it missed, if it asks.

The order is what closes the gap between the past and the present: the subscription is written, then the
history is read. The push function stores an update, then reads the subscribers. So every update is either in
this answer or pushed to this connection.
"""

from entity_push import aws, frames
from entity_push.cursors import Cursor, InvalidCursorError
from entity_push.environment import variable
from entity_push.frames import CatchUp, ErrorCode, Frame, ProtocolError
from entity_push.replay import catch_up
from entity_push.routes import Request, message_route
from entity_push.table.history import History
from entity_push.table.subscriptions import ConnectionGoneError, Subscriptions, TooManySubscriptionsError

client = aws.client("dynamodb")
subscriptions = Subscriptions(client, variable("TABLE_NAME"))
history = History.from_environment(client)
limit = int(variable("SUBSCRIPTIONS_PER_CONNECTION"))


@message_route
def handler(request: Request) -> Frame:
    """Subscribe the connection to the entity that the frame names, and tell it what it missed."""
    entity_id, channel = request.entity()
    since = _since(request)
    already = _subscribe(request, channel)
    past = catch_up(history, channel, since) if history else CatchUp()
    return frames.subscribed(entity_id, already_subscribed=already, catch_up=past)


def _since(request: Request) -> Cursor | None:
    value = request.frame.fields.get("since")
    if value is None:
        return None
    try:
        return Cursor.parse(value)
    except InvalidCursorError as error:
        raise ProtocolError(
            ErrorCode.INVALID_CURSOR, 'Send as "since" the last "cursor" that you got, or leave it out.'
        ) from error


def _subscribe(request: Request, channel: str) -> bool:
    try:
        return subscriptions.subscribe(
            request.connection_id, channel, connected_at=request.connected_at, limit=limit
        )
    except ConnectionGoneError as error:
        raise ProtocolError(ErrorCode.CONNECTION_GONE, "This connection is closed. Connect again.") from error
    except TooManySubscriptionsError as error:
        raise ProtocolError(
            ErrorCode.TOO_MANY_SUBSCRIPTIONS,
            f"A connection has at most {limit} subscriptions. Unsubscribe from one, or open another.",
        ) from error

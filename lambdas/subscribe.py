"""`subscribe`: from the answer on, the client gets the updates; and what it missed, if it asks.

The order is what closes the gap between the past and the present: the subscription is written, then the
history is read. The push function stores an update, then reads the subscribers. So every update is either in
this answer or pushed to this connection.
"""

from entity_push.protocol import frames
from entity_push.protocol.channels import is_entity
from entity_push.protocol.cursors import Cursor, InvalidCursorError
from entity_push.protocol.errors import ErrorCode, ProtocolError
from entity_push.protocol.frames import CatchUp, Frame
from entity_push.routes.admission import admitted
from entity_push.routes.forbidden import Forbidden
from entity_push.routes.interests import Interest, answer_each
from entity_push.routes.message_route import Request, message_route
from entity_push.routes.replay import catch_up
from entity_push.runtime import aws
from entity_push.runtime.environment import SubscribeEnvironment
from entity_push.table.connections import Connection, Connections
from entity_push.table.history import History
from entity_push.table.subscriptions import ConnectionGoneError, Subscriptions, TooManySubscriptionsError

environment = SubscribeEnvironment.read()
client = aws.client("dynamodb")
connections = Connections(client, environment.table_name)
subscriptions = Subscriptions(client, environment.table_name)
history = (
    History(
        client,
        environment.table_name,
        replay_seconds=environment.replay_seconds,
        head_seconds=environment.head_seconds,
    )
    if environment.replay_seconds
    else None
)
limit = environment.subscriptions_per_connection
forbidden = Forbidden(environment.deployment_name)


@message_route(most_frame_bytes=environment.client_frame_bytes)
def handler(request: Request) -> Frame:
    """Subscribe the connection to what the frame names, and tell it what it missed."""
    connection = admitted(connections, request.connection_id, environment.authorization)
    without_grant: list[str] = []

    def answer(interest: Interest, since: object, room: int) -> Frame:
        cursor = _cursor(since)
        if interest.grant is not None and not connection.bearer.grants.may_subscribe(interest.grant):
            without_grant.append(interest.grant)
            raise ProtocolError(ErrorCode.FORBIDDEN, "Your token has no grant to subscribe to this.")
        already = _subscribe(connection, interest.channel)
        past = CatchUp()
        if history and interest.history:
            past = catch_up(history, interest.history, cursor, room=room)
        return frames.subscribed(interest.named, already_subscribed=already, catch_up=past)

    try:
        return answer_each(request.frame.fields, connection, answer)
    finally:
        forbidden.count(connection, "subscribe", without_grant)


def _cursor(since: object) -> Cursor | None:
    if since is None:
        return None
    try:
        return Cursor.parse(since)
    except InvalidCursorError as error:
        raise ProtocolError(
            ErrorCode.INVALID_CURSOR, 'Send as "since" the last "cursor" that you got, or leave it out.'
        ) from error


def _subscribe(connection: Connection, channel: str) -> bool:
    others = {name for name in (*connection.channels, channel) if not is_entity(name)}  # they do not count
    try:
        return subscriptions.subscribe(
            connection.connection_id, channel, ends=connection.ends, limit=limit + len(others)
        )
    except ConnectionGoneError as error:
        raise ProtocolError(ErrorCode.CONNECTION_GONE, "This connection is closed. Connect again.") from error
    except TooManySubscriptionsError as error:
        raise ProtocolError(
            ErrorCode.TOO_MANY_SUBSCRIPTIONS,
            f"A connection has at most {limit} subscriptions. Unsubscribe from one, or open another.",
        ) from error

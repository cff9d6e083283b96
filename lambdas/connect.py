"""`$connect`: remembers the connection and its bearer, and echoes the subprotocol `websocket`.

Some channels a connection is subscribed to from the start: its user's, everyone's, and with `?roomId=r1` a
room's.
"""

import functools
import time
from typing import TYPE_CHECKING, Any

from entity_push.protocol.channels import entity_channel, everyone_list, user_channel
from entity_push.protocol.ids import InvalidEntityIdError
from entity_push.routes.connecting import accepted_subprotocol, connection_of, is_frame, query_parameter
from entity_push.routes.forbidden import Forbidden
from entity_push.routes.publications import ROOMS, room
from entity_push.runtime import aws, invocations
from entity_push.runtime.environment import AuthorizationMode, ConnectEnvironment, aws_region
from entity_push.runtime.telemetry import logger
from entity_push.table.connections import Connection, Connections

if TYPE_CHECKING:
    from entity_push.routes.lost_connections import LostConnections

environment = ConnectEnvironment.read()
table = Connections(aws.client("dynamodb"), environment.table_name)
forbidden = Forbidden(environment.deployment_name)
anybody = environment.authorization == AuthorizationMode.NONE


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Accept the connection, or refuse it with 403 or 429; an exception refuses it with 502."""
    invocations.begin(context)
    if is_frame(event):
        return {"statusCode": 400}
    connection = connection_of(event, anybody=anybody)
    if environment.everyone:
        connection = connection.listening_to(everyone_list(connection.connection_id))
    if (room_id := query_parameter(event, "roomId")) is not None:
        entity_id = _room(room_id)
        if entity_id is None or not connection.bearer.grants.may_subscribe(entity_id):
            # What can be no room is not logged: it may be anything.
            forbidden.count(connection, "$connect", [entity_id or ROOMS])
            return {"statusCode": 403}
        connection = connection.listening_to(entity_channel(entity_id))
    try:
        table.open(connection)
        too_many = _too_many(connection)
    except Exception:
        _undo(connection)
        raise
    if too_many:
        table.delete(connection.connection_id)
        return _refuse(429, "too many connections", connection)
    subprotocol = accepted_subprotocol(event)
    headers = {"Sec-WebSocket-Protocol": subprotocol} if subprotocol else {}
    return {"statusCode": 200, "headers": headers}


def _room(room_id: str) -> str | None:
    """Return the entity that is the room, or None: no room can have this id."""
    try:
        return room(room_id)
    except InvalidEntityIdError:
        return None


def _too_many(connection: Connection) -> bool:
    """Tell whether the user has too many connections, also without those that were lost.

    They are counted after this one is written: of several that open at once, each sees those before it, and
    may see those after it. So no user has too many, and a burst over the limit may be refused as a whole.
    """
    user_id = connection.bearer.user_id
    most = environment.connections_per_user
    if user_id is None or not most:
        return False
    channel, now = user_channel(user_id), time.time()
    if table.count(channel, now) <= most:
        return False
    forgotten = _lost_connections().forget(channel, but=connection.connection_id, now=now)
    return not forgotten or table.count(channel, now) > most


@functools.cache
def _lost_connections() -> "LostConnections":
    """Return what looks connections up. Most workers never need it, and importing it takes time."""
    from entity_push.posting.deliverer import Deliverer  # noqa: PLC0415
    from entity_push.routes.lost_connections import LostConnections  # noqa: PLC0415

    return LostConnections(table, Deliverer(environment.callback_url, aws_region(), aws.credentials))


def _undo(connection: Connection) -> None:
    """Delete what was written: it would count as one of the user's connections for two hours."""
    try:
        table.delete(connection.connection_id)
    except Exception as error:
        logger.warning("a connection that failed to open is not deleted", reason=repr(error))


def _refuse(status: int, reason: str, connection: Connection) -> dict[str, Any]:
    logger.warning("refused", reason=reason, status=status, user_id=connection.bearer.user_id)
    return {"statusCode": status}

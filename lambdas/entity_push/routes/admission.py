"""Admission: a connection's stored item decides whether its frames are taken, and which rights it has."""

import time

from entity_push.protocol.errors import ErrorCode, ProtocolError
from entity_push.runtime.environment import AuthorizationMode
from entity_push.table.connections import Connection, Connections


def admitted(connections: Connections, connection_id: str, authorization: AuthorizationMode) -> Connection:
    """Return the connection that a frame came on.

    Args:
        connections: the connections in the table.
        connection_id: the connection that the frame came on.
        authorization: the deployment's current mode of authorization.

    Raises:
        ProtocolError: `connection_gone`, or `token_expired`. API Gateway has no timer for connections, so a
            connection may outlive its token until the expire function closes it.
    """
    connection = connections.find(connection_id)
    if connection is None:
        raise ProtocolError(ErrorCode.CONNECTION_GONE, "This connection is closed. Connect again.")
    # Connections without a user may be left from the time when the deployment asked for no token.
    stranger = connection.bearer.user_id is None and authorization != AuthorizationMode.NONE
    if stranger or connection.has_ended(time.time()):
        raise ProtocolError(
            ErrorCode.TOKEN_EXPIRED,
            "This connection has no token, or one that has expired. Connect again with a new one.",
        )
    return connection

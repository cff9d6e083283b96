"""Whether a connection may still send frames, and what it may do: by its stored item, not by what it says."""

import time

from entity_push.protocol.errors import ErrorCode, ProtocolError
from entity_push.runtime.environment import AuthorizationMode
from entity_push.table.connections import Connection, Connections


def admitted(connections: Connections, connection_id: str, authorization: AuthorizationMode) -> Connection:
    """Return the connection that a frame came on.

    Args:
        connections: the connections in the table.
        connection_id: the connection that the frame came on.
        authorization: what the deployment asks of clients now.

    Raises:
        ProtocolError: `connection_gone`, or `token_expired`: API Gateway has no timer, so a connection
            may outlive its token by the minute that closing it takes.
    """
    connection = connections.find(connection_id)
    if connection is None:
        raise ProtocolError(ErrorCode.CONNECTION_GONE, "This connection is closed. Connect again.")
    # A deployment that has come to ask for tokens does not know who opened a connection before.
    stranger = connection.bearer.user_id is None and authorization != AuthorizationMode.NONE
    if stranger or connection.has_ended(time.time()):
        raise ProtocolError(
            ErrorCode.TOKEN_EXPIRED,
            "This connection has no token, or one that has expired. Connect again with a new one.",
        )
    return connection

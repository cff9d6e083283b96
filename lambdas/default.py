"""`$default`: answers what no other route took (no JSON, no action, or one that does not exist)."""

from entity_push.protocol.actions import ACTION_NAMES
from entity_push.protocol.errors import ErrorCode, ProtocolError
from entity_push.protocol.frames import Frame
from entity_push.routes.message_route import Request, message_route
from entity_push.runtime.environment import DefaultEnvironment

environment = DefaultEnvironment.read()


@message_route(most_frame_bytes=environment.client_frame_bytes)
def handler(request: Request) -> Frame:
    """Say what is wrong with the frame's action."""
    if "action" not in request.frame.fields:
        raise ProtocolError(
            ErrorCode.MISSING_ACTION,
            f'The frame has no "action". Actions: {ACTION_NAMES}.',
        )
    raise ProtocolError(
        ErrorCode.UNKNOWN_ACTION,
        f"There is no such action. Actions: {ACTION_NAMES}.",
    )

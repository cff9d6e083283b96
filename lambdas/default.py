"""`$default`: answers what no other route took (no JSON, no action, or one that does not exist)."""

from entity_push.protocol import faults
from entity_push.protocol.actions import ACTION_NAMES
from entity_push.protocol.errors import ErrorCode, ProtocolError
from entity_push.protocol.frames import Frame
from entity_push.protocol.ids import is_repeatable
from entity_push.routes.message_route import Request, message_route
from entity_push.runtime.environment import DefaultEnvironment

LONGEST_REPEATED = 64
"""Characters of an action that an answer repeats."""

environment = DefaultEnvironment.read()


@message_route(most_frame_bytes=environment.client_frame_bytes, deployment_name=environment.deployment_name)
def handler(request: Request) -> Frame:
    """Say what is wrong with the frame's action."""
    fields = request.frame.fields
    if "action" not in fields:
        text = faults.missing(fields, "action")
        raise ProtocolError(ErrorCode.MISSING_ACTION, f"{text} Actions: {', '.join(ACTION_NAMES)}.")
    text = _fault(fields["action"])
    raise ProtocolError(ErrorCode.UNKNOWN_ACTION, f"{text} Actions: {', '.join(ACTION_NAMES)}.")


def _fault(action: object) -> str:
    """Return the sentence that says what is wrong with an action."""
    if not isinstance(action, str):
        return f"The action {faults.no_string(action)}."
    if len(action) > LONGEST_REPEATED or not is_repeatable(action):
        return "There is no such action."
    found = faults.misspelt([action], ACTION_NAMES)
    return f'There is no action "{action}".' + (f' Did you mean "{found[1]}"?' if found else "")

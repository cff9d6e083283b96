"""What a client asks to publish: an update of an entity, a message to a room, a message to everyone."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from entity_push.auth.grants import EVERYONE_GRANT
from entity_push.protocol.channels import InvalidEntityIdError, entity_channel
from entity_push.protocol.events import BROADCAST, ENTITY_UPDATED
from entity_push.protocol.frames import ErrorCode, ProtocolError

CHAT_ACTIONS = ("onMessage", "message")
"""Two names of the same: chats and messengers that are written for API Gateway use either."""

ROOMS = "rooms/"


@dataclass(frozen=True, slots=True)
class Publication:
    """One thing that a client asks to publish.

    Attributes:
        named: how the client named whom it is for; the answer repeats that.
        grant: what the connection's token has to grant.
        detail_type: of the event.
        detail: of the event, without its sender.
    """

    named: Mapping[str, str]
    grant: str
    detail_type: str
    detail: Mapping[str, Any]


def publication_in(fields: Mapping[str, Any]) -> Publication:
    """Read a frame whose action is `publish`, `onMessage` or `message`.

    Raises:
        ProtocolError: `invalid_entity_id`, or `invalid_message`.
    """
    message = {"message": fields["message"]} if "message" in fields else {}
    if fields.get("action") not in CHAT_ACTIONS:
        return _update(fields.get("entityId"), {}, message)
    if not message:
        raise ProtocolError(ErrorCode.INVALID_MESSAGE, 'The frame has no "message". It may be any JSON.')
    if "roomId" not in fields:
        return Publication({}, EVERYONE_GRANT, BROADCAST, message)
    return _update(room(fields["roomId"]), {"roomId": str(fields["roomId"])}, message)


def room(room_id: object) -> object:
    """Return the entity that is a room, for what a client gave as the room's id; anything at all."""
    return f"{ROOMS}{room_id}" if isinstance(room_id, str) else room_id


def _update(entity_id: object, named: Mapping[str, str], message: Mapping[str, Any]) -> Publication:
    try:
        entity_channel(entity_id)
    except InvalidEntityIdError as error:
        raise ProtocolError(ErrorCode.INVALID_ENTITY_ID, str(error)) from error
    grant = str(entity_id)
    return Publication(named or {"entityId": grant}, grant, ENTITY_UPDATED, {"entityId": grant, **message})

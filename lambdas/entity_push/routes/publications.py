"""Publications: a client's update of an entity, message to a room, or message to everyone."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from entity_push.protocol.actions import CHAT_ACTIONS
from entity_push.protocol.errors import ErrorCode, ProtocolError
from entity_push.protocol.events import BROADCAST, ENTITY_UPDATED
from entity_push.protocol.ids import (
    ENTITY_ID_RULE,
    EVERYONE_GRANT,
    InvalidEntityIdError,
    InvalidOwnIdError,
    checked_entity_id,
    checked_own_id,
)

ROOMS = "rooms/"


@dataclass(frozen=True, slots=True)
class Publication:
    """One thing that a client asks to publish.

    Attributes:
        named: the receiver as the client named it; the answer repeats these fields.
        grant: the entity id that the token has to grant, or `EVERYONE_GRANT`.
        detail_type: the event's detail-type.
        detail: the event's detail, without its sender.
    """

    named: Mapping[str, str]
    grant: str
    detail_type: str
    detail: Mapping[str, Any]

    @property
    def own_id(self) -> str | None:
        """The id that the client gives the update; None if it gives none."""
        return self.detail.get("id")


def publication_in(fields: Mapping[str, Any]) -> Publication:
    """Read a frame whose action is `publish`, `onMessage` or `message`.

    Raises:
        ProtocolError: `invalid_entity_id`, `invalid_message`, or `invalid_id`.
    """
    message = {"message": fields["message"]} if "message" in fields else {}
    own_id = {"id": _own_id(fields["id"])} if "id" in fields else {}
    said = {**message, **own_id}
    if fields.get("action") not in CHAT_ACTIONS:
        entity_id = _entity_id(fields.get("entityId"))
        return _update(entity_id, {"entityId": entity_id}, said)
    if not message:
        raise ProtocolError(ErrorCode.INVALID_MESSAGE, 'The frame has no "message". It may be any JSON.')
    if "roomId" not in fields:
        return Publication({}, EVERYONE_GRANT, BROADCAST, said)
    entity_id = _entity_id(fields["roomId"], room)
    return _update(entity_id, {"roomId": entity_id.removeprefix(ROOMS)}, said)


def room(room_id: object) -> str:
    """Return the entity id of a room.

    Args:
        room_id: a client's value for the room's id; anything at all.

    Raises:
        InvalidEntityIdError: no room can have this id.
    """
    if not isinstance(room_id, str) or not room_id:
        raise InvalidEntityIdError(f"A roomId is a string that is not empty. {ENTITY_ID_RULE}")
    return checked_entity_id(f"{ROOMS}{room_id}")


def _entity_id(value: object, check: Callable[[object], str] = checked_entity_id) -> str:
    try:
        return check(value)
    except InvalidEntityIdError as error:
        raise ProtocolError(ErrorCode.INVALID_ENTITY_ID, str(error)) from error


def _own_id(value: object) -> str:
    try:
        return checked_own_id(value)
    except InvalidOwnIdError as error:
        raise ProtocolError(ErrorCode.INVALID_ID, str(error)) from error


def _update(entity_id: str, named: Mapping[str, str], said: Mapping[str, Any]) -> Publication:
    return Publication(named, entity_id, ENTITY_UPDATED, {"entityId": entity_id, **said})

"""Publications: a client's update of an entity, message to a room, or message to everyone."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from entity_push.protocol import faults
from entity_push.protocol.actions import CHAT_ACTIONS
from entity_push.protocol.errors import ErrorCode, ProtocolError
from entity_push.protocol.events import BROADCAST, ENTITY_UPDATED
from entity_push.protocol.ids import (
    ENTITY_ID_RULE,
    EVERYONE_GRANT,
    OWN_ID_RULE,
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
        entity_id = _entity_id(fields)
        return _update(entity_id, {"entityId": entity_id}, said)
    if not message:
        text = faults.missing(fields, "message")
        raise ProtocolError(ErrorCode.INVALID_MESSAGE, f"{text} It may be any JSON.")
    if "roomId" not in fields:
        return Publication({}, EVERYONE_GRANT, BROADCAST, said)
    entity_id = _room(fields["roomId"])
    return _update(entity_id, {"roomId": entity_id.removeprefix(ROOMS)}, said)


def room(room_id: object) -> str:
    """Return the entity id of a room.

    Args:
        room_id: a client's value for the room's id; anything at all.

    Raises:
        InvalidEntityIdError: no room can have this id.
    """
    if not isinstance(room_id, str):
        raise InvalidEntityIdError(faults.no_string(room_id), ENTITY_ID_RULE)
    if not room_id:
        raise InvalidEntityIdError("is empty", ENTITY_ID_RULE)
    try:
        return checked_entity_id(f"{ROOMS}{room_id}")
    except InvalidEntityIdError as error:
        raise InvalidEntityIdError(f'with "{ROOMS}" before it {error.fault}', ENTITY_ID_RULE) from error


def _room(room_id: object) -> str:
    try:
        return room(room_id)
    except InvalidEntityIdError as error:
        raise ProtocolError(ErrorCode.INVALID_ENTITY_ID, f"The roomId {error.fault}.") from error


def _entity_id(fields: Mapping[str, Any]) -> str:
    if "entityId" not in fields:
        raise ProtocolError(ErrorCode.INVALID_ENTITY_ID, faults.missing(fields, "entityId"))
    try:
        return checked_entity_id(fields["entityId"])
    except InvalidEntityIdError as error:
        text = f"The entityId {error.fault}. An update is of one entity."
        raise ProtocolError(ErrorCode.INVALID_ENTITY_ID, text) from error


def _own_id(value: object) -> str:
    try:
        return checked_own_id(value)
    except InvalidOwnIdError as error:
        raise ProtocolError(ErrorCode.INVALID_ID, f"The id {error.fault}. {OWN_ID_RULE}") from error


def _update(entity_id: str, named: Mapping[str, str], said: Mapping[str, Any]) -> Publication:
    return Publication(named, entity_id, ENTITY_UPDATED, {"entityId": entity_id, **said})

"""Interests: a client asks for an entity, all that a pattern covers, its user's channel, or everyone's."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from entity_push.protocol import frames
from entity_push.protocol.channels import (
    EVERYONE,
    entity_channel,
    everyone_list,
    user_channel,
)
from entity_push.protocol.errors import ErrorCode, ProtocolError
from entity_push.protocol.frames import Frame
from entity_push.protocol.ids import InvalidEntityIdError, checked_entity_id, checked_pattern, is_pattern
from entity_push.table.connections import Connection

USER = "user"

MAX_ENTITY_IDS = 25
"""The most entities in one frame: each is a transaction of its own, while API Gateway waits."""

MAX_SEVERAL_BYTES = 120_000
"""The longest answer about several entities, which has to fit one message of 128 KB."""

_FIELDS_BYTES = 2000
"""The size of one answer without its updates: an id, a cursor, and a last frame without its message."""


@dataclass(frozen=True, slots=True)
class Interest:
    """One thing that a client asks to listen to.

    Attributes:
        named: the thing as the client named it; answers repeat these fields.
        channel: the channel whose list of subscribers the connection joins.
        history: the channel whose history is replayed; None for a pattern, which has no history.
        grant: the entity id or pattern that the token has to grant; None if every connection may listen.
    """

    named: Mapping[str, str]
    channel: str
    history: str | None
    grant: str | None


def interest_in_entity(value: object) -> Interest:
    """Return the interest in an entity, or in all that a pattern covers.

    Raises:
        ProtocolError: `invalid_entity_id`.
    """
    try:
        if is_pattern(value):
            pattern = checked_pattern(value)
            return Interest({"entityId": pattern}, entity_channel(pattern), None, pattern)
        entity_id = checked_entity_id(value)
    except InvalidEntityIdError as error:
        raise ProtocolError(ErrorCode.INVALID_ENTITY_ID, str(error)) from error
    channel = entity_channel(entity_id)
    return Interest({"entityId": entity_id}, channel, channel, entity_id)


def interest_in_channel(name: object, connection: Connection) -> Interest:
    """Return the interest in the user's own channel, or in everyone's.

    Raises:
        ProtocolError: `invalid_channel`.
    """
    if name == EVERYONE:
        return Interest({"channel": EVERYONE}, everyone_list(connection.connection_id), EVERYONE, None)
    if name == USER and connection.bearer.user_id is not None:
        channel = user_channel(connection.bearer.user_id)
        return Interest({"channel": USER}, channel, channel, None)
    raise ProtocolError(
        ErrorCode.INVALID_CHANNEL,
        f'A channel is "{EVERYONE}", or "{USER}" where connecting takes a token. An entity is an "entityId".',
    )


def answer_each(
    fields: Mapping[str, Any], connection: Connection, answer: Callable[[Interest, object, int], Frame]
) -> Frame:
    """Return the answer to a frame that names an entity, a channel, or several entities.

    Args:
        fields: the frame's fields.
        connection: the connection that the frame came on.
        answer: answers about one interest, given its `since` and the bytes that its updates may take.

    Raises:
        ProtocolError: the frame names nothing that a client can listen to, or `answer` raised the error. An
            error about one of several entities is an answer among the others instead.
    """
    if "entityIds" in fields:
        return _answer_several(fields, answer)
    if "channel" in fields:
        interest = interest_in_channel(fields["channel"], connection)
    else:
        interest = interest_in_entity(fields.get("entityId"))
    return answer(interest, fields.get("since"), frames.UPDATES_ROOM)


def _answer_several(fields: Mapping[str, Any], answer: Callable[[Interest, object, int], Frame]) -> Frame:
    entity_ids = fields["entityIds"]
    if not isinstance(entity_ids, list) or not 1 <= len(entity_ids) <= MAX_ENTITY_IDS:
        raise ProtocolError(
            ErrorCode.TOO_MANY_ENTITIES, f'"entityIds" is a list of 1 to {MAX_ENTITY_IDS} entity ids.'
        )
    since = fields.get("since")
    since = {} if since is None else since
    if not isinstance(since, dict):
        raise ProtocolError(
            ErrorCode.INVALID_CURSOR, 'With "entityIds", "since" is an object: {"<entityId>":"<cursor>"}.'
        )
    answers: list[Frame] = []
    room = MAX_SEVERAL_BYTES - _FIELDS_BYTES * len(entity_ids)
    for entity_id in entity_ids:
        try:
            interest = interest_in_entity(entity_id)
            answers.append(answer(interest, since.get(entity_id), max(room, 0)))
        except ProtocolError as error:
            answers.append(frames.error_about(entity_id, error))
        room -= max(0, len(frames.encode(answers[-1])) - _FIELDS_BYTES)
    return frames.several(answers)

"""Interests: a client asks for an entity, all that a pattern covers, its user's channel, or everyone's."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from entity_push.protocol import faults, frames
from entity_push.protocol.channels import (
    EVERYONE,
    entity_channel,
    everyone_list,
    user_channel,
)
from entity_push.protocol.errors import ErrorCode, ProtocolError
from entity_push.protocol.frames import Frame
from entity_push.protocol.ids import (
    EVERYONE_GRANT,
    InvalidEntityIdError,
    checked_entity_id,
    checked_pattern,
    is_pattern,
)
from entity_push.table.connections import Connection

USER = "user"

MAX_ENTITY_IDS = 25
"""Entities that one frame may name: each is written twice over in a transaction, and its past is read."""

MAX_SEVERAL_BYTES = 120_000
"""The longest answer about several entities, which has to fit one message of 128 KB."""

_FIELDS_BYTES = 1500
"""What one answer takes besides ids and the past: its other fields, and those of a frame without message."""


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


@dataclass(frozen=True, slots=True)
class Question:
    """One thing that a frame asks about.

    Attributes:
        interest: the thing.
        since: what the frame says of how far the client had got; anything at all.
    """

    interest: Interest
    since: object


def interest_in_entity(value: object, name: str = "The entityId") -> Interest:
    """Return the interest in an entity, or in all that a pattern covers.

    Args:
        value: what the frame has as the entity's id; anything at all.
        name: what an error calls it.

    Raises:
        ProtocolError: `invalid_entity_id`.
    """
    try:
        if is_pattern(value):
            pattern = checked_pattern(value)
            return Interest({"entityId": pattern}, entity_channel(pattern), None, pattern)
        entity_id = checked_entity_id(value)
    except InvalidEntityIdError as error:
        instead = f' Everyone is {{"channel":"{EVERYONE}"}}.' if value == EVERYONE_GRANT else ""
        raise ProtocolError(ErrorCode.INVALID_ENTITY_ID, f"{name} {error.fault}.{instead}") from error
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
    raise ProtocolError(ErrorCode.INVALID_CHANNEL, f'{_fault(name)} An entity is an "entityId".')


def _fault(channel: object) -> str:
    """Return the sentence that says what is wrong with the name of a channel."""
    if not isinstance(channel, str):
        return f"The channel {faults.no_string(channel)}."
    if channel == USER:
        return f'The channel "{USER}" is there only where connecting takes a token.'
    known = f'The channel is neither "{EVERYONE}" nor "{USER}".'
    found = faults.misspelt([channel], (EVERYONE, USER))
    return f'{known} Did you mean "{found[1]}"?' if found else known


Answer = Callable[[Sequence[Question], int], Sequence[Frame | ProtocolError]]
"""Answers all questions of a frame, in their order, given how many bytes the past may take in the answers."""


def answer_each(fields: Mapping[str, Any], connection: Connection, answer: Answer) -> Frame:
    """Return the answer to a frame that names an entity, a channel, or several entities.

    Args:
        fields: the frame.
        connection: the connection it came on.
        answer: answers all that can be listened to, at once.

    Raises:
        ProtocolError: what the frame names can't be listened to, or the answer is an error; for one of
            several entities, that is an answer among the others instead.
    """
    if "entityIds" in fields:
        return _answer_several(fields, answer)
    if "channel" in fields:
        interest = interest_in_channel(fields["channel"], connection)
    elif "entityId" in fields:
        interest = interest_in_entity(fields["entityId"])
    else:
        text = faults.missing(fields, "entityId", "entityIds", "channel")
        raise ProtocolError(ErrorCode.INVALID_ENTITY_ID, text)
    (found,) = answer([Question(interest, fields.get("since"))], frames.UPDATES_ROOM)
    if isinstance(found, ProtocolError):
        raise found
    return found


def _answer_several(fields: Mapping[str, Any], answer: Answer) -> Frame:
    entity_ids = fields["entityIds"]
    if not isinstance(entity_ids, list) or not 1 <= len(entity_ids) <= MAX_ENTITY_IDS:
        what = (
            f"has {len(entity_ids):,} ids"
            if isinstance(entity_ids, list)
            else f"is {faults.kind(entity_ids)}"
        )
        text = f'"entityIds" {what}. It is a list of 1 to {MAX_ENTITY_IDS} entity ids.'
        raise ProtocolError(ErrorCode.TOO_MANY_ENTITIES, text)
    since = fields.get("since")
    since = {} if since is None else since
    if not isinstance(since, dict):
        what = f'The "since" is {faults.kind(since)}, not an object.'
        text = f'{what} With "entityIds" it is {{"<entityId>":"<cursor>"}}.'
        raise ProtocolError(ErrorCode.INVALID_CURSOR, text)
    interests = [_interest_or_error(value, index) for index, value in enumerate(entity_ids)]
    questions = [
        Question(interest, since.get(entity_id))
        for entity_id, interest in zip(entity_ids, interests, strict=True)
        if isinstance(interest, Interest)
    ]
    fields_bytes = sum(2 * len(frames.encode(dict(question.interest.named))) for question in questions)
    room = MAX_SEVERAL_BYTES - fields_bytes - _FIELDS_BYTES * len(entity_ids)
    answers = iter(answer(questions, room))
    found = [next(answers) if isinstance(interest, Interest) else interest for interest in interests]
    return frames.several(
        [
            frames.error_about(entity_id, one) if isinstance(one, ProtocolError) else one
            for entity_id, one in zip(entity_ids, found, strict=True)
        ]
    )


def _interest_or_error(entity_id: object, index: int) -> Interest | ProtocolError:
    try:
        return interest_in_entity(entity_id, f"entityIds[{index}]")
    except ProtocolError as error:
        return error

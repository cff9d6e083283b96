"""Every frame that travels over a WebSocket is read or built here, and nowhere else.

Client frames are JSON objects with an ``action`` and, if the client wants to match answers to
questions, a ``requestId`` that the answer repeats. docs/protocol.md is this module in prose.
"""

import enum
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from entity_push import strict_json

Frame = dict[str, Any]
RequestId = str | int

MAX_FRAME_BYTES = 128 * 1024
"""What PostToConnection takes ("Amazon API Gateway quotas", WebSocket message payload size)."""

MAX_REQUEST_ID_LENGTH = 128
MAX_REQUEST_ID_NUMBER = 2**53  # beyond it, JavaScript would echo another number than it sent


class ErrorCode(enum.StrEnum):
    """Codes of error frames. docs/protocol.md tells for each whether trying again helps."""

    INVALID_JSON = "invalid_json"
    INVALID_FRAME = "invalid_frame"
    INVALID_REQUEST_ID = "invalid_request_id"
    MISSING_ACTION = "missing_action"
    UNKNOWN_ACTION = "unknown_action"
    INVALID_ENTITY_ID = "invalid_entity_id"
    TOO_MANY_SUBSCRIPTIONS = "too_many_subscriptions"
    CONNECTION_GONE = "connection_gone"
    INTERNAL_ERROR = "internal_error"


class ProtocolError(Exception):
    """What a client sent can't be done; it becomes an error frame.

    Attributes:
        code: the documented code.
        message: a sentence for people that says what would be right.
    """

    def __init__(self, code: ErrorCode, message: str):
        super().__init__(message)
        self.code, self.message = code, message


@dataclass(frozen=True, slots=True)
class ClientFrame:
    """A frame a client sent: a JSON object whose requestId, if any, is usable."""

    fields: Mapping[str, Any]
    request_id: RequestId | None


def parse_client_frame(text: str | None) -> ClientFrame:
    """Read what a client sent.

    Raises:
        ProtocolError: ``invalid_json``, ``invalid_frame`` (not an object) or ``invalid_request_id``.
    """
    try:
        fields = strict_json.loads(text or "")
    except strict_json.NotJSONError as error:
        raise ProtocolError(
            ErrorCode.INVALID_JSON, 'The frame is not JSON. Send text like {"action":"ping"}.'
        ) from error
    if not isinstance(fields, dict):
        raise ProtocolError(
            ErrorCode.INVALID_FRAME,
            'The frame is not a JSON object. Send one like {"action":"ping"}.',
        )
    return ClientFrame(fields, _request_id(fields))


def _request_id(fields: Mapping[str, Any]) -> RequestId | None:
    value = fields.get("requestId")
    match value:
        case None:
            return None
        case str() if 1 <= len(value) <= MAX_REQUEST_ID_LENGTH:
            return value
        case int() if not isinstance(value, bool) and abs(value) < MAX_REQUEST_ID_NUMBER:
            return value
    raise ProtocolError(
        ErrorCode.INVALID_REQUEST_ID,
        f"A requestId is a string of 1 to {MAX_REQUEST_ID_LENGTH} characters or a whole number below 2^53.",
    )


def encode(frame: Frame) -> bytes:
    """Return a frame as the bytes that go over the wire: compact JSON in UTF-8."""
    try:
        return json.dumps(frame, separators=(",", ":"), ensure_ascii=False).encode()
    except UnicodeEncodeError:  # a lone surrogate has no UTF-8 form, only an escape
        return json.dumps(frame, separators=(",", ":")).encode()


def _answer(frame: Frame, request_id: RequestId | None) -> Frame:
    return frame if request_id is None else {**frame, "requestId": request_id}


def subscribed(entity_id: str, *, already_subscribed: bool, request_id: RequestId | None = None) -> Frame:
    """Return the answer to ``subscribe``: from here on, updates of the entity arrive."""
    frame = {
        "type": "subscribed",
        "entityId": entity_id,
        "alreadySubscribed": already_subscribed,
    }
    return _answer(frame, request_id)


def unsubscribed(entity_id: str, *, was_subscribed: bool, request_id: RequestId | None = None) -> Frame:
    """Return the answer to ``unsubscribe``: updates of the entity no longer arrive."""
    frame = {"type": "unsubscribed", "entityId": entity_id, "wasSubscribed": was_subscribed}
    return _answer(frame, request_id)


def pong() -> Frame:
    """Return the answer to ``ping``, which API Gateway itself gives."""
    return {"type": "pong"}


def error(code: ErrorCode, message: str, request_id: RequestId | None = None) -> Frame:
    """Return the answer to a frame that could not be followed; it changed nothing."""
    return _answer({"type": "error", "code": str(code), "message": message}, request_id)


def entity_updated(entity_id: str, *, event_id: str, time: str, detail: Mapping[str, Any]) -> Frame:
    """Return the frame pushed to an entity's subscribers.

    Args:
        entity_id: the entity.
        event_id: id of the EventBridge event; a client uses it to drop a frame that came twice.
        time: when the event was put, as EventBridge gives it (RFC 3339, whole seconds, UTC).
        detail: the event's detail; its ``message``, any JSON value, is passed on if there is one.
    """
    frame: Frame = {"type": "Entity Updated", "entityId": entity_id}
    if "message" in detail:
        frame["message"] = detail["message"]
    return {**frame, "id": event_id, "time": time}


def without_message(frame: Frame) -> Frame:
    """Return a frame that is too large to push as one that tells at least that the entity changed."""
    return {**{name: value for name, value in frame.items() if name != "message"}, "oversize": True}

"""Errors that a client is told: their codes, and the exception that becomes an error frame."""

import enum


class ErrorCode(enum.StrEnum):
    """Codes of error frames. docs/reference/error-codes.md tells for each whether trying again helps."""

    FRAME_TOO_LARGE = "frame_too_large"
    INVALID_JSON = "invalid_json"
    INVALID_FRAME = "invalid_frame"
    INVALID_REQUEST_ID = "invalid_request_id"
    MISSING_ACTION = "missing_action"
    UNKNOWN_ACTION = "unknown_action"
    INVALID_CURSOR = "invalid_cursor"
    INVALID_ENTITY_ID = "invalid_entity_id"
    FORBIDDEN = "forbidden"
    TOKEN_EXPIRED = "token_expired"  # noqa: S105 - a code, not a token
    TOO_MANY_SUBSCRIPTIONS = "too_many_subscriptions"
    INVALID_CHANNEL = "invalid_channel"
    TOO_MANY_ENTITIES = "too_many_entities"
    INVALID_MESSAGE = "invalid_message"
    INVALID_ID = "invalid_id"
    NOT_PUBLISHED = "not_published"
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

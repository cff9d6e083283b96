"""Why a message is a dead letter: codes that travel with it, and the exception that carries one."""

import enum


class Reason(enum.StrEnum):
    """Codes of dead letters. `make redrive` has advice for each of them."""

    NOT_JSON = "not_json"
    NOT_AN_EVENT = "not_an_event"
    UNKNOWN_DETAIL_TYPE = "unknown_detail_type"
    INVALID_ENTITY_ID = "invalid_entity_id"
    INVALID_ENTITY_IDS = "invalid_entity_ids"
    INVALID_USER_ID = "invalid_user_id"
    INVALID_VERSION = "invalid_version"
    INVALID_ID = "invalid_id"
    UNFIT_EVENT = "unfit_event"
    UNKNOWN_RULE = "unknown_rule"
    INVALID_CHUNK = "invalid_chunk"
    TOO_OLD = "too_old"
    REFUSED = "refused"
    UNREACHABLE = "unreachable"
    FAILED_TOO_OFTEN = "failed_too_often"


class UnusableMessageError(ValueError):
    """A message can't become an update, however often it is tried.

    Attributes:
        reason: the code.
        text: a sentence for people that says what is wrong.
    """

    def __init__(self, reason: Reason, text: str):
        super().__init__(text)
        self.reason, self.text = reason, text

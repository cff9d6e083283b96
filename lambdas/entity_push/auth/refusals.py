"""Why a handshake is refused."""

import enum


class Refusal(enum.StrEnum):
    """Reasons, few and fixed: they are counted and logged. Clients are told only that they are refused."""

    NO_TOKEN = "no_token"  # noqa: S105 - no password
    SEVERAL_TOKENS = "several_tokens"
    TOO_LONG = "too_long"
    MALFORMED = "malformed"
    ALGORITHM = "algorithm"
    UNKNOWN_KEY = "unknown_key"
    SIGNATURE = "signature"
    ISSUER = "issuer"
    AUDIENCE = "audience"
    TIMES = "times"
    EXPIRED = "expired"
    NOT_YET_VALID = "not_yet_valid"
    USER = "user"
    GRANTS = "grants"


class RefusedTokenError(Exception):
    """The token does not open a connection.

    Its text is the reason and nothing else, so that it can be logged: a token, even an invalid one, may
    be valid elsewhere.

    Attributes:
        reason: the documented reason.
    """

    def __init__(self, reason: Refusal):
        super().__init__(reason.value)
        self.reason = reason

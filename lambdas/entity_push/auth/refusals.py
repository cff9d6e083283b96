"""The reasons for which handshakes are refused."""

import enum


class Refusal(enum.StrEnum):
    """A reason, one of few and fixed ones, for logs and metrics. Clients learn only of the refusal."""

    NO_TOKEN = "no_token"  # noqa: S105 - no password
    SEVERAL_TOKENS = "several_tokens"
    TOO_LONG = "too_long"
    MALFORMED = "malformed"
    ALGORITHM = "algorithm"
    UNKNOWN_KEY = "unknown_key"
    SIGNATURE = "signature"
    TOKEN_TYPE = "token_type"  # noqa: S105 - a code, not a token
    ID_TOKEN = "id_token"  # noqa: S105
    LOGOUT_TOKEN = "logout_token"  # noqa: S105
    ISSUER = "issuer"
    AUDIENCE = "audience"
    TIMES = "times"
    EXPIRED = "expired"
    NOT_YET_VALID = "not_yet_valid"
    USER = "user"
    GRANTS = "grants"


class RefusedTokenError(Exception):
    """The token does not open a connection.

    The error's text is the reason and nothing else, so that it can be logged. A token must stay out of logs:
    even an invalid one may be valid elsewhere.

    Attributes:
        reason: the documented reason.
    """

    def __init__(self, reason: Refusal):
        super().__init__(reason.value)
        self.reason = reason

"""Codes of the frame `closing`. docs/reference/protocol.md says what a client does."""

import enum


class ClosingCode(enum.StrEnum):
    """Why the server closes a connection. A client that does not know a code goes by `reconnect` alone."""

    TOKEN_EXPIRES = "token_expires"  # noqa: S105 - a code, not a token
    """The connection still works. Its token ends within the next minute or so."""

    TOKEN_EXPIRED = "token_expired"  # noqa: S105 - a code, not a token
    """The token has ended. The connection is closed next."""

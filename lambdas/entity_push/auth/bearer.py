"""Who has opened a connection: what the authorizer found in the token, on its way to the functions."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from entity_push.auth.grants import EVERYTHING, Grants

MAX_USER_ID_LENGTH = 256

# Control characters would break log lines; lone surrogates can't be written as UTF-8.
_NOT_IN_A_USER_ID = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")


class InvalidUserIdError(ValueError):
    """The value is not a user id; the message says what one is."""


def checked_user_id(value: object) -> str:
    """Return a user id as it is.

    Args:
        value: what a token has as the user's id; anything at all.

    Raises:
        InvalidUserIdError: it is not a string of the documented form.
    """
    if (
        not isinstance(value, str)
        or not 1 <= len(value) <= MAX_USER_ID_LENGTH
        or _NOT_IN_A_USER_ID.search(value)
    ):
        raise InvalidUserIdError(
            f"A user id is a string of 1 to {MAX_USER_ID_LENGTH} characters without control characters."
        )
    return value


@dataclass(frozen=True, slots=True)
class Bearer:
    """Who has opened a connection, and what they may do on it.

    Attributes:
        user_id: the user; None if the deployment asks for no token.
        grants: what the user may subscribe and publish to.
        expires: when the token ends, in seconds since 1970; None without a token.
    """

    user_id: str | None
    grants: Grants
    expires: int | None

    def to_context(self) -> dict[str, str]:
        """Return what the authorizer hands to the functions: API Gateway passes strings.

        Raises:
            ValueError: without a token there is no authorizer, and nothing to hand on.
        """
        if self.user_id is None or self.expires is None:
            raise ValueError("only a user with a token has a context")
        return {
            "userId": self.user_id,
            "grants": self.grants.to_json(),
            "expires": str(self.expires),
        }

    @classmethod
    def from_context(cls, context: Mapping[str, Any]) -> Self:
        """Read `requestContext.authorizer` of a `$connect` event.

        Raises:
            KeyError: a field is missing.
            ValueError: a field is not what the authorizer wrote.
        """
        grants, expires = context["grants"], context["expires"]
        if not isinstance(grants, str) or not isinstance(expires, str):
            raise ValueError("the authorizer's context holds strings")
        return cls(checked_user_id(context["userId"]), Grants.from_json(grants), int(expires))


ANONYMOUS = Bearer(None, EVERYTHING, None)
"""Everybody, where the deployment asks for no token."""

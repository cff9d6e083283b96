"""Who has opened a connection: what the authorizer found in the token, on its way to the functions."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from entity_push.auth.grants import EVERYTHING, Grants
from entity_push.protocol.ids import checked_user_id


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

"""The bearer of a token, on the way from the authorizer to the functions."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from entity_push.auth.grants import EVERYTHING, Grants
from entity_push.protocol.ids import checked_user_id


@dataclass(frozen=True, slots=True)
class Bearer:
    """The user that has opened a connection, with grants and the token's end.

    Attributes:
        user_id: the user; None if the deployment asks for no token.
        grants: the entities that the user may subscribe and publish to.
        expires: the token's end, in seconds since 1970; None without a token.
    """

    user_id: str | None
    grants: Grants
    expires: int | None

    def to_context(self) -> dict[str, str]:
        """Return the authorizer's context for the functions. API Gateway passes strings only.

        Raises:
            ValueError: the bearer has no token. Only an authorizer has a context, and it needs a token.
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
            ValueError: a field is none that the authorizer writes.
        """
        grants, expires = context["grants"], context["expires"]
        if not isinstance(grants, str) or not isinstance(expires, str):
            raise ValueError("the authorizer's context holds strings")
        # `int` takes more than digits; the table takes no number of any length.
        if not re.fullmatch("[0-9]{1,12}", expires):
            raise ValueError("the end is in seconds since 1970, up to the year 9999")
        return cls(checked_user_id(context["userId"]), Grants.from_json(grants), int(expires))


ANONYMOUS = Bearer(None, EVERYTHING, None)
"""The bearer of every connection if the deployment asks for no token."""

"""The claims of a token with a valid signature (RFC 7519, 4.1): their checks, and the bearer they name.

This module checks claims itself, since the JWT library takes `"exp": "9999999999"` and `"exp": true` for
numbers. A token ends exactly at its `exp`: clocks get no leeway.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from entity_push.auth.bearer import Bearer
from entity_push.auth.grants import Grants, InvalidGrantError
from entity_push.auth.refusals import Refusal, RefusedTokenError
from entity_push.protocol.ids import InvalidUserIdError, checked_user_id

Claims = Mapping[str, Any]

LATEST_TIME = 253_402_300_799
"""The last second of the year 9999. A later time in a token can only be a mistake."""


@dataclass(frozen=True, slots=True)
class ExpectedClaims:
    """The claims that the deployment expects in a token.

    Attributes:
        issuer: the required `iss`.
        audience: the required `aud`, or a member of it.
        user_claim: the claim that names the user.
        subscribe_claim: the claim with the grants for subscribing.
        publish_claim: the claim with the grants for publishing.
        client_id_is_audience: whether a token without `aud` may name the audience as its `client_id`.
            Access tokens of Amazon Cognito do ("Verifying JSON web tokens", Cognito Developer Guide).
    """

    issuer: str
    audience: str
    user_claim: str
    subscribe_claim: str
    publish_claim: str
    client_id_is_audience: bool = False

    def bearer(self, claims: Claims, now: float) -> Bearer:
        """Return the bearer of a token with these claims.

        Args:
            claims: the claims of a token with a valid signature.
            now: the time, in seconds since 1970.

        Raises:
            RefusedTokenError: a claim is missing, of a wrong type, or has another value than expected.
        """
        if claims.get("iss") != self.issuer:
            raise RefusedTokenError(Refusal.ISSUER)
        if not self._is_audience(claims):
            raise RefusedTokenError(Refusal.AUDIENCE)
        expires = int(_time(claims.get("exp")))  # down: a right never lasts longer than the token says
        if expires <= now:
            raise RefusedTokenError(Refusal.EXPIRED)
        if "nbf" in claims and _time(claims["nbf"]) > now:
            raise RefusedTokenError(Refusal.NOT_YET_VALID)
        try:
            user_id = checked_user_id(claims.get(self.user_claim))
        except InvalidUserIdError:
            raise RefusedTokenError(Refusal.USER) from None
        try:
            grants = Grants.from_claims(claims.get(self.subscribe_claim), claims.get(self.publish_claim))
        except InvalidGrantError:
            raise RefusedTokenError(Refusal.GRANTS) from None
        return Bearer(user_id, grants, expires)

    def _is_audience(self, claims: Claims) -> bool:
        if "aud" not in claims:
            return self.client_id_is_audience and claims.get("client_id") == self.audience
        audience = claims["aud"]
        audiences = audience if isinstance(audience, list) else [audience]
        return all(isinstance(name, str) for name in audiences) and self.audience in audiences


def _time(value: object) -> float:
    """Return a number of seconds since 1970; it may have a fraction (RFC 7519, 2, "NumericDate")."""
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value <= LATEST_TIME:
        raise RefusedTokenError(Refusal.TIMES)
    return value

"""Which of the tokens that an issuer signs are access tokens, as far as a token tells.

An issuer signs others for the same users with the same keys. ID tokens tell a client who has logged in, and
logout tokens that somebody has logged out. None of them opens a connection (RFC 8725, 2.8 and 3.11).
"""

from collections.abc import Mapping
from typing import Any

from entity_push.auth.claims import Claims
from entity_push.auth.refusals import Refusal, RefusedTokenError

ACCESS_TOKEN_TYPE = "at+jwt"  # noqa: S105 - RFC 9068, 2.1
LOGOUT_TOKEN_TYPE = "logout+jwt"  # noqa: S105 - OpenID Connect Back-Channel Logout 1.0, 2.4
PLAIN_TYPE = "jwt"
"""Says nothing: most issuers write it into all tokens, or no type at all."""

# Amazon Cognito's `token_use` (Cognito Developer Guide, "Verifying JSON web tokens"), and the claim `typ` of
# Keycloak (its class TokenUtil). Other values of `typ` may be another issuer's claim of that name.
_COGNITO_OTHERS = {"id": Refusal.ID_TOKEN}
_KEYCLOAK_ACCESS = ("Bearer", "DPoP")
_KEYCLOAK_OTHERS = {
    "ID": Refusal.ID_TOKEN,
    "Logout": Refusal.LOGOUT_TOKEN,
    "Refresh": Refusal.TOKEN_TYPE,
    "Offline": Refusal.TOKEN_TYPE,
}


def check_access_token(header: Mapping[str, Any], claims: Claims) -> None:
    """Take a token that is an access token, or does not tell what it is.

    Args:
        header: its header.
        claims: its claims, whose signature was verified.

    Raises:
        RefusedTokenError: it is another kind of token.
    """
    refusal = _by_type(header) or _by_claims(claims)
    if refusal is None and "nonce" in claims and not _says_access(header, claims):
        refusal = Refusal.ID_TOKEN  # OpenID Connect Core 1.0, 2; in Keycloak's access tokens, too, before 25
    if refusal is not None:
        raise RefusedTokenError(refusal)


def _type(header: Mapping[str, Any]) -> object:
    """Return `typ`: a media type, in any letters, whose `application/` may be left out (RFC 7515, 4.1.9)."""
    typ = header.get("typ")
    return typ.lower().removeprefix("application/") if isinstance(typ, str) else typ


def _by_type(header: Mapping[str, Any]) -> Refusal | None:
    typ = _type(header)
    if typ == LOGOUT_TOKEN_TYPE:
        return Refusal.LOGOUT_TOKEN
    return None if typ in (None, PLAIN_TYPE, ACCESS_TOKEN_TYPE) else Refusal.TOKEN_TYPE


def _by_claims(claims: Claims) -> Refusal | None:
    if isinstance(claims.get("events"), dict):  # Back-Channel Logout 1.0, 2.4; RFC 8417, 2.2
        return Refusal.LOGOUT_TOKEN
    if "at_hash" in claims or "c_hash" in claims:  # OpenID Connect Core 1.0, 3.3.2.11
        return Refusal.ID_TOKEN
    use = claims.get("token_use", "access")
    if use != "access":
        return _COGNITO_OTHERS.get(str(use), Refusal.TOKEN_TYPE)
    return _KEYCLOAK_OTHERS.get(str(claims.get("typ")))


def _says_access(header: Mapping[str, Any], claims: Claims) -> bool:
    by_claim = claims.get("token_use") == "access" or claims.get("typ") in _KEYCLOAK_ACCESS
    return by_claim or _type(header) == ACCESS_TOKEN_TYPE

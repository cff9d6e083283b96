"""Whose signature a token carries: the deployment's own secret's, or an OpenID Connect issuer's.

PyJWT reads the token and verifies the signature (RFC 7515). What it may do is fixed here and never taken from
the token: one algorithm per kind of key (RFC 8725, 3.1 and 3.2). HS256 by hand would be a dozen lines and
save 3 % of a cold start (`python -m benchmarks.authorizer`); what a well-read library has learned of forged
tokens is worth more.
"""

from collections.abc import Sequence
from typing import Any, Protocol

import jwt

from entity_push.auth.claims import Claims
from entity_push.auth.refusals import Refusal, RefusedTokenError
from entity_push.protocol import strict_json

SECRET_ALGORITHMS = ("HS256",)
ISSUER_ALGORITHMS = ("RS256", "ES256")


class Verifier(Protocol):
    """Verifies tokens of one kind."""

    def claims(self, token: str) -> Claims:
        """Return the claims of a token whose signature is valid; nothing else about them is checked.

        Raises:
            RefusedTokenError: it is no token, or not signed as it must be.
        """


class Secrets(Protocol):
    """The deployment's keys (`secret_keys.SecretKeys`)."""

    def keys(self) -> Sequence[str]:
        """Return the valid keys, the current one first."""

    def latest(self) -> Sequence[str]:
        """Return them, read again unless that was done just now."""


class PublicKeys(Protocol):
    """An issuer's keys (`jwks.IssuerKeys`)."""

    def key(self, kid: str) -> jwt.PyJWK | None:
        """Return the key of this id, which knows its algorithm; None if the issuer has none."""


class SecretVerifier:
    """Verifies tokens that are signed with a secret of the deployment.

    A token that fits no key is tried again with the latest ones, so that a rotation holds at once.

    Args:
        secrets: where the keys come from.
    """

    def __init__(self, secrets: Secrets):
        self._secrets, self._jws = secrets, _jws(SECRET_ALGORITHMS)

    def claims(self, token: str) -> Claims:
        """See Verifier."""
        keys = self._secrets.keys()
        payload = self._payload(token, keys)
        if payload is None:
            latest = self._secrets.latest()
            payload = self._payload(token, [key for key in latest if key not in keys])
        if payload is None:
            raise RefusedTokenError(Refusal.SIGNATURE)
        return _claims(payload)

    def _payload(self, token: str, keys: Sequence[str]) -> bytes | None:
        for key in keys:
            try:
                return _payload(self._jws, token, key, SECRET_ALGORITHMS)
            except RefusedTokenError as error:
                if error.reason is not Refusal.SIGNATURE:
                    raise
        return None


class IssuerVerifier:
    """Verifies tokens that an OpenID Connect issuer has signed.

    Args:
        public_keys: where the issuer's keys come from.
    """

    def __init__(self, public_keys: PublicKeys):
        self._public_keys, self._jws = public_keys, _jws(ISSUER_ALGORITHMS)

    def claims(self, token: str) -> Claims:
        """See Verifier."""
        header = self._header(token)
        if header.get("alg") not in ISSUER_ALGORITHMS:  # before the issuer is asked for any key
            raise RefusedTokenError(Refusal.ALGORITHM)
        key = self._public_keys.key(header["kid"]) if "kid" in header else None
        if key is None:
            raise RefusedTokenError(Refusal.UNKNOWN_KEY)
        return _claims(_payload(self._jws, token, key, ISSUER_ALGORITHMS))

    def _header(self, token: str) -> dict[str, Any]:
        try:
            return self._jws.get_unverified_header(token)
        except (jwt.InvalidTokenError, ValueError):
            raise RefusedTokenError(Refusal.MALFORMED) from None


def _jws(algorithms: Sequence[str]) -> jwt.PyJWS:
    return jwt.PyJWS(algorithms, options={"verify_signature": True, "enforce_minimum_key_length": True})


def _payload(jws: jwt.PyJWS, token: str, key: str | jwt.PyJWK, algorithms: Sequence[str]) -> bytes:
    """Return a token's payload after verifying its signature.

    A key that can't be used (too short, say) is no fault of the token, so its InvalidKeyError passes.
    """
    try:
        decoded = jws.decode_complete(token, key, algorithms=algorithms)
    except jwt.InvalidAlgorithmError:
        raise RefusedTokenError(Refusal.ALGORITHM) from None
    except jwt.InvalidSignatureError:
        raise RefusedTokenError(Refusal.SIGNATURE) from None
    except (jwt.InvalidTokenError, ValueError):
        raise RefusedTokenError(Refusal.MALFORMED) from None
    if "crit" in decoded["header"]:  # PyJWT knows one such extension; no token here needs any
        raise RefusedTokenError(Refusal.MALFORMED)
    payload: bytes = decoded["payload"]
    return payload


def _claims(payload: bytes) -> Claims:
    """Return the claims in a payload: strict JSON, in which no name occurs twice (RFC 7519, 4)."""
    try:
        claims = strict_json.loads(payload.decode())
    except ValueError:
        raise RefusedTokenError(Refusal.MALFORMED) from None
    if not isinstance(claims, dict):
        raise RefusedTokenError(Refusal.MALFORMED)
    return claims

"""Verifiers of a token's signature: by the deployment's own secret, or by an OpenID Connect issuer's keys.

PyJWT reads the token and verifies the signature (RFC 7515). The algorithms are fixed here and never taken
from the token: one algorithm per kind of key (RFC 8725, 3.1 and 3.2). HS256 by hand would be a dozen lines
and save 3 % of a cold start (`python -m benchmarks.authorizer`). A well-read library's experience with forged
tokens is worth more.
"""

from collections.abc import Sequence
from typing import Any, Protocol

import jwt

from entity_push.auth.access_tokens import check_access_token
from entity_push.auth.claims import Claims
from entity_push.auth.refusals import Refusal, RefusedTokenError
from entity_push.protocol import strict_json

SECRET_ALGORITHMS = ("HS256",)
ISSUER_ALGORITHMS = ("RS256", "ES256")


class Verifier(Protocol):
    """Verifies tokens of one kind."""

    def claims(self, token: str) -> Claims:
        """Return the claims of a token of this kind whose signature is valid; what they say is not checked.

        Raises:
            RefusedTokenError: it is no token of this kind, or not signed as it must be.
        """


class Secrets(Protocol):
    """The deployment's keys (`secret_keys.SecretKeys`)."""

    def keys(self) -> Sequence[str]:
        """Return the valid keys, the current one first."""

    def latest(self) -> Sequence[str]:
        """Return the valid keys, read again unless reads were too frequent."""


class PublicKeys(Protocol):
    """An issuer's keys (`issuer_keys.IssuerKeys`)."""

    def key(self, kid: str | None) -> jwt.PyJWK | None:
        """Return the key of a token with this id, which knows its algorithm; None if the issuer has none."""

    def latest(self, kid: str | None) -> jwt.PyJWK | None:
        """Return the same, fetched again unless that was done just now."""


class SecretVerifier:
    """Verifies tokens that are signed with a secret of the deployment.

    A token that fits no key is tried again with the latest keys, so that a rotation holds at once.

    Args:
        secrets: the source of the keys.
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
    """Verifies access tokens that an OpenID Connect issuer has signed.

    A token that does not fit its key is tried again with the latest one: an issuer whose only key has no id
    replaces it unseen.

    Args:
        public_keys: the source of the issuer's keys.
    """

    def __init__(self, public_keys: PublicKeys):
        self._public_keys, self._jws = public_keys, _jws(ISSUER_ALGORITHMS)

    def claims(self, token: str) -> Claims:
        """See Verifier."""
        header = self._header(token)
        if header.get("alg") not in ISSUER_ALGORITHMS:  # checked before the issuer is asked for a key
            raise RefusedTokenError(Refusal.ALGORITHM)
        claims = _claims(self._payload(token, header.get("kid")))
        check_access_token(header, claims)
        return claims

    def _payload(self, token: str, kid: str | None) -> bytes:
        key = self._public_keys.key(kid)
        if key is None:
            raise RefusedTokenError(Refusal.UNKNOWN_KEY)
        try:
            return _payload(self._jws, token, key, ISSUER_ALGORITHMS)
        except RefusedTokenError as error:
            latest = self._public_keys.latest(kid) if error.reason is Refusal.SIGNATURE else None
            if latest is None or latest is key:
                raise
        return _payload(self._jws, token, latest, ISSUER_ALGORITHMS)

    def _header(self, token: str) -> dict[str, Any]:
        try:
            return self._jws.get_unverified_header(token)
        except (jwt.InvalidTokenError, ValueError):
            raise RefusedTokenError(Refusal.MALFORMED) from None


def _jws(algorithms: Sequence[str]) -> jwt.PyJWS:
    return jwt.PyJWS(algorithms, options={"verify_signature": True, "enforce_minimum_key_length": True})


def _payload(jws: jwt.PyJWS, token: str, key: str | jwt.PyJWK, algorithms: Sequence[str]) -> bytes:
    """Return a token's payload after verifying its signature.

    Raises:
        RefusedTokenError: the text is no token, or its signature is not valid.
        InvalidKeyError: the key can't be used, such as one that is too short; no fault of the token.
    """
    try:
        decoded = jws.decode_complete(token, key, algorithms=algorithms)
    except jwt.InvalidAlgorithmError:
        raise RefusedTokenError(Refusal.ALGORITHM) from None
    except jwt.InvalidSignatureError:
        raise RefusedTokenError(Refusal.SIGNATURE) from None
    except (jwt.InvalidTokenError, ValueError):
        raise RefusedTokenError(Refusal.MALFORMED) from None
    if "crit" in decoded["header"]:  # PyJWT knows one critical extension; tokens here need none
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

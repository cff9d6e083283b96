"""The public keys of an OpenID Connect issuer, found by OpenID Connect Discovery 1.0, and cached."""

import time
from collections.abc import Callable
from typing import Any

import jwt

from entity_push.auth.issuer_documents import Deadline, KeysUnavailableError, fetch
from entity_push.runtime.telemetry import logger

MAX_AGE_SECONDS = 60 * 60
"""The age at which the keys are fetched again. A withdrawn key stays valid for at most this time while the
issuer answers."""

MIN_AGE_SECONDS = 30
"""The shortest time between two fetches: made-up key ids must not flood the issuer."""

STALE_SECONDS = 24 * 60 * 60
"""The age up to which keys stay valid while the issuer can't be reached."""

FAILED_SECONDS = 10
"""After a failure without any keys, the issuer is left alone for so long: forged tokens must not make every
handshake wait for it."""

DEADLINE_SECONDS = 5
"""For discovery document and keys together. The authorizer has 20 s (stacks/authorization.py)."""

MIN_RSA_BITS = 2048

# The usable kinds of keys, with algorithm and the public key's members (RFC 7518, 6.2.1 and 6.3.1).
_KINDS = {"RSA": ("RS256", ("kty", "n", "e")), "EC": ("ES256", ("kty", "crv", "x", "y"))}


class IssuerKeys:
    """The signing keys of one issuer.

    Args:
        issuer: the issuer's URL, as its discovery document and its tokens write it.
        clock: seconds since 1970; tests replace the clock.
    """

    def __init__(self, issuer: str, clock: Callable[[], float] = time.time):
        self._issuer, self._clock = issuer, clock
        self._keys: dict[str, jwt.PyJWK] = {}
        self._fetched_at = self._tried_at = 0.0
        self._failure: str | None = None

    def key(self, kid: str) -> jwt.PyJWK | None:
        """Return the key with this id; None if the issuer's latest fetched keys have none.

        Raises:
            KeysUnavailableError: the keys can't be fetched, and no fetch of the last day succeeded.
        """
        age = self._clock() - self._fetched_at
        if not self._keys or age >= MAX_AGE_SECONDS or kid not in self._keys:
            self._refresh()
        return self._keys.get(kid)

    def _refresh(self) -> None:
        now = self._clock()
        since = now - self._tried_at
        if self._keys and since < MIN_AGE_SECONDS:
            return
        if not self._keys and self._failure and since < FAILED_SECONDS:
            raise KeysUnavailableError(self._failure)
        try:
            self._keys, self._fetched_at, self._failure = _fetch_keys(self._issuer), now, None
        except KeysUnavailableError as error:
            self._failure = str(error)
            if now - self._fetched_at >= STALE_SECONDS:
                self._keys = {}
            if not self._keys:
                raise
            logger.warning(
                "the issuer's keys can't be fetched; going on with those from before", error=str(error)
            )
        finally:
            self._tried_at = self._clock()


def _fetch_keys(issuer: str) -> dict[str, jwt.PyJWK]:
    deadline = Deadline(DEADLINE_SECONDS)
    # "any terminating / MUST be removed" (OpenID Connect Discovery 1.0, 4.1)
    document = fetch(issuer.removesuffix("/") + "/.well-known/openid-configuration", deadline)
    if document.get("issuer") != issuer:
        raise KeysUnavailableError("the discovery document is another issuer's")
    published = fetch(document.get("jwks_uri"), deadline).get("keys")
    keys = {}
    for jwk in published if isinstance(published, list) else []:
        if isinstance(jwk, dict) and (key := _key(jwk)):
            keys[jwk["kid"]] = key
    if not keys:
        raise KeysUnavailableError("the issuer publishes no key that can be used")
    return keys


def _key(jwk: dict[str, Any]) -> jwt.PyJWK | None:
    """Return a key that can verify tokens; None for any other key, which an issuer may well have."""
    kind, kid = jwk.get("kty"), jwk.get("kid")
    if kind not in ("RSA", "EC") or not isinstance(kid, str):
        return None
    algorithm, members = _KINDS[kind]
    usable = jwk.get("use", "sig") == "sig" and jwk.get("alg", algorithm) == algorithm
    if not usable or (kind == "EC" and jwk.get("crv") != "P-256"):
        return None
    try:
        key = jwt.PyJWK({name: jwk[name] for name in members}, algorithm)
    except (jwt.PyJWTError, KeyError, ValueError, TypeError):
        return None
    return key if kind == "EC" or key.key.key_size >= MIN_RSA_BITS else None

"""The public keys of an OpenID Connect issuer, found by OpenID Connect Discovery 1.0, and cached."""

import time
from collections.abc import Callable

import jwt

from entity_push.auth.issuer_documents import KeysUnavailableError, fetch
from entity_push.auth.key_set import KeySet
from entity_push.runtime.deadlines import Deadline
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


class IssuerKeys:
    """The signing keys of one issuer.

    Args:
        issuer: the issuer's URL, as its discovery document and its tokens write it.
        clock: seconds since 1970; tests replace the clock.
    """

    def __init__(self, issuer: str, clock: Callable[[], float] = time.time):
        self._issuer, self._clock = issuer, clock
        self._keys = KeySet()
        self._fetched_at = self._tried_at = 0.0
        self._failure: str | None = None

    def key(self, kid: str | None) -> jwt.PyJWK | None:
        """Return the key of a token with this key id; None if the issuer has none, as far as may be asked.

        Raises:
            KeysUnavailableError: the keys can't be fetched, and no fetch of the last day succeeded.
        """
        key = self._keys.find(kid)
        if key is None or self._clock() - self._fetched_at >= MAX_AGE_SECONDS:
            return self.latest(kid)
        return key

    def latest(self, kid: str | None) -> jwt.PyJWK | None:
        """Return the same, fetched just now unless that was done too often; raises as `key` does."""
        self._refresh()
        return self._keys.find(kid)

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
                self._keys = KeySet()
            if not self._keys:
                raise
            logger.warning(
                "the issuer's keys can't be fetched; going on with those from before", error=str(error)
            )
        finally:
            self._tried_at = self._clock()


def _fetch_keys(issuer: str) -> KeySet:
    deadline = Deadline(DEADLINE_SECONDS)
    # "any terminating / MUST be removed" (OpenID Connect Discovery 1.0, 4.1)
    document = fetch(issuer.removesuffix("/") + "/.well-known/openid-configuration", deadline)
    if document.get("issuer") != issuer:
        raise KeysUnavailableError("the discovery document is another issuer's")
    published = fetch(document.get("jwks_uri"), deadline).get("keys")
    keys = KeySet(published if isinstance(published, list) else [])
    if not keys:
        raise KeysUnavailableError("the issuer publishes no key that can be used")
    return keys

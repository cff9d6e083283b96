"""Which keys of an issuer's key set verify tokens (RFC 7517), and which of them verifies a given token."""

from collections.abc import Sequence
from typing import Any

import jwt

MIN_RSA_BITS = 2048

# Kinds of keys that are used: their algorithm, and the members of the public key (RFC 7518, 6.2.1 and 6.3.1).
_KINDS = {"RSA": ("RS256", ("kty", "n", "e")), "EC": ("ES256", ("kty", "crv", "x", "y"))}


class KeySet:
    """The usable keys of a key set; a set without any is false.

    Args:
        jwks: its JSON Web Keys: anything at all. Those that can't verify tokens are left out, since an issuer
            may well have such keys, too.
    """

    def __init__(self, jwks: Sequence[object] = ()):
        self._keys: list[tuple[str | None, jwt.PyJWK]] = []
        for jwk in jwks:
            if isinstance(jwk, dict):
                # Some issuers write null for what they do not say.
                self._add({name: value for name, value in jwk.items() if value is not None})

    def __bool__(self) -> bool:
        return bool(self._keys)

    def find(self, kid: str | None) -> jwt.PyJWK | None:
        """Return the key of a token: the one of its key id, or the only one if either has no id.

        Args:
            kid: the token's key id; None if it has none. With several keys, each token needs one (OpenID
                Connect Core 1.0, 10.1).
        """
        named = [key for own, key in self._keys if own is not None and own == kid]
        if named:
            return named[-1]
        if len(self._keys) != 1:
            return None
        ((own, key),) = self._keys
        return key if kid is None or own is None else None

    def _add(self, jwk: dict[str, Any]) -> None:
        kid = jwk.get("kid")
        key = _public_key(jwk) if _is_for_verifying(jwk) else None
        if key and (kid is None or isinstance(kid, str)):
            self._keys.append((kid, key))


def _is_for_verifying(jwk: dict[str, Any]) -> bool:
    """Tell whether a key may verify signatures, by its `use` and its `key_ops` (RFC 7517, 4.2 and 4.3)."""
    operations = jwk.get("key_ops", ["verify"])
    return jwk.get("use", "sig") == "sig" and isinstance(operations, list) and "verify" in operations


def _public_key(jwk: dict[str, Any]) -> jwt.PyJWK | None:
    kind = jwk.get("kty")
    if kind not in ("RSA", "EC"):
        return None
    algorithm, members = _KINDS[kind]
    if jwk.get("alg", algorithm) != algorithm or (kind == "EC" and jwk.get("crv") != "P-256"):
        return None
    try:
        key = jwt.PyJWK({name: jwk[name] for name in members}, algorithm)
    except (jwt.PyJWTError, KeyError, ValueError, TypeError):
        return None
    return key if kind == "EC" or key.key.key_size >= MIN_RSA_BITS else None

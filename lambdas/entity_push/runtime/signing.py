"""AWS Signature Version 4: the key of a day, and the headers of a request to a service.

Signatures equal those of `botocore.auth.SigV4Auth`, byte for byte (tests/unit/runtime/test_signing.py).

The algorithm: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
"""

import hashlib
import os
import time
from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import quote

from entity_push.runtime.aws_errors import NoCredentialsError


class Credentials(NamedTuple):
    """AWS credentials; the token is None for a long-term user's, which Lambda never has."""

    access_key: str
    secret_key: str
    token: str | None = None


def credentials() -> Credentials:
    """Return the function's credentials.

    Lambda puts those of the function's role into the environment, and ends the environment before they do
    (Lambda Developer Guide, "Working with Lambda environment variables"). They are read each time, so new
    ones hold at once.

    Raises:
        NoCredentialsError: there are none.
    """
    key, secret = os.environ.get("AWS_ACCESS_KEY_ID"), os.environ.get("AWS_SECRET_ACCESS_KEY")
    if not (key and secret):
        raise NoCredentialsError
    return Credentials(key, secret, os.environ.get("AWS_SESSION_TOKEN") or None)


class SigningKey:
    """The key that signs one day's requests to one service in one Region.

    Attributes:
        scope: the credential scope.
    """

    def __init__(self, secret_key: str, day: str, region: str, service: str) -> None:
        self.scope = f"{day}/{region}/{service}/aws4_request"
        key = b"AWS4" + secret_key.encode()
        for part in self.scope.split("/"):
            key = _hmac(*_hash_states(key), part.encode())
        self._inner, self._outer = _hash_states(key)

    def signature(self, date: str, canonical_request_hash: str) -> str:
        """Return the signature of a request made at a date (`20260101T000000Z`), hexadecimal."""
        to_sign = f"AWS4-HMAC-SHA256\n{date}\n{self.scope}\n{canonical_request_hash}"
        return _hmac(self._inner, self._outer, to_sign.encode()).hex()


def _hash_states(key: bytes) -> "tuple[hashlib._Hash, hashlib._Hash]":
    """Return HMAC's two hash states after the key: copies are cheaper than a new `hmac` object."""
    block = (hashlib.sha256(key).digest() if len(key) > 64 else key).ljust(64, b"\0")
    return hashlib.sha256(bytes(b ^ 0x36 for b in block)), hashlib.sha256(bytes(b ^ 0x5C for b in block))


def _hmac(inner: "hashlib._Hash", outer: "hashlib._Hash", text: bytes) -> bytes:
    inner, outer = inner.copy(), outer.copy()
    inner.update(text)
    outer.update(inner.digest())
    return outer.digest()


class SigningKeys:
    """The signing keys of a service in a Region; the last one is kept."""

    def __init__(self, service: str, region: str) -> None:
        self._service, self._region = service, region
        self._made_of: tuple[str, str] | None = None
        self._key: SigningKey

    def of(self, secret_key: str, day: str) -> SigningKey:
        """Return the key made of a secret access key for a day (`20260101`)."""
        if self._made_of != (secret_key, day):
            self._key = SigningKey(secret_key, day, self._region, self._service)
            self._made_of = secret_key, day
        return self._key


def date_of(now: float | None = None) -> str:
    """Return a time (seconds since 1970; None: the clock's) as signatures have it."""
    return time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(now))


class RequestSigner:
    """Signs POST requests to one endpoint of a service.

    Args:
        service: the name that the service signs with, such as `dynamodb`.
        region: the Region in the credential scope.
        host: the `Host` header, without a default port.
        path: the path of all requests, encoded.
    """

    def __init__(self, service: str, region: str, host: str, path: str) -> None:
        self._keys, self._host = SigningKeys(service, region), host
        # The canonical path is encoded once more than the path on the wire.
        self._beginning = f"POST\n{quote(path, safe='/~')}\n\n"

    def signed(
        self, headers: Mapping[str, str], body: bytes, by: Credentials, now: float | None = None
    ) -> dict[str, str]:
        """Return the headers of a request, with its host, date and signature.

        Args:
            headers: the request's other headers, in lower case; all are signed.
            body: the request's body.
            by: whose request it is.
            now: seconds since 1970; None: the clock's time.
        """
        date = date_of(now)
        signed = {**headers, "host": self._host, "x-amz-date": date}
        if by.token:
            signed["x-amz-security-token"] = by.token
        names = sorted(signed)
        lines = "".join(f"{name}:{signed[name]}\n" for name in names)
        listed = ";".join(names)
        payload = hashlib.sha256(body).hexdigest()
        request = f"{self._beginning}{lines}\n{listed}\n{payload}"
        key = self._keys.of(by.secret_key, date[:8])
        signature = key.signature(date, hashlib.sha256(request.encode()).hexdigest())
        signed["authorization"] = (
            f"AWS4-HMAC-SHA256 Credential={by.access_key}/{key.scope}, "
            f"SignedHeaders={listed}, Signature={signature}"
        )
        return signed

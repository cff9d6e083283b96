"""AWS Signature Version 4 for `@connections` requests, at about 6 µs each.

Parts that do not depend on the connection are computed once: the signing key per day and credentials, the
payload hash per distinct frame, the constant parts of the canonical request per `Stamp`. Signatures equal
those of `botocore.auth.SigV4Auth`, byte for byte (tests/unit/posting/test_signing.py).

The algorithm: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
"""

import hashlib
import re
from urllib.parse import quote

from entity_push.runtime.endpoints import Endpoint
from entity_push.runtime.signing import Credentials, SigningKey, SigningKeys, date_of

SERVICE = "execute-api"

# The form of API Gateway's connection ids ("d8rrxfAzoAMCJWQ="), which need no quoting function.
_PLAIN = re.compile(r"[A-Za-z0-9_.~-]+").fullmatch
_CACHED_FRAMES = 64  # a frame is at most 128 KB, so at most 8 MB


class Stamp:
    """Signs requests for one moment and one set of credentials.

    AWS accepts a signature for five minutes. A run takes a new stamp long before.
    """

    def __init__(self, *, host: str, path: str, credentials: Credentials, key: SigningKey, date: str) -> None:
        self.credentials, self._key, self._date = credentials, key, date
        token = credentials.token
        signed = "host;x-amz-date" + (";x-amz-security-token" if token else "")
        self.headers = [f"X-Amz-Date: {date}"]
        canonical_token = ""
        if token:
            self.headers.append(f"X-Amz-Security-Token: {token}")
            canonical_token = f"x-amz-security-token:{token}\n"
        self._path = path
        # The canonical path is encoded once more than the path on the wire (except for S3).
        self._canonical_path = quote(path, safe="/~")
        self._canonical_tail = f"\n\nhost:{host}\nx-amz-date:{date}\n{canonical_token}\n{signed}\n".encode()
        self._authorization = (
            f"Authorization: AWS4-HMAC-SHA256 Credential={credentials.access_key}/{key.scope}, "
            f"SignedHeaders={signed}, Signature="
        )

    def sign(self, method: str, connection_id: str, payload_hash: str) -> tuple[str, str]:
        """Sign one request.

        Args:
            method: `POST` or `DELETE`.
            connection_id: the id as API Gateway gave it, not encoded.
            payload_hash: SHA-256 of the body, hexadecimal.

        Returns:
            The request target (the encoded path) and the Authorization header. The request must have
            `headers`, too.
        """
        if connection_id[-1:] == "=" and _PLAIN(connection_id, 0, len(connection_id) - 1):
            once, twice = connection_id[:-1] + "%3D", connection_id[:-1] + "%253D"
        else:
            once = quote(connection_id, safe="~")
            twice = quote(once, safe="~")
        request = hashlib.sha256(f"{method}\n{self._canonical_path}{twice}".encode())
        request.update(self._canonical_tail)
        request.update(payload_hash.encode())
        signature = self._key.signature(self._date, request.hexdigest())
        return self._path + once, self._authorization + signature


class Signer:
    """Makes stamps and payload hashes for one endpoint; caches the signing key and the hashes.

    Args:
        endpoint: `https://{api}.execute-api.{region}.amazonaws.com/{stage}`, or any other
            `scheme://host[:port][/path]` under which `/@connections/{id}` is served.
        region: the Region in the credential scope.

    Attributes:
        endpoint: the endpoint.

    Raises:
        ValueError: the endpoint is not of this form.
    """

    def __init__(self, endpoint: str, region: str) -> None:
        self.endpoint = Endpoint.at(endpoint)
        self._keys = SigningKeys(SERVICE, region)
        self._path = self.endpoint.path.rstrip("/") + "/@connections/"
        self._hashes: dict[bytes, str] = {}

    def stamp(self, credentials: Credentials, now: float | None = None) -> Stamp:
        """Return a stamp that signs requests from `now` on (seconds since 1970; None: the clock's time)."""
        date = date_of(now)
        key = self._keys.of(credentials.secret_key, date[:8])
        host = self.endpoint.authority
        return Stamp(host=host, path=self._path, credentials=credentials, key=key, date=date)

    def payload_hash(self, frame: bytes) -> str:
        """Return the SHA-256 of `frame`, hexadecimal; compute each distinct frame's once."""
        known = self._hashes.get(frame)
        if known is None:
            if len(self._hashes) >= _CACHED_FRAMES:
                self._hashes.clear()
            known = self._hashes[frame] = hashlib.sha256(frame).hexdigest()
        return known


# Error types and messages that blame the credentials or the clock: every other request would fail in the same
# way. API Gateway sends the type in `x-amzn-ErrorType` and
# `{"message": "The security token included in the request is expired"}` as the body.
# https://docs.aws.amazon.com/apigateway/latest/developerguide/supported-gateway-response-types.html
_CREDENTIALS_AT_FAULT = re.compile(
    r"ExpiredToken|RequestExpired|InvalidClientTokenId|UnrecognizedClient"
    r"|security token included in the request is (expired|invalid)"
    r"|Signature expired|Signature not yet current",
    re.IGNORECASE,
).search


def credentials_at_fault(status: int, error: str) -> bool:
    """Tell whether a refusal is about the credentials or the clock rather than about the request."""
    return status in (400, 401, 403) and _CREDENTIALS_AT_FAULT(error) is not None

"""The signed requests of a run. Parts that do not depend on the connection are built once."""

from collections.abc import Callable

from entity_push.posting.signing import Signer, Stamp
from entity_push.runtime.signing import Credentials


class Requests:
    """Builds requests of one method.

    Args:
        method: `POST`, `DELETE` or `GET`.
        signer: signs the requests.
        credentials: returns the current credentials.

    Attributes:
        stamp: signs requests now; None before the first `renew`.
    """

    def __init__(self, method: str, signer: Signer, credentials: Callable[[], Credentials]) -> None:
        self._method, self._signer, self._credentials = method, signer, credentials
        self._headers = b""
        self._tail: tuple[bytes, bytes] | None = None  # a frame, and the common end of its requests
        self.stamp: Stamp | None = None

    def renew(self) -> bool:
        """Sign with the current time and credentials from now on; return whether the credentials changed.

        Raises:
            Exception: the credentials can't be had; nothing changes then.
        """
        before, credentials = self.stamp, self._credentials()
        self.stamp = self._signer.stamp(credentials)
        # Local stand-ins might parse a frame without a type as a form.
        host = self._signer.endpoint.authority
        lines = [f"Host: {host}", "Content-Type: application/octet-stream", *self.stamp.headers]
        self._headers, self._tail = "".join(f"{line}\r\n" for line in lines).encode(), None
        return before is None or before.credentials != credentials

    def build(self, connection_id: str, frame: bytes) -> bytes:
        """Return the whole signed request for a connection. Call `renew` before."""
        assert self.stamp is not None
        payload_hash = self._signer.payload_hash(frame)
        target, authorization = self.stamp.sign(self._method, connection_id, payload_hash)
        head = f"{self._method} {target} HTTP/1.1\r\n{authorization}\r\n".encode()
        return head + self._tail_with(frame)

    def _tail_with(self, frame: bytes) -> bytes:
        """Return the common end of a frame's requests: the other headers, and the frame."""
        if self._tail is None or self._tail[0] is not frame:
            length = f"Content-Length: {len(frame)}\r\n" if self._method == "POST" else ""
            self._tail = frame, self._headers + f"{length}\r\n".encode() + frame
        return self._tail[1]

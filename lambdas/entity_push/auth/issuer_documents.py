"""The JSON documents of an OpenID Connect issuer, fetched over https, within one deadline for all of them.

`urllib` bounds each single wait only: a server that sends a byte per second holds it for as long as it likes.
"""

import http.client
import io
import re
import socket
import ssl
import time
from typing import Any
from urllib.parse import SplitResult, urlsplit

from entity_push.protocol import strict_json

CONNECT_SECONDS = 2
"""For one address: a host has several, and one that does not answer leaves time for the next."""

MAX_DOCUMENT_BYTES = 2**20

HEADERS = {"User-Agent": "entity-push", "Accept": "application/json", "Connection": "close"}
"""Cloudflare, which protects many issuers, answers 403 to the names of Python's own clients."""

_LOCAL_HOSTS = ("127.0.0.1", "localhost")

_VISIBLE = re.compile("[\x21-\x7e]+")  # RFC 3986, 2; a line end would begin another header


class KeysUnavailableError(RuntimeError):
    """The issuer's keys can't be fetched; the message says why."""


class Deadline:
    """A moment until which everything has to be done.

    Args:
        seconds: how long it is until then.
    """

    def __init__(self, seconds: float):
        self._ends = time.monotonic() + seconds

    def left(self) -> float:
        """Return how many seconds are left.

        Raises:
            TimeoutError: none are.
        """
        left = self._ends - time.monotonic()
        if left <= 0:
            raise TimeoutError("timed out")
        return left


def fetch(url: object, deadline: Deadline) -> dict[str, Any]:
    """Return the JSON object at an https URL, or at an http URL of this machine.

    Redirects are not followed: one could lead from https to http.

    Raises:
        KeysUnavailableError: there is no such object, or it does not come in time.
    """
    try:
        document = strict_json.loads(_body(_checked(url), deadline).decode())
        if not isinstance(document, dict):
            raise TypeError("it is not a JSON object")
    except (OSError, http.client.HTTPException, ValueError, TypeError) as error:
        raise KeysUnavailableError(f"{url!r:.300} can't be used: {error}") from error
    return document


def _checked(url: object) -> SplitResult:
    parts = urlsplit(url) if isinstance(url, str) else urlsplit("")
    if not (parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOCAL_HOSTS)):
        raise ValueError("it is not https")
    if not _VISIBLE.fullmatch(str(url)):
        raise ValueError("it has characters that no URL can have")
    return parts


def _body(url: SplitResult, deadline: Deadline) -> bytes:
    headers = {"Host": url.netloc.rpartition("@")[2], **HEADERS}
    target = (url.path or "/") + (f"?{url.query}" if url.query else "")
    lines = [f"GET {target} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
    with _connected(url, deadline) as sock:
        sock.settimeout(deadline.left())
        sock.sendall("\r\n".join([*lines, "", ""]).encode())
        response = http.client.HTTPResponse(_Incoming(sock, deadline))  # type: ignore[arg-type]
        response.begin()
        if response.status != http.client.OK:
            raise ValueError(f"the answer is {response.status}")
        body = response.read(MAX_DOCUMENT_BYTES + 1)
    if len(body) > MAX_DOCUMENT_BYTES:
        raise ValueError("it is too large")
    return body


class _Incoming(io.RawIOBase):
    """What a socket brings until a deadline. `http.client` takes it for the socket, and only reads of it."""

    def __init__(self, sock: socket.socket, deadline: Deadline):
        self._sock, self._deadline = sock, deadline

    def makefile(self, _mode: str) -> io.BufferedReader:
        return io.BufferedReader(self)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self._sock.settimeout(self._deadline.left())
        return self._sock.recv_into(buffer)


def _connected(url: SplitResult, deadline: Deadline) -> socket.socket:
    """Return a socket that is connected, for https after verifying the certificate and its name."""
    if url.scheme == "http":
        return _reached(url, 80, deadline)
    context = ssl.create_default_context()
    sock = _reached(url, 443, deadline)
    try:
        sock.settimeout(deadline.left())  # for the handshake as a whole (CPython, _ssl.c, do_handshake)
        return context.wrap_socket(sock, server_hostname=url.hostname)
    except OSError:
        sock.close()
        raise


def _reached(url: SplitResult, default_port: int, deadline: Deadline) -> socket.socket:
    """Return a socket to the first of the host's addresses that answers."""
    failure = OSError("the host has no address")
    port = url.port or default_port
    for family, kind, protocol, _, address in socket.getaddrinfo(url.hostname, port, type=socket.SOCK_STREAM):
        sock = socket.socket(family, kind, protocol)
        try:
            sock.settimeout(min(deadline.left(), CONNECT_SECONDS))
            sock.connect(address)
        except OSError as error:
            sock.close()
            failure = error
        else:
            return sock
    raise failure

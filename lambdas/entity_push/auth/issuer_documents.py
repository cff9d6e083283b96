"""The JSON documents of an OpenID Connect issuer, fetched over https, within one deadline for all of them."""

import http.client
import re
import socket
import ssl
from typing import Any
from urllib.parse import SplitResult, urlsplit

from entity_push.protocol import strict_json
from entity_push.runtime.deadlines import Deadline, Incoming, reached, send_all

CONNECT_SECONDS = 2
"""For one address: a host has several, and one that does not answer leaves time for the next."""

MAX_DOCUMENT_BYTES = 2**20

HEADERS = {"User-Agent": "entity-push", "Accept": "application/json", "Connection": "close"}
"""Cloudflare, which protects many issuers, answers 403 to the names of Python's own clients."""

_LOCAL_HOSTS = ("127.0.0.1", "localhost")

_VISIBLE = re.compile("[\x21-\x7e]+")  # RFC 3986, 2; a line end would begin another header


class KeysUnavailableError(RuntimeError):
    """The issuer's keys can't be fetched; the message says why."""


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
        send_all(sock, "\r\n".join([*lines, "", ""]).encode(), deadline)
        response = http.client.HTTPResponse(Incoming(sock, deadline))  # type: ignore[arg-type]
        response.begin()
        if response.status != http.client.OK:
            raise ValueError(f"the answer is {response.status}")
        body = response.read(MAX_DOCUMENT_BYTES + 1)
    if len(body) > MAX_DOCUMENT_BYTES:
        raise ValueError("it is too large")
    return body


def _connected(url: SplitResult, deadline: Deadline) -> socket.socket:
    """Return a socket that is connected, for https after verifying the certificate and its name."""
    host = url.hostname or ""
    if url.scheme == "http":
        return reached(host, url.port or 80, deadline, CONNECT_SECONDS)
    context = ssl.create_default_context()
    sock = reached(host, url.port or 443, deadline, CONNECT_SECONDS)
    try:
        sock.settimeout(deadline.left())  # for the handshake as a whole (CPython, _ssl.c, do_handshake)
        return context.wrap_socket(sock, server_hostname=host)
    except OSError:
        sock.close()
        raise

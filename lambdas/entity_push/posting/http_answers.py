"""HTTP/1.1 answers: bytes in, a status and a log's reason out. The module knows no sockets."""

import math
import re
from typing import NamedTuple

LONGEST = 65_536
"""Bytes of an answer, head and body, that are read. A longer answer costs its HTTP connection."""

_REASON_LENGTH = 200
_STATUS_LINE = re.compile(rb"HTTP/1\.([01]) ([1-9]\d\d)(?: [^\r\n]*)?\r\n").match


class Answer(NamedTuple):
    """An answer: `status`, `reason` (empty for 200), and whether the HTTP connection may be `kept`."""

    status: int
    reason: str
    kept: bool


class NotHttpError(ValueError):
    """The answer is not HTTP/1.x, so the request's fate is unknown."""


def read_answer(data: bytes, *, ended: bool = False) -> Answer | None:
    """Read the answer to one request.

    Args:
        data: all bytes received since the request was sent.
        ended: whether the HTTP connection has ended. Then a status line is enough for an answer.

    Returns:
        The answer; None while the data is incomplete. Interim answers (1xx) are skipped.

    Raises:
        NotHttpError: the data can never become an answer.
    """
    while True:
        line = _STATUS_LINE(data)
        if line is None:
            # The beginning of a status line may still be completed.
            if b"\n" in data or data[:7] != b"HTTP/1."[: len(data)]:
                raise NotHttpError("not an HTTP answer")
            return None
        status = int(line[2])
        head, complete, body = data.partition(b"\r\n\r\n")
        if status >= 200:
            break
        if not complete:
            return None
        data = body
    if not complete:
        return Answer(status, "", False) if ended else None
    lower = head.lower()
    left = _left(status, lower, body)
    if not (ended or left <= 0):
        return None
    kept = left == 0 and line[1] == b"1" and b"close" not in _value(lower, lower, b"connection")
    return Answer(status, "" if status == 200 else _reason(head, lower, body), kept)


def _left(status: int, lower: bytes, body: bytes) -> float:
    """Return the number of bytes still missing from a body; negative if the HTTP connection can't be kept.

    The HTTP connection is kept only if the body's end is plain. Otherwise the next client's answer might
    begin with the rest of this one. The body itself is only for the log.
    """
    if b"\r\ntransfer-encoding" in lower:
        return _left_of_chunks(body)
    length = _value(lower, lower, b"content-length")
    bodiless = status in (204, 304)
    if not length:
        return -len(body) if bodiless else math.inf  # such a body ends with the connection
    once = lower.count(b"\r\ncontent-length:") == 1
    plain = once and length.isdigit() and len(length) < 10 and not (bodiless and length != b"0")
    return int(length) - len(body) if plain else -1


def _left_of_chunks(body: bytes) -> float:
    if body == b"0\r\n\r\n":
        return 0
    return -1 if b"\n0\r\n" in b"\n" + body and body.endswith(b"\r\n\r\n") else math.inf


def _value(head: bytes, lower: bytes, name: bytes) -> bytes:
    """Return a header's value as written in `head`; empty if the header is missing."""
    at = lower.find(b"\r\n" + name + b":")
    if at < 0:
        return b""
    return head[at + len(name) + 3 :].partition(b"\r\n")[0].strip()


def _reason(head: bytes, lower: bytes, body: bytes) -> str:
    """Return API Gateway's error type, or else the beginning of the body."""
    if kind := _value(head, lower, b"x-amzn-errortype"):
        return kind.decode("latin-1").partition(":")[0]
    return body[:_REASON_LENGTH].decode("utf-8", "replace")

"""Reading HTTP/1.1 answers: bytes in, a status and a log's reason out. Knows no sockets."""

import re
from typing import NamedTuple

LONGEST = 65_536
"""Bytes of an answer, head and body, that are looked at; a longer one costs its connection."""

_REASON_LENGTH = 200
_STATUS_LINE = re.compile(rb"HTTP/1\.([01]) ([1-9]\d\d)(?: [^\r\n]*)?\r\n").match
_CHUNK_SIZE = re.compile(rb"([0-9A-Fa-f]{1,8})[ \t]*(?:;[^\r\n]*)?\r\n").match


class Answer(NamedTuple):
    """An answer: its `status`, a `reason` unless it is 200, and whether its connection may be `kept`."""

    status: int
    reason: str
    kept: bool


class NotHttpError(ValueError):
    """What came is not HTTP/1.x, so nobody knows what became of the request."""


class _MalformedError(ValueError):
    """The status line is fine, the rest is not."""


def read_answer(data: bytes, *, ended: bool = False) -> Answer | None:
    """Reads the answer to one request.

    Args:
        data: All that came since the request was sent.
        ended: No more will come. Then a status line is enough for an answer.

    Returns:
        None if there is no answer (yet). Interim answers (1xx) are none.

    Raises:
        NotHttpError: This will never be one.
    """
    while True:
        line = _STATUS_LINE(data)
        if line is None:
            # What may still become a status line is waited for.
            if b"\n" in data or data[:7] != b"HTTP/1."[: len(data)]:
                raise NotHttpError("not an HTTP answer")
            return None
        status = int(line[2])
        end = data.find(b"\r\n\r\n")
        if status >= 200:
            break
        if end < 0:
            return None
        data = data[end + 4 :]
    if end < 0:
        return Answer(status, "", False) if ended else None
    head = data[: end + 2]
    lower = head.lower()
    try:
        stop = _end_of_body(status, lower, data, end + 4)
    except _MalformedError:
        stop, ended = None, True
    if stop is None or stop > len(data):
        if not ended:
            return None
        kept = False
    else:
        kept = stop == len(data) and line[1] == b"1" and b"close" not in _value(lower, lower, b"connection")
    return Answer(status, "" if status == 200 else _reason(head, lower, data[end + 4 :]), kept)


def _end_of_body(status: int, lower: bytes, data: bytes, start: int) -> int | None:
    """Returns where the body ends; None if that is not known yet."""
    if status in (204, 304):
        return start
    if b"\r\ntransfer-encoding:" in lower:
        return _end_of_chunks(data, start)
    length = _value(lower, lower, b"content-length")
    if not length:
        return None  # it ends with the connection
    if not length.isdigit():
        raise _MalformedError
    return start + int(length)


def _end_of_chunks(data: bytes, at: int) -> int | None:
    while True:
        size = _CHUNK_SIZE(data, at)
        if size is None:
            if data.find(b"\n", at) >= 0:
                raise _MalformedError
            return None
        length = int(size[1], 16)
        if length == 0:  # trailers may follow, and an empty line
            end = data.find(b"\r\n\r\n", size.end() - 2)
            return None if end < 0 else end + 4
        at = size.end() + length + 2
        if at > len(data):
            return None
        if data[at - 2 : at] != b"\r\n":
            raise _MalformedError


def _value(head: bytes, lower: bytes, name: bytes) -> bytes:
    """Returns a header's value, as it is in `head`; empty if there is none."""
    at = lower.find(b"\r\n" + name + b":")
    if at < 0:
        return b""
    at += len(name) + 3
    return head[at : head.find(b"\r\n", at)].strip()


def _reason(head: bytes, lower: bytes, body: bytes) -> str:
    """Returns API Gateway's type of an error, or how its body begins."""
    if kind := _value(head, lower, b"x-amzn-errortype"):
        return kind.decode("latin-1").partition(":")[0]
    return body[:_REASON_LENGTH].decode("utf-8", "replace")

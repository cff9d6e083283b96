"""A stand-in for `@connections` that misbehaves by a script per connection id.

A script is the steps that an id's requests meet, one after the other. The last step repeats. An id without a
script has the default script, `ok` unless changed. The stand-in records all requests with their steps.
"""

import asyncio
import contextlib
import ssl
import threading
from collections import defaultdict
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self
from urllib.parse import unquote

Write = Callable[[bytes], None]

_JSON = b'{"message":"x"}'


def _head(status: int, *lines: str, length: int | None = 0) -> bytes:
    head = [f"HTTP/1.1 {status} Whatever", *lines]
    if length is not None:
        head.append(f"Content-Length: {length}")
    return ("\r\n".join(head) + "\r\n\r\n").encode()


def _error(status: int, kind: str, body: bytes = _JSON) -> bytes:
    return _head(status, f"x-amzn-ErrorType: {kind}:http://aws/", length=len(body)) + body


EXPIRED_BODY = b'{"message":"The security token included in the request is expired"}'

# Steps with a complete answer, by name. The HTTP connection stays open.
ANSWERS = {
    "ok": _head(200, "Connection: keep-alive"),
    "ok_chunked": _head(200, "Transfer-Encoding: chunked", length=None)
    + b"3\r\nabc\r\n4;x=y\r\ndefg\r\n0\r\n\r\n",
    "ok_after_1xx": _head(100, length=None) + _head(103, "Link: </a>", length=None) + _head(200),
    "ok_with_body": _head(200, "Content-Type: application/json", length=len(_JSON)) + _JSON,
    "no_content": _head(204, length=None),
    "gone": _error(410, "GoneException"),
    "throttled": _error(429, "LimitExceededException"),
    "error_500": _error(500, "InternalServerErrorException"),
    "error_503": _error(503, "ServiceUnavailable", b"<html>" + b"x" * 900_000 + b"</html>"),
    "timeout_504": _error(504, "IntegrationTimeout"),
    "bad_request": _error(400, "BadRequestException"),
    "wordy": _error(400, "BadRequestException", b"w" * 9_000),
    "untyped": _head(400, length=len(_JSON)) + _JSON,
    "forbidden": _error(403, "ForbiddenException"),
    "too_large": _error(413, "PayloadTooLargeException", b"y" * 900_000),
    "redirect": _head(302, "Location: /elsewhere"),
    "expired": _error(403, "ExpiredTokenException", EXPIRED_BODY),
    "expired_body": _head(403, length=len(EXPIRED_BODY)) + EXPIRED_BODY,
}
# Steps with a status line: API Gateway has taken the frame, whatever happened to the rest of the answer.
CUT = frozenset(("half_head", "half_body", "half_chunk", "ok_then_silent", "endless_head"))
DELIVERED = CUT | {
    "ok",
    "ok_chunked",
    "ok_after_1xx",
    "ok_with_body",
    "no_content",
    "ok_close",
    "ok_then_closed",
    "ok_in_parts",
    "two_answers",
}
GONE = frozenset(("gone", "half_gone"))
RETRIED = frozenset(("throttled", "error_500", "error_503", "timeout_504", "half_500"))
FORBIDDEN = frozenset(("forbidden",))
REFUSED = frozenset(("bad_request", "wordy", "untyped", "too_large", "redirect"))
# Ambiguous steps: the client may or may not have the frame.
AMBIGUOUS = frozenset(("reset", "closed", "half_status", "only_1xx", "silent", "garbage", "endless_line"))


@dataclass
class Request:
    """One request as received, with its step."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes
    step: str
    connection: int


@dataclass
class FaultyEndpoint:
    """Runs in a thread of its own; use it as a context manager.

    Attributes:
        scripts: the steps, by connection id.
        default: the script of ids without their own.
        host: the address to listen on.
        closing: the HTTP connections (by number) that are closed, unread, at their next request.
        vanished: the HTTP connections (by number) from which nothing comes any more, not even their end.
        before: called with each request; may return a step that overrides the script.
        url: the endpoint's URL, with a stage.
    """

    tls: ssl.SSLContext | None = None
    host: str = "127.0.0.1"
    scripts: dict[str, list[str]] = field(default_factory=dict)
    default: list[str] = field(default_factory=lambda: ["ok"])
    before: Callable[[str, dict[str, str]], str | None] = lambda _id, _headers: None
    closing: set[int] = field(default_factory=set)
    vanished: set[int] = field(default_factory=set)
    latency: float = 0.0
    url: str = ""
    connections: int = 0
    requests: dict[str, list[Request]] = field(default_factory=lambda: defaultdict(list))
    _writers: set[asyncio.StreamWriter] = field(default_factory=set)

    def steps(self, connection_id: str) -> list[str]:
        """Return the steps that an id's requests have met so far."""
        return [request.step for request in self.requests[connection_id]]

    def all_requests(self) -> list[Request]:
        """Return all requests, grouped by connection id."""
        return [request for requests in self.requests.values() for request in requests]

    def close_connections(self, *, reset: bool = False) -> None:
        """Close every open HTTP connection, as may happen to an idle one at any moment."""

        async def close() -> None:
            for writer in list(self._writers):
                if reset:
                    writer.transport.abort()
                else:
                    writer.close()
            await asyncio.sleep(0.05)

        asyncio.run_coroutine_threadsafe(close(), self._loop).result(5)

    def __enter__(self) -> Self:
        ready = threading.Event()

        async def serve() -> None:
            self._loop = asyncio.get_running_loop()
            self._end = asyncio.Event()
            server = await asyncio.start_server(self._serve, self.host, 0, ssl=self.tls, backlog=1024)
            scheme = "https" if self.tls else "http"
            name = "localhost" if self.host == "127.0.0.1" else f"[{self.host}]"
            self.url = f"{scheme}://{name}:{server.sockets[0].getsockname()[1]}/prod"
            ready.set()
            await self._end.wait()
            server.close()
            for task in asyncio.all_tasks() - {asyncio.current_task()}:
                task.cancel()
            await asyncio.sleep(0)

        self._thread = threading.Thread(target=lambda: asyncio.run(serve()), daemon=True)
        self._thread.start()
        assert ready.wait(5)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._end.set)
        self._thread.join(5)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        number = self.connections
        self._writers.add(writer)
        with contextlib.suppress(OSError, EOFError, asyncio.CancelledError):
            while await self._request(reader, writer, number):
                pass
        self._writers.discard(writer)
        with contextlib.suppress(Exception):
            writer.close()

    async def _request(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        line, *lines = head.rstrip().split("\r\n")
        method, target, _ = line.split(" ")
        headers = {name.lower(): value.strip() for name, _, value in (h.partition(":") for h in lines)}
        body = await reader.readexactly(int(headers.get("content-length", 0)))
        if number in self.closing:
            return False
        if number in self.vanished:
            return True
        connection_id = unquote(target.partition("/@connections/")[2])
        script = self.scripts.get(connection_id, self.default)
        step = (
            self.before(connection_id, headers)
            or script[min(len(self.requests[connection_id]), len(script) - 1)]
        )
        request = Request(method, target, headers, body, step, number)
        self.requests[connection_id].append(request)
        if self.latency:
            await asyncio.sleep(self.latency)
        if step in ANSWERS:
            writer.write(ANSWERS[step])
            await writer.drain()
            return True
        misbehave: Callable[[asyncio.StreamWriter], Awaitable[bool]] = _STEPS[step]
        return await misbehave(writer)


async def _ok_close(writer: asyncio.StreamWriter) -> bool:
    writer.write(_head(200, "Connection: close"))
    return False


async def _ok_then_closed(writer: asyncio.StreamWriter) -> bool:
    """Close the HTTP connection against the answer's promise."""
    writer.write(_head(200, "Connection: keep-alive"))
    return False


async def _ok_in_parts(writer: asyncio.StreamWriter) -> bool:
    for byte in _head(200, length=4) + b"abcd":
        writer.write(bytes([byte]))
        await writer.drain()
        await asyncio.sleep(0)
    return True


async def _two_answers(writer: asyncio.StreamWriter) -> bool:
    """Send a second answer, without a request. It must not become the answer to the next request."""
    writer.write(_head(200) + _error(410, "GoneException"))
    return True


def _cut(answer: bytes) -> Callable[[asyncio.StreamWriter], Coroutine[Any, Any, bool]]:
    async def step(writer: asyncio.StreamWriter) -> bool:
        writer.write(answer)
        await writer.drain()
        return False

    return step


async def _reset(writer: asyncio.StreamWriter) -> bool:
    writer.transport.abort()
    return False


async def _ok_then_silent(writer: asyncio.StreamWriter) -> bool:
    writer.write(_head(200, length=100) + b"abc")
    await asyncio.sleep(30)
    return False


def _endless(beginning: bytes) -> Callable[[asyncio.StreamWriter], Coroutine[Any, Any, bool]]:
    async def step(writer: asyncio.StreamWriter) -> bool:
        writer.write(beginning)
        for _ in range(100):
            writer.write(b"x" * 10_000)
            await writer.drain()
        await asyncio.sleep(30)
        return False

    return step


async def _silent(_writer: asyncio.StreamWriter) -> bool:
    await asyncio.sleep(30)
    return False


_STEPS = {
    "ok_close": _ok_close,
    "ok_then_closed": _ok_then_closed,
    "ok_in_parts": _ok_in_parts,
    "two_answers": _two_answers,
    "reset": _reset,
    "closed": _cut(b""),
    "half_head": _cut(b"HTTP/1.1 200 OK\r\nContent-Le"),
    "half_body": _cut(_head(200, length=100) + b"abc"),
    "half_chunk": _cut(_head(200, "Transfer-Encoding: chunked", length=None) + b"5\r\nab"),
    "half_gone": _cut(b"HTTP/1.1 410 Gone\r\nContent-Le"),
    "half_500": _cut(_head(500, length=100) + b"abc"),
    "half_status": _cut(b"HTTP/1.1 20"),
    "only_1xx": _cut(_head(100, length=None)),
    "ok_then_silent": _ok_then_silent,
    "endless_head": _endless(b"HTTP/1.1 200 OK\r\nX: "),
    "endless_line": _endless(b"HTTP/1.1 200 "),
    "garbage": _cut(b"\x16\x03\x01 this is not HTTP\r\n\r\n"),
    "silent": _silent,
}
STEPS = sorted({*ANSWERS, *_STEPS} - {"expired", "expired_body"})

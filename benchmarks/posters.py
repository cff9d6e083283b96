"""Posting over libcurl, the fastest well-kept library, and over the engine's transport: the same bare loop.

Both have requests signed beforehand, the same number of connections, one thread, no retries, no pacing, no
deadline. So the two differ only in their HTTP code.
"""

import contextlib
import importlib
import select
import time
from collections.abc import Iterator
from typing import Any

from entity_push.posting.transport import Transport
from entity_push.runtime.endpoints import Endpoint

CONNECTIONS = 256

pycurl: Any = importlib.import_module("pycurl")  # only `make bench` installs it

Signed = tuple[str, str]
"""A request's target and its header `Authorization`."""


class TransportPoster:
    """Posts over the engine's transport.

    Args:
        origin: the endpoint's scheme, host and port.
        ca_file: the authority to trust, PEM.
        headers: the headers that all requests share.
        frame: the frame to post.
    """

    def __init__(self, origin: str, ca_file: str, headers: list[str], frame: bytes):
        endpoint = Endpoint.at(origin)
        self._transport: Transport[str] = Transport(endpoint, ca_file, CONNECTIONS)
        host = f"Host: {endpoint.authority}"
        self._end = "\r\n".join([host, *headers, f"Content-Length: {len(frame)}", "", ""]).encode() + frame

    def post(self, requests: Iterator[Signed]) -> int:
        """Send requests; return the number of answers with status 200."""
        transport, delivered = self._transport, 0
        while True:
            while transport.in_flight < CONNECTIONS and (request := next(requests, None)) is not None:
                target, authorization = request
                head = f"POST {target} HTTP/1.1\r\n{authorization}\r\n".encode()
                transport.start(target, head + self._end)
            if not transport.in_flight:
                return delivered
            delivered += sum(ended.status == 200 for ended in transport.wait(1.0))


class LibcurlPoster:
    """Posts over libcurl's multi interface, under one epoll. The arguments are those of `TransportPoster`."""

    def __init__(self, origin: str, ca_file: str, headers: list[str], frame: bytes):
        self._origin, self._headers, self._frame = origin, headers, frame
        self._epoll, self._registered = select.epoll(), set[int]()
        self._due: float | None = None
        self._multi = pycurl.CurlMulti()
        self._multi.setopt(pycurl.M_PIPELINING, pycurl.PIPE_NOTHING)
        self._multi.setopt(pycurl.M_MAXCONNECTS, CONNECTIONS)
        self._multi.setopt(pycurl.M_SOCKETFUNCTION, self._on_socket)
        self._multi.setopt(pycurl.M_TIMERFUNCTION, self._on_timer)
        self._idle = [self._handle(ca_file) for _ in range(CONNECTIONS)]

    def post(self, requests: Iterator[Signed]) -> int:
        """Send requests; return the number of answers with status 200."""
        delivered = 0
        while True:
            while self._idle and (request := next(requests, None)) is not None:
                handle = self._idle.pop()
                handle.setopt(pycurl.REQUEST_TARGET, request[0])
                handle.setopt(pycurl.HTTPHEADER, [request[1], "Expect:", *self._headers])
                self._multi.add_handle(handle)
            if len(self._idle) == CONNECTIONS:
                return delivered
            for handle in self._wait():
                delivered += handle.getinfo(pycurl.RESPONSE_CODE) == 200
                self._multi.remove_handle(handle)
                self._idle.append(handle)

    def _handle(self, ca_file: str) -> Any:
        handle = pycurl.Curl()
        handle.setopt(pycurl.URL, self._origin)
        handle.setopt(pycurl.HTTP_VERSION, pycurl.CURL_HTTP_VERSION_1_1)
        handle.setopt(pycurl.NOSIGNAL, 1)
        handle.setopt(pycurl.CAINFO, ca_file)
        handle.setopt(pycurl.POST, 1)
        handle.setopt(pycurl.POSTFIELDS, self._frame)
        handle.setopt(pycurl.WRITEFUNCTION, len)  # C code that drops the bytes
        return handle

    def _wait(self) -> list[Any]:
        seconds = -1.0 if self._due is None else self._due - time.monotonic()
        if self._due is not None and seconds <= 0:
            self._due = None
            self._multi.socket_action(pycurl.SOCKET_TIMEOUT, 0)
            seconds = 0.0
        for fd, events in self._epoll.poll(seconds):
            writable = pycurl.CSELECT_OUT if events & select.EPOLLOUT else 0
            readable = pycurl.CSELECT_IN if events & ~select.EPOLLOUT else 0
            self._multi.socket_action(fd, writable | readable)
        ended: list[Any] = []
        queued = 1
        while queued:
            queued, finished, failed = self._multi.info_read()
            assert not failed, failed
            ended += finished
        return ended

    def _on_timer(self, milliseconds: int) -> None:
        self._due = None if milliseconds < 0 else time.monotonic() + milliseconds / 1000

    def _on_socket(self, what: int, fd: int, _multi: object, _data: object) -> None:
        if what == pycurl.POLL_REMOVE:
            return  # the socket stays in the epoll, which saves two system calls per request
        events = (select.EPOLLIN if what & pycurl.POLL_IN else 0) | (
            select.EPOLLOUT if what & pycurl.POLL_OUT else 0
        )
        if fd in self._registered:
            with contextlib.suppress(FileNotFoundError):  # a new socket has a closed one's number
                self._epoll.modify(fd, events)
                return
        self._registered.add(fd)
        self._epoll.register(fd, events)

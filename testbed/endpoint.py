"""A fast stand-in for API Gateway's @connections endpoint: its own process, one epoll, TLS or plain.

The endpoint answers after `latency` seconds, as API Gateway answers a delivered post. Connection ids that
begin with `gone-` get 410. Requests above `rate` per second get 429, by a token bucket. API Gateway's default
quota is 10,000 requests per second with a burst of 5,000 per account and Region, see
https://docs.aws.amazon.com/apigateway/latest/developerguide/limits.html.

Run the endpoint as a process of its own, or from Python:

    with Endpoint(latency=0.015) as endpoint:
        print(endpoint.url, endpoint.ca_file, endpoint.counts())
"""

import argparse
import contextlib
import datetime
import json
import os
import select
import socket
import ssl
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections import deque
from pathlib import Path
from types import TracebackType
from typing import Self

STAGE = "prod"

_HEADERS = (
    b"Date: Thu, 01 Jan 2026 00:00:00 GMT\r\n"
    b"Connection: keep-alive\r\n"
    b"x-amzn-RequestId: 8d5f3c8e-6d3e-4b3f-9d55-0a1b2c3d4e5f\r\n"
    b"x-amz-apigw-id: AbCdEfGhIjKlMnO=\r\n"
)
DELIVERED = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n" + _HEADERS + b"\r\n"
GONE = b"HTTP/1.1 410 Gone\r\nContent-Length: 0\r\nx-amzn-ErrorType: GoneException\r\n" + _HEADERS + b"\r\n"
_LIMIT = b'{"message":"Too Many Requests"}'
THROTTLED = (
    b"HTTP/1.1 429 Too Many Requests\r\nContent-Type: application/json\r\n"
    b"x-amzn-ErrorType: LimitExceededException\r\nContent-Length: %d\r\n"
    % len(_LIMIT)
    + _HEADERS
    + b"\r\n"
    + _LIMIT
)

AnySocket = socket.socket | ssl.SSLSocket


def make_certificate(folder: Path, host: str = "localhost") -> tuple[Path, Path]:
    """Write a self-signed certificate for a host name, and its key; return both paths."""
    from cryptography import x509  # noqa: PLC0415 - the server itself starts without it
    from cryptography.hazmat.primitives import hashes, serialization  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric import ec  # noqa: PLC0415

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, host)])
    today = datetime.datetime.now(datetime.UTC)
    names = [x509.DNSName(host)]
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(today - datetime.timedelta(days=1))
        .not_valid_after(today + datetime.timedelta(days=30))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    certificate_file, key_file = folder / "certificate.pem", folder / "key.pem"
    certificate_file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    key_file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return certificate_file, key_file


class Endpoint:
    """A running stand-in, as a context manager.

    Args:
        latency: seconds between a request and its answer.
        rate: requests per second above which the answer is 429; 0 for no limit.
        burst: requests that may exceed `rate` at once (the size of the token bucket).
        tls: whether the endpoint uses TLS; plain HTTP otherwise.
        cpu: the core that the process is pinned to; None for any.

    Attributes:
        url: the endpoint as API Gateway would name it: scheme, host, port, stage.
        ca_file: the certificate to trust; None without `tls`.
    """

    def __init__(
        self,
        *,
        latency: float = 0.0,
        rate: float = 0.0,
        burst: float = 5_000,
        tls: bool = True,
        cpu: int | None = None,
    ) -> None:
        self._folder = tempfile.TemporaryDirectory()
        command = [sys.executable, str(Path(__file__).resolve()), f"--latency={latency}"]
        command += [f"--rate={rate}", f"--burst={burst}"]
        self.ca_file: Path | None = None
        if tls:
            self.ca_file, key_file = make_certificate(Path(self._folder.name))
            command += [f"--certificate={self.ca_file}", f"--key={key_file}"]
        if cpu is not None:
            command.append(f"--cpu={cpu}")
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        port = int(self._process.stdout.readline())
        self.url = f"{'https' if tls else 'http'}://localhost:{port}/{STAGE}"

    def counts(self) -> dict[str, int]:
        """Return the counts so far: answers `delivered`, `throttled`, `gone`, and accepted `connections`."""
        context = ssl.create_default_context(cafile=self.ca_file) if self.ca_file else None
        with urllib.request.urlopen(self.url + "/_counts", context=context) as response:
            counts: dict[str, int] = json.load(response)
        return counts

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()
        self._folder.cleanup()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


class Server:
    """The loop inside the process: level-triggered epoll, one recv and one send per request."""

    def __init__(self, *, latency: float, rate: float, burst: float, context: ssl.SSLContext | None) -> None:
        self.latency, self.rate, self.burst, self.context = latency, rate, burst, context
        self.tokens, self.filled = burst, time.monotonic()
        self.counts = {"delivered": 0, "throttled": 0, "gone": 0, "connections": 0}
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=4096)
        self.listener.setblocking(False)
        self.epoll = select.epoll()
        self.epoll.register(self.listener.fileno(), select.EPOLLIN)
        self.sockets: dict[int, AnySocket] = {}
        self.shaking: set[int] = set()
        self.parts: dict[int, bytes] = {}
        # Answers are in the order of their due time, since all have the same latency.
        self.due: deque[tuple[float, AnySocket, bytes]] = deque()

    def run(self) -> None:
        """Serve for ever."""
        while True:
            wait = -1.0 if not self.due else max(0.0, self.due[0][0] - time.monotonic())
            for fd, _ in self.epoll.poll(wait):
                if fd == self.listener.fileno():
                    self._accept()
                elif fd in self.shaking:
                    self._shake(fd)
                else:
                    self._read(fd)
            now = time.monotonic()
            while self.due and self.due[0][0] <= now:
                _, connection, answer = self.due.popleft()
                with contextlib.suppress(OSError):
                    connection.send(answer)

    def _accept(self) -> None:
        with contextlib.suppress(BlockingIOError):
            while True:
                connection: AnySocket = self.listener.accept()[0]
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                connection.setblocking(False)
                self.counts["connections"] += 1
                if self.context is not None:
                    connection = self.context.wrap_socket(
                        connection, server_side=True, do_handshake_on_connect=False
                    )
                    self.shaking.add(connection.fileno())
                self.sockets[connection.fileno()] = connection
                self.epoll.register(connection.fileno(), select.EPOLLIN)

    def _shake(self, fd: int) -> None:
        connection = self.sockets[fd]
        assert isinstance(connection, ssl.SSLSocket)
        try:
            connection.do_handshake()
        except ssl.SSLWantReadError:
            return
        except OSError:
            self._close(fd)
            return
        self.shaking.discard(fd)
        if connection.pending():
            self._read(fd)

    def _read(self, fd: int) -> None:
        connection = self.sockets[fd]
        try:
            data = connection.recv(65_536)
        except (ssl.SSLWantReadError, BlockingIOError):
            return
        except OSError:
            data = b""
        if not data:
            self._close(fd)
            return
        if fd in self.parts:
            data = self.parts.pop(fd) + data
        end = data.find(b"\r\n\r\n")
        at = data.find(b"Content-Length: ", 0, end)
        length = int(data[at + 16 : data.find(b"\r", at)]) if at >= 0 else 0
        if end < 0 or len(data) < end + 4 + length:
            self.parts[fd] = data
        elif self.latency:
            self.due.append((time.monotonic() + self.latency, connection, self._answer(data)))
        else:
            with contextlib.suppress(OSError):
                connection.send(self._answer(data))

    def _answer(self, request: bytes) -> bytes:
        line = request[: request.find(b"\r")]
        if b"/_counts " in line:
            body = json.dumps(self.counts).encode()
            head = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n"
            return head % len(body) + body
        if self.rate and not self._take_token():
            self.counts["throttled"] += 1
            return THROTTLED
        if b"/gone-" in line:
            self.counts["gone"] += 1
            return GONE
        self.counts["delivered"] += 1
        return DELIVERED

    def _take_token(self) -> bool:
        now = time.monotonic()
        self.tokens = min(self.burst, self.tokens + (now - self.filled) * self.rate)
        self.filled = now
        if self.tokens < 1:
            return False
        self.tokens -= 1
        return True

    def _close(self, fd: int) -> None:
        self.epoll.unregister(fd)
        self.shaking.discard(fd)
        self.parts.pop(fd, None)
        self.sockets.pop(fd).close()


def main() -> None:
    """Print the port, then serve until the process is terminated."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--latency", type=float, default=0.0, help="seconds before each answer")
    parser.add_argument("--rate", type=float, default=0.0, help="requests/s before 429; 0: none")
    parser.add_argument("--burst", type=float, default=5_000, help="size of the token bucket")
    parser.add_argument("--certificate", help="PEM file; plain HTTP without")
    parser.add_argument("--key", help="PEM file")
    parser.add_argument("--cpu", type=int, help="core to run on")
    options = parser.parse_args()
    if options.cpu is not None:
        os.sched_setaffinity(0, {options.cpu})
    context = None
    if options.certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(options.certificate, options.key)
    server = Server(latency=options.latency, rate=options.rate, burst=options.burst, context=context)
    print(server.listener.getsockname()[1], flush=True)
    server.run()


if __name__ == "__main__":
    main()

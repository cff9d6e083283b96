"""An HTTP server that answers calls of AWS's JSON protocol as a test scripts it, over real sockets."""

import http.server
import json
import ssl
import threading
import time
import zlib
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self


@dataclass
class Call:
    """A call as received."""

    operation: str
    path: str
    headers: dict[str, str]
    body: bytes
    connection: tuple[str, int]

    @property
    def parameters(self) -> Any:
        """The call's parameters."""
        return json.loads(self.body)


def answer(status: int, members: Any, **headers: str) -> bytes:
    """Return an answer as DynamoDB gives it."""
    body = members if isinstance(members, bytes) else json.dumps(members).encode()
    lines = {
        "Content-Type": "application/x-amz-json-1.0",
        "Content-Length": str(len(body)),
        "x-amzn-RequestId": "R" * 52,
        "x-amz-crc32": str(zlib.crc32(body)),
    } | {name.replace("_", "-"): value for name, value in headers.items()}
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return f"HTTP/1.1 {status} Whatever\r\n{head}\r\n".encode() + body


def error(status: int, code: str, **members: Any) -> bytes:
    """Return an error answer as DynamoDB gives it."""
    kind = f"com.amazonaws.dynamodb.v20120810#{code}"
    return answer(status, {"__type": kind, "message": "scripted", **members})


CLOSE = b""
SILENCE = b"silence"


@dataclass
class StandIn:
    """Runs in threads of its own; use it as a context manager.

    Attributes:
        script: the answers, in order; the last one repeats. `CLOSE` closes the connection unanswered.
        answers: the answers to calls whose body contains a text, in order, instead of the script; the last
            one repeats.
        together: a barrier that holds all answers back until enough calls have come.
        closes: whether to close each connection after its answer, against the answer's promise.
        calls: the calls so far.
        connections: the number of connections that were opened so far.
    """

    script: list[bytes] = field(default_factory=lambda: [answer(200, {})])
    answers: dict[str, list[bytes]] = field(default_factory=dict)
    together: threading.Barrier | None = None
    tls: ssl.SSLContext | None = None
    closes: bool = False
    calls: list[Call] = field(default_factory=list)
    url: str = ""
    connections: int = 0

    def __enter__(self) -> Self:
        standin = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def setup(self) -> None:
                standin.connections += 1
                super().setup()

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                headers = {name.lower(): value for name, value in self.headers.items()}
                operation = headers["x-amz-target"].partition(".")[2]
                found = standin.answer_to(Call(operation, self.path, headers, body, self.client_address))
                if standin.together is not None:
                    standin.together.wait()
                self.close_connection = standin.closes or found in (CLOSE, SILENCE)
                if found == SILENCE:
                    time.sleep(2)
                else:
                    self.wfile.write(found)

            def log_message(self, *_arguments: object) -> None:
                """Log nothing."""

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        if self.tls is not None:
            self._server.socket = self.tls.wrap_socket(self._server.socket, server_side=True)
        host = "localhost" if self.tls else "127.0.0.1"
        self.url = f"{'https' if self.tls else 'http'}://{host}:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def answer_to(self, call: Call) -> bytes:
        """Note a call, and return its answer."""
        script, before = self.script, len(self.calls)
        for text, answers in self.answers.items():
            if text.encode() in call.body:
                script, before = answers, sum(text.encode() in other.body for other in self.calls)
        self.calls.append(call)
        return script[min(before, len(script) - 1)]

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()

"""A stand-in for services that speak AWS's JSON protocol over HTTP, for what is measured."""

import http.server
from abc import abstractmethod


class JsonHandler(http.server.BaseHTTPRequestHandler):
    """Answers calls, each with 200 and what `answer` returns."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # otherwise each answer waits 40 ms, in which caches cool down

    @abstractmethod
    def answer(self, operation: str, asked: bytes) -> bytes:
        """Return the answer to a call: an operation's name, such as `GetItem`, and the request's body."""

    def do_POST(self) -> None:
        """Answer a call."""
        asked = self.rfile.read(int(self.headers["Content-Length"]))
        body = self.answer(self.headers["X-Amz-Target"].partition(".")[2], asked)
        self.send_response(200)
        self.send_header("Content-Type", "application/x-amz-json-1.0")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_arguments: object) -> None:
        """Log nothing."""

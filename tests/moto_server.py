"""moto behind a socket, for clients that are not botocore."""

import http.server
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import requests
from moto import mock_aws

_SERVICES = {
    "DynamoDB": "dynamodb",
    "AWSEvents": "events",
    "AmazonSQS": "sqs",
    "secretsmanager": "secretsmanager",
}
_REGION = "us-east-1"


class _Handler(http.server.BaseHTTPRequestHandler):
    """Passes a request of AWS's JSON protocol on to moto, which answers `requests` in this process."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        service = _SERVICES[self.headers["X-Amz-Target"].partition(".")[0].partition("_")[0]]
        headers = {name: value for name, value in self.headers.items() if name.lower() != "host"}
        answer = requests.post(
            f"https://{service}.{_REGION}.amazonaws.com/", data=body, headers=headers, timeout=20
        )
        self.send_response(answer.status_code)
        for name, value in answer.headers.items():
            if name.lower() not in ("content-length", "connection", "date", "server"):
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(answer.content)))
        self.end_headers()
        self.wfile.write(answer.content)

    def log_message(self, *_arguments: object) -> None:
        """Log nothing."""


@contextmanager
def moto_server() -> Iterator[str]:
    """Run an empty AWS on this machine; yield its URL."""
    with mock_aws(), http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()

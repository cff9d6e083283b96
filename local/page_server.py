"""A small web server for pages on this machine: files from folders, and answers in JSON."""

import json
from collections.abc import Mapping
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

from local.aws import ROOT

CLIENT = ROOT / "clients" / "javascript" / "src"
"""The JavaScript client's modules, which browsers load without a build."""

_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
}


class PageHandler(BaseHTTPRequestHandler):
    """Answers a request with a file. Whoever has other answers, too, looks at the path first.

    Args:
        folders: where files are, by the beginning of their paths; "/" is the last one.
        rest: what the server gives.
    """

    def __init__(self, folders: Mapping[str, Path], *rest: Any):
        self._folders = folders
        super().__init__(*rest)

    def answer_file(self, path: str) -> None:
        """Answer with the file of a path; with 404 if there is none, or if it is no page's."""
        beginning = next((one for one in self._folders if path.startswith(one)), "/")
        folder = self._folders[beginning].resolve()
        file = (folder / (path.removeprefix(beginning) or "index.html")).resolve()
        if not file.is_relative_to(folder) or not file.is_file() or file.suffix not in _TYPES:
            self.answer(HTTPStatus.NOT_FOUND, "text/plain", b"There is no such page.\n")
            return
        self.answer(HTTPStatus.OK, _TYPES[file.suffix], file.read_bytes())

    def answer_json(self, content: Mapping[str, Any], status: HTTPStatus = HTTPStatus.OK) -> None:
        """Answer with an object."""
        self.answer(status, "application/json", json.dumps(dict(content)).encode())

    def answer(self, status: HTTPStatus, content_type: str, content: bytes) -> None:
        """Answer with bytes, which no browser keeps or takes for another type."""
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Cache-Control", "no-store")
        self.send_header("X-Content-Type-Options", "nosniff")
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_what: Any) -> None:
        """Log nothing: the terminal is for what the reader is to do."""

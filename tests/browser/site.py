"""The web site of the tests' application: its pages, the client's modules without a build, and tokens."""

import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Self

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = {
    "/pages/": Path(__file__).parent / "pages",
    "/clients/javascript/src/": ROOT / "clients/javascript/src",
}
TYPES = {".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8"}


class Site:
    """A web server on 127.0.0.1.

    Args:
        token: returns a new token.

    Attributes:
        url: the site's URL, without a slash at the end.
        next_tokens: what is given out instead of new tokens, the first one first.
        bundles: files that were built, by their paths.
        scripts: while this is not set, no script is served.
    """

    def __init__(self, token: Callable[[], str]):
        self._token = token
        self.next_tokens: list[str] = []
        self.bundles: dict[str, bytes] = {}
        self.scripts = threading.Event()
        self.scripts.set()

    def __enter__(self) -> Self:
        site = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                path = self.path.partition("?")[0]
                if path.endswith(".js"):
                    site.scripts.wait(60)
                found = site.content(path)
                self.send_response(404 if found is None else 200)
                self.send_header("Content-Type", TYPES.get(Path(path).suffix, "text/plain"))
                self.send_header("Content-Length", str(len(found or b"")))
                self.end_headers()
                self.wfile.write(found or b"")

            def log_message(self, *_: object) -> None:
                """Write nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()

    def content(self, path: str) -> bytes | None:
        """Return what a path stands for; None if that is nothing."""
        if path == "/token":
            return (self.next_tokens.pop(0) if self.next_tokens else self._token()).encode()
        if path in self.bundles:
            return self.bundles[path]
        for prefix, folder in FOLDERS.items():
            file = folder / path.removeprefix(prefix)
            if path.startswith(prefix) and file.suffix in TYPES and file.is_file():
                return file.read_bytes()
        return None

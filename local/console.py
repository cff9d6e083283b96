"""The console page on this machine: its files, and a way to put three events on the local EventBridge."""

import contextlib
import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from http import HTTPStatus
from http.server import ThreadingHTTPServer
from typing import Any
from urllib.parse import urlencode, urlsplit

from local.aws import ROOT, LocalAws
from local.deployment import Outputs
from local.page_server import CLIENT, PageHandler
from operations.minting import MintingError, TokenSigner

FOLDERS = {"/entity-push/": CLIENT, "/": ROOT / "console"}
"""Where files come from, by the beginning of their path: the page has the client beside it."""

CONFIG_PATH = "/config.json"
EVENTS_PATH = "/events"
ENTITY = "myEntityId"
EVENTS_AT_ONCE = 3
TOKEN_SECONDS = 3600
MOST_BODY_BYTES = 10_000


class Console:
    """Serves the page on 127.0.0.1.

    Args:
        aws: the local AWS that events are put on.
        outputs: the deployment that the page connects to.
        port: the port; 0 takes any free one.

    Raises:
        OSError: the port is taken.
    """

    def __init__(self, aws: LocalAws, outputs: Outputs, port: int = 0):
        self._aws, self._outputs = aws, outputs
        config = {"url": outputs.web_socket_url, "events": EVENTS_PATH}
        self._server = ThreadingHTTPServer(("127.0.0.1", port), partial(_Handler, self._put, config))
        self._server.daemon_threads = True

    @property
    def address(self) -> str:
        """The page's address."""
        return f"{_address(self._server)}/"

    def link(self) -> str:
        """Return the page's address with all that it needs to be connected; its token ends in an hour."""
        parts = {"subscribe": ENTITY}
        # With an issuer's tokens, or none, the deployment has no secret to sign with.
        with contextlib.suppress(MintingError):
            signer = TokenSigner.of(self._outputs.stack, self._aws.client("secretsmanager"))
            parts["token"] = signer.token("me", subscribe=["*"], publish=["*"], seconds=TOKEN_SECONDS)
        return f"{self.address}#{urlencode(parts)}"

    @contextlib.contextmanager
    def served(self) -> Iterator[None]:
        """Serve the page until the end of the block."""
        thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._server.shutdown()
            self._server.server_close()
            thread.join()

    def _put(self, entity_id: str) -> None:
        """Put three events about an entity; each message has the milliseconds since 1970 of its putting."""
        events: Any = self._aws.client("events")
        for number in range(1, EVENTS_AT_ONCE + 1):
            message = {"number": number, "putAt": round(time.time() * 1000)}
            answer = events.put_events(
                Entries=[
                    {
                        "Source": "console",
                        "DetailType": "Entity Updated",
                        "Detail": json.dumps({"entityId": entity_id, "message": message}),
                        "EventBusName": self._outputs.event_bus_name,
                    }
                ]
            )
            if answer["FailedEntryCount"]:
                raise ValueError(answer["Entries"][0]["ErrorMessage"])


def _address(server: Any) -> str:
    return f"http://127.0.0.1:{server.server_port}"


class _Handler(PageHandler):
    """Answers one request.

    Args:
        put: puts three events about an entity.
        config: what the page is told.
        rest: what the server gives.
    """

    def __init__(self, put: Callable[[str], None], config: Mapping[str, str], *rest: Any):
        self._put, self._config = put, config
        super().__init__(FOLDERS, *rest)

    def do_GET(self) -> None:
        """Answer with a file."""
        path = urlsplit(self.path).path
        if path == CONFIG_PATH:
            self.answer_json(self._config)
        else:
            self.answer_file(path)

    def do_POST(self) -> None:
        """Put three events. Another page in the same browser can't, whatever name it has for this machine."""
        if self.path != EVENTS_PATH or self.headers["Origin"] != _address(self.server):
            self.answer_json({"error": "only the console may put events here"}, HTTPStatus.FORBIDDEN)
            return
        try:
            length = int(self.headers["Content-Length"])
            if not 0 <= length <= MOST_BODY_BYTES:
                raise ValueError(f"a body has at most {MOST_BODY_BYTES} bytes")
            self._put(json.loads(self.rfile.read(length))["entityId"])
        except Exception as error:
            self.answer_json({"error": f"{type(error).__name__}: {error}"}, HTTPStatus.BAD_REQUEST)
        else:
            self.answer_json({"put": EVENTS_AT_ONCE})

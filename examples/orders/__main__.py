"""The shop's backend and its pages: `python -m examples.orders`, beside `make local`."""

import argparse
import sys
from collections.abc import Callable
from functools import partial
from http import HTTPStatus
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from examples.orders.shop import Shop, UnknownOrderError
from local.page_server import CLIENT, PageHandler
from operations import deployment
from operations.minting import MintingError, TokenSigner

HERE = Path(__file__).resolve().parent
REACT = HERE / "react" / "dist"


class Handler(PageHandler):
    """Answers one request.

    Args:
        shop: the shop.
        config: what the pages are told.
        rest: the folders with the pages, and what the server gives.
    """

    def __init__(self, shop: Shop, config: dict[str, str], *rest: Any):
        self._shop, self._config = shop, config
        super().__init__(*rest)

    def do_GET(self) -> None:
        """Answer with a file, the configuration, a token, or an order."""
        path = urlsplit(self.path).path
        if path == "/config":
            self.answer_json(self._config)
        elif path == "/push-token":
            # A real backend knows from its session who asks.
            self.answer(HTTPStatus.OK, "text/plain", self._shop.token("customer").encode())
        elif path.startswith("/orders/"):
            self._answer_order(self._shop.order, path)
        else:
            self.answer_file(path)

    def do_POST(self) -> None:
        """Bring an order to its next state."""
        self._answer_order(self._shop.move_on, urlsplit(self.path).path)

    def _answer_order(self, do: Callable[[str], dict[str, Any]], path: str) -> None:
        try:
            self.answer_json(do(path.removeprefix("/orders/")))
        except UnknownOrderError:
            self.answer(HTTPStatus.NOT_FOUND, "text/plain", b"There is no such order.\n")


def serve(found: deployment.Deployment, port: int, react: Path = REACT) -> ThreadingHTTPServer:
    """Return a server of the shop on 127.0.0.1; it serves once it is told to.

    Args:
        found: the deployment.
        port: the port; 0 takes any free one.
        react: the folder with the React page, as it was built.
    """
    signer = TokenSigner.of(found.outputs, found.client("secretsmanager"))
    shop = Shop(found.client("events"), found.outputs["EventBusName"], signer)
    config = {"url": found.outputs["WebSocketUrl"]}
    folders = {"/entity-push/": CLIENT, "/react/": react, "/": HERE / "page"}
    return ThreadingHTTPServer(("127.0.0.1", port), partial(Handler, shop, config, folders))


@deployment.command("orders", "AWS refused: {}", sentences=[MintingError])
def main(arguments: list[str] | None = None) -> int:
    """Serve until Ctrl-C."""
    parser = argparse.ArgumentParser(prog="python -m examples.orders", description=__doc__)
    parser.add_argument("--port", type=int, default=8042, help="of the pages (default: %(default)s)")
    deployment.add_arguments(parser)
    chosen = parser.parse_args(arguments)
    server = serve(deployment.find(chosen), chosen.port)
    address = f"http://127.0.0.1:{server.server_port}/"
    print(
        f"The shop is open.\n\n  plain JavaScript   {address}\n  React              {address}react/",
        flush=True,
    )
    print("\nOpen one twice, side by side, and let an order move on. Ctrl-C closes the shop.", flush=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        server.server_close()
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""The shop of the examples: an order that is live in two tabs, in plain JavaScript and in React."""

import threading
from collections.abc import Callable, Iterator

import boto3
import pytest

from examples.orders.__main__ import serve
from local.aws import REGION, ROOT
from local.page_server import CLIENT
from operations.deployment import Deployment
from tests.browser.bundles import bundle
from tests.browser.tab import Tab
from tests.e2e.conftest import App, eventually

REACT = ROOT / "examples/orders/react"


@pytest.fixture(scope="module")
def shop(app: App, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Yield the address of the shop."""
    session = boto3.Session("test", "test", region_name=REGION)
    outputs = {**app.outputs.stack, "WebSocketUrl": app.outputs.web_socket_url}
    built = tmp_path_factory.mktemp("react")
    (built / "index.html").write_bytes((REACT / "index.html").read_bytes())
    aliases = {"entity-push": CLIENT / "index.js", "entity-push/react": CLIENT / "react.js"}
    (built / "order.js").write_bytes(bundle(REACT / "order.jsx", aliases))
    server = serve(Deployment(outputs, session, app.outputs.endpoint_url), 0, react=built)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize(("path", "order_id"), [("/", "41"), ("/react/", "43")])
def test_an_order_that_moves_on_is_seen_in_every_tab(
    shop: str, open_tab: Callable[[str], Tab], path: str, order_id: str
) -> None:
    one, other = (open_tab(f"{shop}{path}?id={order_id}") for _ in range(2))
    for tab in (one, other):
        until(tab, "[role=status]", "live")
        until(tab, "strong", "new")
    for state in ("paid", "shipped"):
        one.evaluate("document.querySelector('button').click()")
        for tab in (one, other):
            until(tab, "strong", state)


def until(tab: Tab, selector: str, text: str) -> None:
    eventually(lambda: tab.evaluate(f"document.querySelector({selector!r})?.textContent") == text)

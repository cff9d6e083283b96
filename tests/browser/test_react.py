"""The React hooks in strict mode, in a browser."""

from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlencode

from tests.browser.bundles import bundle
from tests.browser.site import Site
from tests.browser.tab import Tab
from tests.e2e.conftest import App, eventually


def test_in_strict_mode_a_component_is_mounted_twice_and_subscribes_once(
    app: App, site: Site, open_tab: Callable[[str], Tab]
) -> None:
    site.bundles["/board.js"] = bundle(Path(__file__).parent / "pages/board.jsx")
    tab = open_tab(f"{site.url}/pages/board.html?{urlencode({'url': app.outputs.web_socket_url})}")
    eventually(lambda: tab.evaluate("window.show !== undefined"))
    tab.evaluate("show(['react/1'])")
    _until_shown(tab, ["react/1 subscribed"])
    # Now there is a connection, and each frame would go out at once.
    tab.evaluate("show(['react/1', 'react/2'])")
    _until_shown(tab, ["react/1 subscribed", "react/2 subscribed"])
    assert tab.evaluate("window.mounts") == 4
    (socket,) = tab.sockets()
    assert socket.actions == ["subscribe", "subscribe"], "one for each entity"
    app.put_event({"entityId": "react/2", "message": "now"})
    _until_shown(tab, ["react/1 subscribed", "react/2 subscribed now"])
    tab.evaluate("show([])")
    eventually(lambda: len(tab.sockets()[0].actions) > 2)
    (socket,) = tab.sockets()
    assert socket.actions == ["subscribe", "subscribe", "unsubscribe"]
    assert sorted(socket.sent[-1][1]["entityIds"]) == ["react/1", "react/2"]


def _until_shown(tab: Tab, texts: list[str]) -> None:
    script = "[...document.querySelectorAll('p')].map((p) => p.textContent.trim())"
    eventually(lambda: tab.evaluate(script) == texts)

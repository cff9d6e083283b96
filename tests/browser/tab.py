"""A tab of a browser: its page, its network, and whether it is seen."""

import base64
from typing import Any, Literal

from tests.browser.chromium import Chromium
from tests.browser.wire import Socket, sockets

Scheme = Literal["light", "dark"]
# `Page.navigate` returns when the answer begins to come, while the page may have no element yet.
PARSED = """new Promise((parsed) => {
  const look = () => document.readyState !== "loading" && parsed(null);
  document.addEventListener("readystatechange", look);
  look();
})"""


class Tab:
    """One tab.

    Args:
        browser: the browser.
        url: the page to open.
    """

    def __init__(self, browser: Chromium, url: str):
        self._browser = browser
        self._target: str = browser.call("Target.createTarget", url="about:blank")["targetId"]
        attached = browser.call("Target.attachToTarget", targetId=self._target, flatten=True)
        self._session: str = attached["sessionId"]
        self.call("Page.enable")
        self.call("Network.enable")
        self.open(url)

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Call a DevTools method for this tab; return its result."""
        return self._browser.call(method, self._session, **parameters)

    def close(self) -> None:
        """Close the tab."""
        self._browser.call("Target.closeTarget", targetId=self._target)

    def open(self, url: str) -> None:
        """Open another page in this tab; return when its HTML is read (its modules may not have run)."""
        self.call("Page.navigate", url=url)
        self.evaluate(PARSED)

    def back(self) -> None:
        """Go back to the page before."""
        self.evaluate("history.back()")

    def refresh(self) -> None:
        """Load the page anew."""
        self.call("Page.reload")

    def show(self) -> None:
        """Bring the tab to the front: its page is visible, those of the window's other tabs are hidden.

        Tabs of the new headless mode have a real window, so `document.hidden` is what people would have.
        """
        self._browser.call("Target.activateTarget", targetId=self._target)

    def set_lifecycle(self, state: Literal["frozen", "active"]) -> None:
        """Freeze a hidden page as Chromium does to save power, or let it run again; hidden it stays.

        In a frozen page nothing runs, and Chromium cuts its WebSockets.
        """
        self.call("Page.setWebLifecycleState", state=state)

    def set_network(self, state: Literal["online", "offline"]) -> None:
        """Plug the network in or out.

        Offline, nothing can be opened or fetched. Open WebSockets are not cut: their bytes wait.
        """
        self.call(
            "Network.emulateNetworkConditions",
            offline=state == "offline",
            latency=0,
            downloadThroughput=-1,
            uploadThroughput=-1,
        )

    def look(self, scheme: Scheme, width: int, height: int) -> None:
        """Show the page light or dark, on a screen of some size."""
        self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=width < 500,
        )

    def picture(self) -> bytes:
        """Return the whole page as a PNG."""
        picture = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=True)
        return base64.b64decode(picture["data"])

    def type(self, text: str) -> None:
        """Type a text where the focus is."""
        self.call("Input.insertText", text=text)

    def press(self, key: Literal["Enter"]) -> None:
        """Press and release a key."""
        for event in ("keyDown", "keyUp"):
            self.call(
                "Input.dispatchKeyEvent", type=event, key=key, code=key, text="\r", windowsVirtualKeyCode=13
            )

    def evaluate(self, expression: str) -> Any:
        """Return the value of a JavaScript expression in the page.

        Raises:
            AssertionError: it has thrown.
        """
        answer = self.call("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in answer, f"{expression}: {answer['result'].get('description')}"
        return answer["result"].get("value")

    def sockets(self) -> list[Socket]:
        """Return all WebSockets that this tab has had, the oldest first."""
        self.evaluate("0")  # its answer comes after all events so far
        return sockets(self._browser.events(self._session))

"""A tab with the page `pages/follow.html`, which follows one entity and keeps what the client tells it."""

import json
from typing import Any
from urllib.parse import urlencode

from tests.browser.chromium import Chromium
from tests.browser.tab import Tab
from tests.e2e.conftest import eventually

SECONDS = 30.0


class Follower(Tab):
    """A page that follows one entity.

    Args:
        browser: the browser.
        site: the URL of the site that serves the page.
        name: the entity's id.
        url: the WebSocket URL.
        persist: whether the cursor is kept in sessionStorage.
        options: the client's options; `random` is a number.
    """

    def __init__(
        self, browser: Chromium, site: str, name: str, url: str, *, persist: bool = False, **options: Any
    ):
        setup = {"name": name, "persist": persist, "options": {"url": url, **options}}
        super().__init__(browser, f"{site}/pages/follow.html?{urlencode({'setup': json.dumps(setup)})}")

    def told(self, what: str, state: str | None = None) -> list[dict[str, Any]]:
        """Return what the page has kept of one kind, and of one state if that is given, in order.

        Each has its time `at`, in milliseconds by the page's clock.
        """
        kept = self.evaluate("window.told ?? []")
        return [one for one in kept if one["what"] == what and state in (None, one.get("state"))]

    def messages(self) -> list[Any]:
        """Return the messages of the updates that were shown, in order."""
        return [told["message"] for told in self.told("update")]

    def until_shown(self, messages: list[Any]) -> None:
        """Wait until so many updates are shown as there are messages, and compare them."""
        eventually(lambda: len(self.messages()) >= len(messages), SECONDS)
        shown = self.messages()
        assert shown == messages, f"{shown} instead of {messages}"

    def until(self, what: str, state: str) -> None:
        """Wait until the last that was told of one kind is of a state."""
        eventually(lambda: [told["state"] for told in self.told(what)[-1:]] == [state], SECONDS)

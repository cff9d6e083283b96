"""A page that nobody sees, and that is looked at again."""

from collections.abc import Callable

from tests.browser.follower import Follower
from tests.browser.tab import Tab
from tests.e2e.client import Client
from tests.e2e.conftest import App, eventually

AT_ONCE = 2.0
"""What may pass between the look and the ping, in seconds. Without a look, a ping is due after 8 minutes."""


def test_a_tab_that_becomes_visible_checks_its_connection_at_once(
    app: App, follow: Callable[..., Follower], open_tab: Callable[[str], Tab]
) -> None:
    page = follow("hidden/tab")
    open_tab("about:blank").show()
    page.until("page", "hidden")
    app.put_event({"entityId": "hidden/tab", "message": "unseen"})
    page.until_shown(["unseen"])
    (socket,) = page.sockets()
    assert socket.actions == ["subscribe"], "nobody looks, and nothing is asked"
    page.show()
    page.until("page", "visible")
    eventually(lambda: page.sockets()[0].times("ping"), AT_ONCE)
    eventually(lambda: page.sockets()[0].received[-1][1]["type"] == "pong")
    (socket,) = page.sockets()
    assert (socket.actions, socket.closed) == (["subscribe", "ping"], None)


def test_a_tab_that_was_frozen_shows_what_it_missed(
    app: App,
    follow: Callable[..., Follower],
    open_tab: Callable[[str], Tab],
    connect: Callable[..., Client],
) -> None:
    page, stays = follow("hidden/frozen"), connect()
    stays.subscribe("hidden/frozen")
    open_tab("about:blank").show()
    page.until("page", "hidden")
    page.set_lifecycle("frozen")
    _put_while_away(app, stays, "hidden/frozen")
    page.set_lifecycle("active")
    page.show()
    _shows_all(app, page, "hidden/frozen")


def test_a_page_that_one_comes_back_to_shows_what_it_missed(
    app: App, follow: Callable[..., Follower], connect: Callable[..., Client]
) -> None:
    """Chromium keeps the page that was left, and cuts its WebSockets; `pageshow` has `persisted` then."""
    page, stays = follow("hidden/left"), connect()
    stays.subscribe("hidden/left")
    left = page.evaluate("location.href")
    page.open("about:blank")
    eventually(lambda: page.evaluate("location.href") == "about:blank")
    _put_while_away(app, stays, "hidden/left")
    page.back()
    eventually(lambda: page.evaluate("location.href") == left)
    page.until("page", "restored")
    _shows_all(app, page, "hidden/left")


def _put_while_away(app: App, stays: Client, name: str) -> None:
    for message in (1, 2):
        app.put_event({"entityId": name, "message": message})
        assert stays.receive()["message"] == message


def _shows_all(app: App, page: Follower, name: str) -> None:
    """Expect what was put while the page was away, what comes now, nothing twice, and no reset."""
    page.until_shown([1, 2])
    app.put_event({"entityId": name, "message": 3})
    page.until_shown([1, 2, 3])
    assert [told["replayed"] for told in page.told("update")] == [True, True, False]
    assert len(page.told("reset")) == 1
    assert [socket.actions[0] for socket in page.sockets()] == ["subscribe", "subscribe"]

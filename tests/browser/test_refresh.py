"""A page that is refreshed."""

from collections.abc import Callable

from tests.browser.follower import Follower
from tests.browser.site import Site
from tests.e2e.client import Client
from tests.e2e.conftest import App, eventually


def test_a_page_that_is_refreshed_goes_on_from_its_cursor(
    app: App, site: Site, follow: Callable[..., Follower], connect: Callable[..., Client]
) -> None:
    page, stays = follow("refresh/kept", persist=True), connect()
    stays.subscribe("refresh/kept")
    app.put_event({"entityId": "refresh/kept", "message": 1})
    page.until_shown([1])
    stays.receive()
    (before,) = page.sockets()
    site.scripts.clear()  # the page is gone, and the new one can do nothing yet
    page.refresh()
    eventually(lambda: page.evaluate("window.told === undefined"))
    for message in (2, 3):
        app.put_event({"entityId": "refresh/kept", "message": message})
        assert stays.receive()["message"] == message
    site.scripts.set()
    page.until_shown([2, 3])
    app.put_event({"entityId": "refresh/kept", "message": 4})
    page.until_shown([2, 3, 4])
    assert [told["replayed"] for told in page.told("update")] == [True, True, False]
    assert page.told("reset") == []
    _, after = page.sockets()
    assert after.sent[0][1]["since"] == before.received[-1][1]["cursor"]
    assert after.received[0][1]["recovered"] is True

"""The deployed app, a web site of it, and a browser."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests import left_out
from tests.browser.bad_network import BadNetwork
from tests.browser.chromium import Chromium, find_chromium
from tests.browser.follower import Follower
from tests.browser.site import Site
from tests.browser.tab import Tab
from tests.e2e.conftest import App, app, connect

__all__ = ["app", "connect"]

NO_CHROMIUM = (
    "no test ran in a browser, since no Chromium is installed: apt-get install chromium, "
    "or say where one is with CHROMIUM=<path>"
)

OpenPage = Callable[..., Follower]


@pytest.fixture(scope="session")
def chromium() -> Iterator[Chromium]:
    """Yield a browser; without a Chromium, the test is left out."""
    program = find_chromium()
    if not program:
        left_out.leave_out(NO_CHROMIUM, fail_in_ci=True)
    with Chromium(program) as browser:
        yield browser


@pytest.fixture
def site(chromium: Chromium, app: App) -> Iterator[Site]:  # noqa: ARG001  (without a browser, nothing is deployed)
    """Yield the application's web site."""
    with Site(app.token) as served:
        yield served


@pytest.fixture
def bad_network(app: App) -> Iterator[BadNetwork]:
    """Yield a network to connect through."""
    with BadNetwork(app.outputs.web_socket_url) as network:
        yield network


@pytest.fixture
def open_tab(chromium: Chromium) -> Iterator[Callable[[str], Tab]]:
    """Yield a function that opens a URL in a new tab. The test's end closes it."""
    tabs = []

    def open_url(url: str) -> Tab:
        tabs.append(Tab(chromium, url))
        return tabs[-1]

    yield open_url
    for tab in tabs:
        tab.close()


@pytest.fixture
def follow(chromium: Chromium, site: Site, app: App) -> Iterator[Callable[..., Follower]]:
    """Yield a function that opens a page which follows an entity, with `Follower`'s arguments."""
    pages = []

    def open_page(name: str, url: str = app.outputs.web_socket_url, **options: Any) -> Follower:
        pages.append(Follower(chromium, site.url, name, url, **options))
        pages[-1].until("subscription", "subscribed")
        return pages[-1]

    yield open_page
    for page in pages:
        page.close()

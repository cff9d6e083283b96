"""The console page, as `make local` serves it."""

import time
from collections.abc import Callable, Iterator

import pytest

from local.aws import ROOT
from local.console import ENTITY, EVENTS_AT_ONCE, Console
from tests.browser.tab import Scheme, Tab
from tests.e2e.conftest import App, eventually

AXE = ROOT / "node_modules" / "axe-core" / "axe.min.js"
SCREENS: list[tuple[Scheme, int, int]] = [
    ("light", 1280, 900),
    ("dark", 1280, 900),
    ("light", 390, 844),
    ("dark", 390, 844),
]

ROWS = """
[...document.querySelectorAll('#subscriptions tbody tr')].map(
  (row) => [...row.cells].map((cell) => cell.textContent)
)
"""


class Page:
    """The console in a tab."""

    def __init__(self, tab: Tab):
        self.tab = tab

    def text(self, selector: str) -> str:
        return str(self.tab.evaluate(f"document.querySelector({selector!r})?.textContent ?? ''"))

    def until(self, selector: str, *texts: str) -> None:
        eventually(lambda: all(text in self.text(selector) for text in texts))

    def click(self, selector: str) -> None:
        self.tab.evaluate(f"document.querySelector({selector!r}).click()")

    def fill(self, selector: str, text: str) -> None:
        self.tab.evaluate(f"document.querySelector({selector!r}).value = {text!r}")

    def rows(self) -> list[list[str]]:
        """Return the rows of all updates that are shown: number, message, note; the latest first."""
        found: list[list[str]] = self.tab.evaluate(ROWS)
        return found

    def until_rows(self, count: int) -> list[list[str]]:
        eventually(lambda: len(self.rows()) >= count)
        return self.rows()


@pytest.fixture(scope="module")
def console(app: App) -> Iterator[Console]:
    console = Console(app.aws, app.outputs)
    with console.served():
        yield console


@pytest.fixture
def opened(console: Console, open_tab: Callable[[str], Tab]) -> Callable[..., Page]:
    """Return a function that opens the page with another fragment, and waits until it has subscribed."""

    def opened(fragment: str) -> Page:
        page = Page(open_tab(f"{console.address}#{fragment}"))
        page.until(".badge", "subscribed")
        return page

    return opened


def test_the_link_shows_an_event_of_the_aws_command(
    app: App, console: Console, open_tab: Callable[[str], Tab]
) -> None:
    page = Page(open_tab(console.link()))
    page.until(".badge", "subscribed")
    assert page.tab.evaluate("location.href") == console.address, "a token stays in the address bar"
    assert page.text("#state") == "connected"
    before = len(page.rows())
    app.put_example()
    row = page.until_rows(before + 1)[0]
    assert (row[0].isdigit(), row[1]) == (True, '"The example worked!"')
    assert page.text("#subscriptions h3") == ENTITY


def test_what_happens_while_the_network_is_cut_is_shown_once_and_in_order(
    app: App, opened: Callable[..., Page]
) -> None:
    page = opened(f"token={app.token()}&subscribe=console/cut")
    with app.client() as witness:
        witness.subscribe("console/cut")
        page.click("#put")
        live = page.until_rows(EVENTS_AT_ONCE)
        assert [row[2].split()[-1] for row in live] == ["ms"] * EVENTS_AT_ONCE
        page.click("#cut")
        page.until(".badge", "stale")
        page.until("#state", "waiting", "the network is cut")
        page.click("#put")
        page.until("#trial-note", "three events about console/cut are on EventBridge")
        for _ in range(2 * EVENTS_AT_ONCE):
            witness.receive()
    assert len(page.rows()) == EVENTS_AT_ONCE
    page.click("#cut")
    rows = page.until_rows(2 * EVENTS_AT_ONCE)
    assert [row[0] for row in rows] == ["6", "5", "4", "3", "2", "1"]
    assert [row[2] for row in rows[:EVENTS_AT_ONCE]] == ["replayed"] * EVENTS_AT_ONCE


def test_what_is_published_comes_back_with_its_latency(app: App, opened: Callable[..., Page]) -> None:
    page = opened(f"token={app.token()}&subscribe=console/publish")
    page.fill("#message", '<img src=x onerror="window.attacked = true">')
    page.click("#publish .primary")
    page.until("#outcome", "published as")
    ((number, message, note),) = page.until_rows(1)
    assert (number, message) == ("1", '"<img src=x onerror=\\"window.attacked = true\\">"')
    assert note.endswith(" ms")
    assert page.tab.evaluate("window.attacked") is None
    assert "publish" in page.text("#frames")


def test_a_refusal_says_what_and_why(app: App, opened: Callable[..., Page]) -> None:
    page = opened(f"token={app.token(subscribe=['console/mine'], publish=[])}&subscribe=console/mine")
    page.fill("#entity", "console/others")
    page.click("#subscribe .primary")
    page.until(".problem", "forbidden: Your token has no grant to subscribe to this.")
    page.click("#publish .primary")
    page.until("#outcome", "forbidden")


def test_the_end_of_the_token_is_told(app: App, opened: Callable[..., Page]) -> None:
    seconds, began = 9, time.time()
    page = opened(f"token={app.token(minutes=seconds / 60)}&subscribe=console/token")
    time.sleep(max(0.0, began + seconds + 1 - time.time()))
    app.run_expire()  # not when its minute comes: that may be a minute later
    page.until("#trial-note", "has the token ended")
    page.until(".badge", "stale")
    page.fill("#token", app.token())
    page.click("#connect .primary")
    page.until(".badge", "subscribed")


@pytest.mark.parametrize(("scheme", "width", "height"), SCREENS)
def test_axe_finds_nothing(
    app: App, opened: Callable[..., Page], scheme: Scheme, width: int, height: int
) -> None:
    page = opened(f"token={app.token()}&subscribe=console/axe")
    page.tab.look(scheme, width, height)
    page.fill("#entity", "a b/none")
    page.click("#subscribe .primary")
    page.click("#put")
    page.until_rows(1)
    page.tab.evaluate(AXE.read_text(encoding="utf-8") + "; 0")
    found = page.tab.evaluate(
        "axe.run().then(({ violations }) => violations.map(({ id, nodes }) => [id, nodes[0].html]))"
    )
    assert found == []
    assert page.tab.evaluate("document.documentElement.scrollWidth <= innerWidth"), "it scrolls sideways"


def test_everything_can_be_reached_by_the_keyboard(app: App, opened: Callable[..., Page]) -> None:
    page = opened(f"token={app.token()}&subscribe=console/keys")
    page.tab.evaluate("document.getElementById('entity').focus()")
    page.tab.type("console/typed")
    page.tab.press("Enter")
    page.until("#subscriptions h3", "console/typed")
    page.until(".badge", "subscribed")
    page.tab.evaluate("document.querySelector('#subscriptions button').focus()")
    page.tab.press("Enter")
    page.until("#subscriptions h3", "console/keys")

"""A token ends, or is refused."""

from collections.abc import Callable

from tests.browser.follower import Follower
from tests.browser.site import Site
from tests.e2e.conftest import App, eventually


def test_when_its_token_ends_a_page_changes_connections_without_a_gap(
    app: App, site: Site, follow: Callable[..., Follower]
) -> None:
    site.next_tokens.append(app.token("token end", minutes=0.4))
    page = follow("token/ends")
    app.run_expire()
    for message in range(10):
        app.put_event({"entityId": "token/ends", "message": message})
    eventually(lambda: page.sockets()[0].closed)
    app.put_event({"entityId": "token/ends", "message": 10})
    eventually(lambda: len(page.messages()) == 11)
    assert sorted(page.messages()) == [*range(11)]
    numbers = [told["sequence"] for told in page.told("update")]
    assert numbers == [*range(numbers[0], numbers[0] + 11)]
    old, new = page.sockets()
    assert {"type": "closing", "code": "token_expires", "reconnect": True} in (
        frame for _, frame in old.received
    )
    (subscribed_again,) = (at for at, frame in new.received if frame["type"] == "subscribed")
    assert old.closed
    assert subscribed_again < old.closed
    assert [told["state"] for told in page.told("subscription")] == ["subscribed"]
    assert [told["afterFailure"] for told in page.told("token")] == [False, False]
    assert len(page.told("reset")) == 1


def test_a_page_whose_token_is_refused_gets_another_one(site: Site, follow: Callable[..., Follower]) -> None:
    site.next_tokens.append("no-token-at-all")
    page = follow("token/refused")
    refused, accepted = page.sockets()
    assert (refused.opened, refused.actions) == (None, [])
    assert accepted.actions == ["subscribe"]
    assert [told["afterFailure"] for told in page.told("token")] == [False, True]

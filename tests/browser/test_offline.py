"""The network goes away and comes back."""

from collections.abc import Callable

from testbed.faulty_proxy import Fault
from tests.browser.bad_network import BadNetwork
from tests.browser.follower import Follower
from tests.e2e.client import Client
from tests.e2e.conftest import App

PATIENT = {"backoff": {"first": 120_000, "most": 120_000}, "random": 0.5}
"""A client that would wait for a minute before it connects again; after `online`, for half a second."""

AT_ONCE = 2000
"""What may pass between `online` and an attempt, in milliseconds. The client's jitter is up to a second."""


def test_who_waits_to_reconnect_does_so_as_soon_as_the_network_is_back(
    app: App, follow: Callable[..., Follower], bad_network: BadNetwork, connect: Callable[..., Client]
) -> None:
    page, stays = follow("offline/cut", bad_network.url, **PATIENT), connect()
    stays.subscribe("offline/cut")
    app.put_event({"entityId": "offline/cut", "message": 1})
    page.until_shown([1])
    stays.receive()
    page.set_network("offline")
    bad_network.fail(Fault.RESET)
    page.until("client", "waiting")
    _put_and_await(app, stays, "offline/cut", [2, 3])
    page.set_network("online")
    page.until_shown([1, 2, 3])
    assert _milliseconds_after_online(page, "connecting") < AT_ONCE
    _put_and_await(app, stays, "offline/cut", [4])
    page.until_shown([1, 2, 3, 4])
    assert len(page.told("reset")) == 1


def test_a_connection_that_died_unseen_is_found_out_as_soon_as_the_network_is_back(
    app: App, follow: Callable[..., Follower], bad_network: BadNetwork, connect: Callable[..., Client]
) -> None:
    page = follow("offline/dead", bad_network.url, pongTimeout=1000)
    stays = connect()
    stays.subscribe("offline/dead")
    page.set_network("offline")
    bad_network.fail(Fault.STALL)
    _put_and_await(app, stays, "offline/dead", [1, 2])
    assert page.told("client")[-1]["state"] == "connected"
    page.set_network("online")
    page.until_shown([1, 2])
    before, after = page.sockets()
    assert before.actions == ["subscribe", "ping"]
    assert after.actions == ["subscribe"]
    assert _milliseconds_after_online(page, "waiting") < 1000 + AT_ONCE
    _put_and_await(app, stays, "offline/dead", [3])
    page.until_shown([1, 2, 3])
    assert len(page.told("reset")) == 1


def _milliseconds_after_online(page: Follower, state: str) -> float:
    """Return how long after `online` the client came into a state, for the last time."""
    return float(page.told("client", state)[-1]["at"] - page.told("page", "online")[-1]["at"])


def _put_and_await(app: App, stays: Client, name: str, messages: list[int]) -> None:
    """Put updates, each when the one before has been pushed to another client."""
    for message in messages:
        app.put_event({"entityId": name, "message": message})
        assert stays.receive()["message"] == message

"""Names and addresses: all of them are used, those that fail are left out, and they are asked for again."""

import socket
import time
from collections.abc import Iterator
from typing import Any

import pytest
from entity_push.posting import addresses, transport
from entity_push.posting.posts import Outcome
from entity_push.runtime.endpoints import Endpoint
from entity_push.runtime.tls import default_ca_file

from tests.delivery.engine import Clock, deliver, deliverer_for, outcomes, posts
from tests.delivery.faults import FaultyEndpoint


class Names:
    """Answers `getaddrinfo` with chosen IPv4 addresses and ports."""

    def __init__(self, endpoint: FaultyEndpoint) -> None:
        self.live = int(endpoint.url.split(":")[2].split("/")[0])
        self.found: list[tuple[str, int]] | OSError = [("127.0.0.1", self.live)]
        self.asked = 0

    def __call__(self, *_arguments: object, **_more: object) -> list[Any]:
        self.asked += 1
        if isinstance(self.found, OSError):
            raise self.found
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", where) for where in self.found]


@pytest.fixture
def names(endpoint: FaultyEndpoint, monkeypatch: pytest.MonkeyPatch) -> Names:
    stand_in = Names(endpoint)
    monkeypatch.setattr(socket, "getaddrinfo", stand_in)
    return stand_in


@pytest.mark.parametrize(
    ("url", "port"), [("http://here", 80), ("https://here", 443), ("https://here:8443", 8443)]
)
def test_the_port_is_the_urls_or_the_schemes(monkeypatch: pytest.MonkeyPatch, url: str, port: int) -> None:
    asked: list[tuple[str, int]] = []
    monkeypatch.setattr(transport, "Addresses", lambda host, port, _clock: asked.append((host, port)))
    transport.Transport[None](Endpoint.at(url), default_ca_file(), 1).close()
    assert asked == [("here", port)]


def test_an_address_that_refuses_costs_no_attempt(endpoint: FaultyEndpoint, names: Names) -> None:
    names.found = [("127.0.0.1", 9), ("127.0.0.2", 9), ("127.0.0.1", names.live)]
    results = deliver(deliverer_for(endpoint, tries=1), posts(200))
    assert outcomes(results) == {Outcome.DELIVERED: 200}
    assert names.asked == 1


@pytest.fixture
def silent_address() -> Iterator[tuple[str, int]]:
    """An address whose backlog is full: further connections are not even refused."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full:
        where: tuple[str, int] = full.getsockname()
        waiting = [socket.socket() for _ in range(4)]
        for one in waiting:
            one.setblocking(False)
            one.connect_ex(where)
        yield where
        for one in waiting:
            one.close()


def test_an_address_that_is_silent_costs_a_while(
    endpoint: FaultyEndpoint,
    names: Names,
    silent_address: tuple[str, int],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(transport, "_CONNECT_SECONDS", 0.2)
    names.found = [silent_address, ("127.0.0.1", names.live)]
    began = time.monotonic()
    results = deliver(deliverer_for(endpoint, tries=1, timeout=10), posts(100))
    assert outcomes(results) == {Outcome.DELIVERED: 100}
    assert 0.2 < time.monotonic() - began < 8


def test_an_address_that_is_silent_is_no_fault_of_one_that_has_failed_before(
    endpoint: FaultyEndpoint, names: Names, silent_address: tuple[str, int]
) -> None:
    """It has one short silent try; that is not spent on a request that was never sent."""
    names.found = [silent_address, ("127.0.0.1", names.live)]
    results = deliver(deliverer_for(endpoint), [post._replace(suspect=True) for post in posts(20)])
    assert outcomes(results) == {Outcome.DELIVERED: 20}


def test_if_all_addresses_are_silent_so_is_the_endpoint(
    endpoint: FaultyEndpoint,
    names: Names,
    silent_address: tuple[str, int],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(transport, "_CONNECT_SECONDS", 0.2)
    names.found = [silent_address]
    results = deliver(deliverer_for(endpoint, timeout=0.5), posts(20))
    assert outcomes(results).keys() <= {Outcome.SILENT, Outcome.UNSENT}
    assert {result.reason for result in results.values()} <= {"no answer", "the endpoint does not answer"}


def test_all_addresses_are_used(endpoint: FaultyEndpoint, names: Names) -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=200) as second:
        second.setblocking(False)
        names.found = [second.getsockname(), ("127.0.0.1", names.live)]
        deliverer = deliverer_for(endpoint, tries=1, timeout=0.3)
        results = deliver(deliverer, posts(40))
        accepted = 0
        while True:
            try:
                second.accept()[0].close()
            except BlockingIOError:
                break
            accepted += 1
        assert accepted == outcomes(results)[Outcome.SILENT], "half of the posts"
        assert 10 <= accepted <= 16  # half of 4 * sqrt(40) connections, and only at first


def test_names_are_resolved_again(endpoint: FaultyEndpoint, names: Names) -> None:
    clock = Clock(time.time)
    deliverer = deliverer_for(endpoint, wall_clock=clock)
    names.found = [("127.0.0.1", 9)]
    assert outcomes(deliver(deliverer, posts(3), seconds=0.1))[Outcome.DELIVERED] == 0
    clock.pass_by(addresses._RESOLVE_SECONDS)
    names.found = [("127.0.0.1", names.live)]
    assert outcomes(deliver(deliverer, posts(3, "d"))) == {Outcome.DELIVERED: 3}
    names.found = OSError("the resolver is away")
    endpoint.close_connections()
    clock.pass_by(addresses._RESOLVE_SECONDS)
    assert outcomes(deliver(deliverer, posts(3, "e"))) == {Outcome.DELIVERED: 3}, "the old ones were fine"


def test_an_unknown_name_fails_without_asking_for_each_post(endpoint: FaultyEndpoint, names: Names) -> None:
    names.found = socket.gaierror(-2, "Name or service not known")
    results = deliver(deliverer_for(endpoint, tries=2), posts(300))
    assert outcomes(results) == {Outcome.RETRY: 300}
    assert "Name or service not known" in results["c0="].reason
    assert names.asked <= 2

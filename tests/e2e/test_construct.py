"""Two deployments in one stack of a team's own app: they share nothing, and commands tell them apart."""

import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path

import pytest

from local.deployment import Outputs, deploy_stack, read_outputs
from operations.deployment import outputs_of
from tests.e2e.client import Client, status_of_handshake
from tests.e2e.conftest import App

HOST = Path(__file__).with_name("host_app.py")


@pytest.fixture(scope="module")
def deployed(app: App) -> Mapping[str, Outputs]:
    """The outputs of both constructs, by their ids."""
    outputs = deploy_stack(app.aws, "Host", app=f"{sys.executable} {HOST}")
    return {name: read_outputs(app.aws, outputs_of(outputs, name)) for name in ("Orders", "Chat")}


def token(app: App, construct: str) -> str:
    """Return what the command prints for one of the constructs."""
    chosen = ["--stack", "Host", "--construct", construct, "--user", "alice", "--subscribe", "*"]
    return app.shell(sys.executable, "-m", "operations.token", *chosen).strip()


@pytest.fixture
def clients(app: App, deployed: Mapping[str, Outputs]) -> Iterator[dict[str, Client]]:
    """A client of each construct."""
    with ExitStack() as stack:
        yield {
            name: stack.enter_context(
                Client(outputs.web_socket_url, (), token=token(app, name), place="header")
            )
            for name, outputs in deployed.items()
        }


def test_an_event_on_the_bus_of_one_reaches_its_subscribers_alone(
    app: App, deployed: Mapping[str, Outputs], clients: Mapping[str, Client]
) -> None:
    for client in clients.values():
        client.subscribe("orders/42")
    for name, outputs in deployed.items():
        detail = json.dumps({"entityId": "orders/42", "message": name})
        entry = {"Source": "test", "DetailType": "Entity Updated", "Detail": detail}
        entry["EventBusName"] = outputs.event_bus_name
        assert app.aws.client("events").put_events(Entries=[entry])["FailedEntryCount"] == 0
    for name, client in clients.items():
        frame = client.receive()
        assert (frame["message"], frame["sequence"]) == (name, 1)
    assert clients["Orders"].hears_nothing(0.5)
    assert clients["Chat"].hears_nothing(0.01)


def test_a_token_of_one_does_not_open_the_other(app: App, deployed: Mapping[str, Outputs]) -> None:
    assert status_of_handshake(deployed["Chat"].web_socket_url, token(app, "Orders")) == 401
    assert deployed["Orders"].stack["TokenIssuer"] == "Host-Orders"

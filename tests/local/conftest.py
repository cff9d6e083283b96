"""One emulator for all tests of this folder, and the tests' stack on it."""

from collections.abc import Iterator

import pytest

from local.aws import LocalAws
from tests.local.started_emulator import start
from tests.local.websocket_stack import WebSocketStack, create_stack, template


@pytest.fixture(scope="session")
def aws() -> Iterator[LocalAws]:
    """Yield a started emulator."""
    emulator = start()
    yield emulator
    emulator.stop()


@pytest.fixture(scope="session")
def api(aws: LocalAws) -> WebSocketStack:
    """Return a WebSocket API made by CloudFormation, with a route for each behaviour."""
    return WebSocketStack(aws, create_stack(aws, "web-socket", template()))

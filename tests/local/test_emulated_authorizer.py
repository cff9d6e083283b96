"""What decides whether a client may connect, and what of it later events carry."""

import json
import time
from typing import Any

import pytest
from websockets.exceptions import InvalidStatus

from local.aws import LocalAws
from tests.local.authorized_stack import authorized_template
from tests.local.websocket_stack import WebSocketStack, ask, create_stack


@pytest.fixture(scope="module")
def guarded(aws: LocalAws) -> WebSocketStack:
    """A WebSocket API with an authorizer."""
    return WebSocketStack(aws, create_stack(aws, "authorized", authorized_template()))


@pytest.mark.parametrize(("then", "status"), [("unauthorized", 401), ("Deny", 403), ("fail", 500)])
def test_a_refused_handshake_has_the_status_that_the_authorizer_means(
    guarded: WebSocketStack, then: str, status: int
) -> None:
    with pytest.raises(InvalidStatus) as refusal:
        guarded.connect(f"?then={then}")
    assert refusal.value.response.status_code == status
    assert b"the table is gone" not in (refusal.value.response.body or b"")


def test_every_event_of_a_connection_carries_what_the_authorizer_said(
    aws: LocalAws, guarded: WebSocketStack
) -> None:
    with guarded.connect() as client:
        told = ask(client)
    assert (told["principalId"], told["number"]) == ("alice", "7")
    lines = _logged(aws, guarded.function, "DISCONNECT")
    for event_type in ("CONNECT", "MESSAGE", "DISCONNECT"):
        line = next(line for line in lines if line.startswith(f"{event_type} "))
        assert json.loads(line.split(" ", 2)[2]) == told


def test_repeated_headers_and_query_parameters_reach_the_authorizer(guarded: WebSocketStack) -> None:
    headers = [("X-Twice", "one"), ("X-Twice", "two"), ("X-Once", "1")]
    with guarded.connect("?a=1&a=2&b=3", additional_headers=headers) as client:
        seen: dict[str, Any] = json.loads(ask(client)["seen"])
    assert seen["headers"]["x-twice"] == "two"
    assert seen["multiValueHeaders"]["x-twice"] == ["one", "two"]
    assert seen["multiValueHeaders"]["x-once"] == ["1"]
    assert seen["queryStringParameters"] == {"a": "2", "b": "3"}
    assert seen["multiValueQueryStringParameters"] == {"a": ["1", "2"], "b": ["3"]}


def _logged(aws: LocalAws, function: str, last: str) -> list[str]:
    """Return what a function has printed, once a line begins with a word."""
    logs, give_up = aws.client("logs"), time.monotonic() + 20
    while True:
        events = logs.filter_log_events(logGroupName=f"/aws/lambda/{function}")["events"]
        lines = [event["message"].strip() for event in events]
        if any(line.startswith(f"{last} ") for line in lines):
            return lines
        assert time.monotonic() < give_up, lines
        time.sleep(0.1)

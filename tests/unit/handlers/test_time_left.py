"""Every function that a client waits for tells its calls to AWS how long the invocation has."""

import importlib
from contextlib import suppress
from typing import Any

import pytest
from entity_push.runtime import aws, invocations
from entity_push.runtime.environment import ENVIRONMENTS

WAITED_FOR = sorted(ENVIRONMENTS.keys() - {"push", "expire", "watch"})

EVENT = {
    "methodArn": "arn",
    "headers": {},
    "body": "{}",
    "requestContext": {"connectionId": "c1", "connectedAt": 1, "eventType": "MESSAGE"},
}


class Context:
    @staticmethod
    def get_remaining_time_in_millis() -> int:
        return 7000


@pytest.mark.parametrize("module", WAITED_FOR)
def test_its_calls_know_its_end(monkeypatch: pytest.MonkeyPatch, module: str) -> None:
    client: Any = object()
    monkeypatch.setattr(aws, "client", lambda _service: client)
    function: Any = importlib.reload(importlib.import_module(module))
    invocations.begin(None)
    with suppress(Exception):  # the event is no good one
        function.handler(EVENT, Context())
    assert 6 < invocations.seconds_left() + invocations.RESERVE_SECONDS <= 7
    invocations.begin(None)
    assert invocations.seconds_left() > 1e9

"""The scripted server finds what no server of the protocol would take."""

import json

import pytest

from clients.conformance.server import BreachError, checked


@pytest.mark.parametrize(
    "frame",
    [
        {"action": "ping"},
        {"action": "subscribe", "entityId": "orders/42", "requestId": "r" * 128},
        {"action": "subscribe", "entityIds": [str(number) for number in range(25)], "requestId": 2**53 - 1},
    ],
)
def test_good_frames_pass(frame: dict[str, object]) -> None:
    assert checked(json.dumps(frame)) == frame


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{", "not JSON"),
        ("[]", "no object"),
        ('{"entityId":"orders/42"}', "no object with an action"),
        ('{"action":"ping","requestId":""}', "requestId"),
        ('{"action":"ping","requestId":true}', "requestId"),
        ('{"action":"ping","requestId":1.5}', "requestId"),
        (json.dumps({"action": "ping", "requestId": "r" * 129}), "requestId"),
        (json.dumps({"action": "ping", "requestId": 2**53}), "requestId"),
        (
            json.dumps({"action": "subscribe", "entityIds": [str(number) for number in range(26)]}),
            "entityIds",
        ),
        ('{"action":"subscribe","entityIds":[]}', "entityIds"),
        (json.dumps({"action": "publish", "message": "m" * 32768}), "at most 32768"),
    ],
)
def test_bad_frames_are_breaches(text: str, told: str) -> None:
    with pytest.raises(BreachError, match=told):
        checked(text)

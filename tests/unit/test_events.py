import json
from typing import Any

import pytest
from entity_push.events import UnusableEventError, Update, parse_update
from hypothesis import given
from hypothesis import strategies as st

EVENT: dict[str, Any] = {
    "version": "0",
    "id": "6a7e8feb-b491-4cf7-a9f1-bf3703467718",
    "detail-type": "Entity Updated",
    "source": "CLI",
    "account": "111122223333",
    "time": "2026-11-22T18:43:48Z",
    "region": "us-east-1",
    "resources": [],
    "detail": {"entityId": "e1", "message": {"price": 7}},
}


def test_an_event_becomes_an_update() -> None:
    assert parse_update(json.dumps(EVENT)) == Update(
        channel="entity/e1",
        event_id="6a7e8feb-b491-4cf7-a9f1-bf3703467718",
        frame=b'{"type":"Entity Updated","entityId":"e1","message":{"price":7},'
        b'"id":"6a7e8feb-b491-4cf7-a9f1-bf3703467718","time":"2026-11-22T18:43:48Z"}',
    )


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"detail": {}}, "entityId"),
        ({"detail": {"entityId": 7}}, "entityId"),
        ({"detail": {"entityId": "a b"}}, "entityId"),
        ({"detail": "text"}, "not an EventBridge event"),
        ({"id": None}, "not an EventBridge event"),
        ({"time": 7}, "not an EventBridge event"),
        ({"detail-type": "Something Else"}, "detail-type"),
    ],
    ids=repr,
)
def test_an_unusable_event_says_why(change: dict[str, Any], reason: str) -> None:
    with pytest.raises(UnusableEventError, match=reason):
        parse_update(json.dumps({**EVENT, **change}))


@given(
    st.text()
    | st.dictionaries(st.sampled_from([*EVENT, "x"]), st.none() | st.text() | st.integers()).map(json.dumps)
)
def test_any_body_is_an_update_or_unusable(body: str) -> None:
    with pytest.raises(UnusableEventError):
        parse_update(body)

import json
from typing import Any

import pytest
from entity_push.cursors import Cursor
from entity_push.events import UnusableEventError, Update, parse_event
from entity_push.messages import read_message
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
    assert parse_event(EVENT, sent_at=7).at(Cursor("ab", 9)) == Update(
        channel="entity/e1",
        event_id="6a7e8feb-b491-4cf7-a9f1-bf3703467718",
        frame=b'{"type":"Entity Updated","entityId":"e1","message":{"price":7},'
        b'"id":"6a7e8feb-b491-4cf7-a9f1-bf3703467718","time":"2026-11-22T18:43:48Z",'
        b'"sequence":9,"cursor":"ab.9"}',
        sent_at=7,
        sequence=9,
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
        parse_event({**EVENT, **change}, sent_at=7)


@pytest.mark.parametrize(("letters", "oversize"), [(130_000, False), (132_000, True)])
def test_a_frame_over_128_kb_goes_without_its_message(letters: int, oversize: bool) -> None:
    detail = {"entityId": "e1", "message": "x" * letters}
    update = parse_event({**EVENT, "detail": detail}, sent_at=7).at(None)
    frame = json.loads(update.frame)
    assert update.oversize is oversize
    assert frame.get("oversize", False) is oversize
    assert ("message" in frame) is not oversize
    assert (frame["entityId"], frame["id"]) == ("e1", EVENT["id"])
    assert len(update.frame) <= 128 * 1024


@given(
    st.text()
    | st.dictionaries(st.sampled_from([*EVENT, "chunk", "x"]), st.none() | st.text() | st.integers()).map(
        json.dumps
    )
)
def test_any_body_is_a_message_or_unusable(body: str) -> None:
    with pytest.raises(UnusableEventError):
        read_message(body, sent_at=7)

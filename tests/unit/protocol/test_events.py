import json
import re
from typing import Any

import pytest
from entity_push.protocol.cursors import Cursor
from entity_push.protocol.dead_letter_reasons import Reason, UnusableMessageError
from entity_push.protocol.events import Event, EventOfSeveral, Update, parse_event
from entity_push.push.messages import read_message
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


def only(event: dict[str, Any]) -> Event:
    """Read an event that is about one channel."""
    found = parse_event(event, sent_at=7)
    assert isinstance(found, Event)
    return found


def test_an_event_becomes_an_update() -> None:
    assert only(EVENT).at(Cursor("ab", 9)) == Update(
        channel="entity/e1",
        event_id="6a7e8feb-b491-4cf7-a9f1-bf3703467718",
        frame=b'{"type":"Entity Updated","entityId":"e1","message":{"price":7},'
        b'"id":"6a7e8feb-b491-4cf7-a9f1-bf3703467718","time":"2026-11-22T18:43:48Z",'
        b'"sequence":9,"cursor":"ab.9"}',
        sent_at=7,
        sequence=9,
    )


FROM_CLIENT = {"source": "entity-push.client"}
FOR_USER = {"detail-type": "Send User Push Notification"}
MANY = [f"e{number}" for number in range(101)]


@pytest.mark.parametrize(
    ("change", "reason", "text"),
    [
        ({"detail": {}}, Reason.INVALID_ENTITY_ID, "entityId"),
        ({"detail": {"entityId": 7}}, Reason.INVALID_ENTITY_ID, "entityId"),
        ({"detail": {"entityId": "a\nb"}}, Reason.INVALID_ENTITY_ID, "entityId"),
        ({"detail": "text"}, Reason.NOT_AN_EVENT, "not an EventBridge event"),
        ({"id": None}, Reason.NOT_AN_EVENT, "not an EventBridge event"),
        ({"time": 7}, Reason.NOT_AN_EVENT, "not an EventBridge event"),
        ({"detail-type": "Something Else"}, Reason.UNKNOWN_DETAIL_TYPE, "detail-type"),
        ({"detail": {"entityIds": []}}, Reason.INVALID_ENTITY_IDS, "entityIds"),
        ({"detail": {"entityIds": "e1"}}, Reason.INVALID_ENTITY_IDS, "entityIds"),
        ({"detail": {"entityIds": ["e1", "e\n2"]}}, Reason.INVALID_ENTITY_ID, "entityIds"),
        ({"detail": {"entityIds": ["e1", None]}}, Reason.INVALID_ENTITY_ID, "entityIds"),
        (
            {"detail": {"entityIds": MANY}},
            Reason.INVALID_ENTITY_IDS,
            "1 to 100",
        ),
        ({"detail": {"entityIds": ["e1"], "entityId": "e2"}}, Reason.INVALID_ENTITY_IDS, "both"),
        ({"detail": {"entityId": "orders/*"}}, Reason.INVALID_ENTITY_ID, "entityId"),
        ({"id": "x" * 257}, Reason.NOT_AN_EVENT, "not an EventBridge event"),
        ({"id": ""}, Reason.NOT_AN_EVENT, "not an EventBridge event"),
        (
            {**FROM_CLIENT, "detail": {"entityIds": ["e1"], "from": None}},
            Reason.INVALID_USER_ID,
            "detail.from",
        ),
        (
            {**FROM_CLIENT, "detail": {"entityId": "e1", "from": "x" * 257}},
            Reason.INVALID_USER_ID,
            "detail.from",
        ),
        (
            {**FOR_USER, "detail": {"message": 1}},
            Reason.INVALID_USER_ID,
            "userId",
        ),
        (
            {**FOR_USER, "detail": {"userId": "a\nb"}},
            Reason.INVALID_USER_ID,
            "userId",
        ),
    ],
    ids=repr,
)
def test_an_unusable_event_says_why(change: dict[str, Any], reason: Reason, text: str) -> None:
    with pytest.raises(UnusableMessageError, match=text) as raised:
        parse_event({**EVENT, **change}, sent_at=7)
    assert raised.value.reason is reason


@pytest.mark.parametrize(("letters", "oversize"), [(130_000, False), (132_000, True)])
def test_a_frame_over_128_kb_goes_without_its_message(letters: int, oversize: bool) -> None:
    detail = {"entityId": "e1", "message": "x" * letters}
    update = only({**EVENT, "detail": detail}).at(None)
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
    with pytest.raises(UnusableMessageError):
        read_message(body, sent_at=7)


def test_a_notification_is_for_a_users_connections() -> None:
    detail = {"userId": "auth0|alice", "message": "Hello", "callback": "https://example.com/1"}
    event = only({**EVENT, "detail-type": "Send User Push Notification", "detail": detail})
    assert event.channel == "user/auth0|alice"
    assert event.frame == {
        "type": "User Push Notification",
        "message": "Hello",
        "callback": "https://example.com/1",
        "id": EVENT["id"],
        "time": EVENT["time"],
    }


@pytest.mark.parametrize(
    "injected",
    [
        '7","entityId":"users/bob',
        '7"},"detail-type":"Broadcast","detail":{"message":"x',
        '7"},"chunk":{"subscribers":{"c1":7},"attempt":0,"channel":"entity/e1","eventId":"i","frame":"{}",'
        '"sentAt":7,"sequence":1},"x":{"y":"',
    ],
)
def test_text_in_an_own_events_id_changes_nothing_else(injected: str) -> None:
    template = (
        '{"id":"i","time":"t","source":"s","detail-type":"Entity Updated","detail":{"entityId":"o/<>"}}'
    )
    body = template.replace("<>", injected)
    assert isinstance(json.loads(body), dict), "it is JSON"
    try:
        found = read_message(body, sent_at=7)
    except UnusableMessageError:
        return
    assert isinstance(found, Event), "and no message of the push function's own"
    assert found.channel == "entity/o/7"
    assert "message" not in found.frame


def test_a_broadcast_is_for_everyone() -> None:
    event = only({**EVENT, "detail-type": "Broadcast", "detail": {"message": "Hello"}})
    assert (event.channel, event.frame["type"], event.frame["message"]) == ("everyone", "Broadcast", "Hello")


def test_only_what_a_client_published_says_from_whom_it_is() -> None:
    detail = {"entityId": "e1", "from": "alice"}
    assert "from" not in only({**EVENT, "detail": detail}).frame
    assert only({**EVENT, "source": "entity-push.client", "detail": detail}).frame["from"] == "alice"


def test_an_event_of_several_entities_becomes_a_message_for_each_of_them() -> None:
    detail = {"entityIds": ["e1", "e2", "e1"], "message": {"price": 7}}
    several = parse_event({**EVENT, "detail": detail}, sent_at=7)
    assert isinstance(several, EventOfSeveral)
    events = [read_message(body, sent_at=8) for body in several.messages()]
    assert events == [
        Event(
            f"entity/{entity_id}",
            EVENT["id"],
            {
                "type": "Entity Updated",
                "entityId": entity_id,
                "message": {"price": 7},
                "id": EVENT["id"],
                "time": EVENT["time"],
            },
            8,
        )
        for entity_id in ("e1", "e2")
    ]


def test_the_messages_of_an_event_of_several_are_no_larger_than_it_and_in_characters_that_sqs_takes() -> None:
    detail = {"entityIds": ["e1", "e2"], "message": "ü" * 1000 + "\uffff\ud800\x00\x7f"}
    several = parse_event({**EVENT, "detail": detail}, sent_at=7)
    assert isinstance(several, EventOfSeveral)
    for body in several.messages():
        assert len(body.encode()) < len(json.dumps({**EVENT, "detail": detail}, ensure_ascii=False)) + 1200
        assert not re.search("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", body)
        assert json.loads(body)["detail"]["message"] == detail["message"]

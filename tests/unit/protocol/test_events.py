import json
import re
import unicodedata
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


JSON = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-2, 2**53 + 2),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=130),
    st.text(st.characters(), max_size=4),
    st.sampled_from(["", "x" * 128, "x" * 129, "a\x00", "\u00a0", "\ufdd0", 2**53 - 1, 2**53]),
    st.lists(st.integers(), max_size=2),
    st.dictionaries(st.text(max_size=2), st.integers(), max_size=2),
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
        *(
            (
                {"detail": {"entityId": "e1", "version": version}},
                Reason.INVALID_VERSION,
                "0 to 9007199254740991",
            )
            for version in (-1, 2**53, 7.0, True, "7", None, [7])
        ),
        *(
            ({"detail": {"entityId": "e1", "id": own_id}}, Reason.INVALID_ID, "1 to 128 printable")
            for own_id in ("", "x" * 129, 7, None, "a\n", "\u202e", "\ud800", ["x"])
        ),
        ({"detail": {"entityIds": ["e1", "e2"], "version": "7"}}, Reason.INVALID_VERSION, "detail.version"),
        ({"detail": {"entityIds": ["e1", "e2"], "id": 7}}, Reason.INVALID_ID, "detail.id"),
        ({**FOR_USER, "detail": {"userId": "alice", "version": 1e3}}, Reason.INVALID_VERSION, "1000.0"),
        ({"detail-type": "Broadcast", "detail": {"id": {}}}, Reason.INVALID_ID, "not a string"),
        ({"source": "s" * 257, "detail": {"entityId": "e1", "id": "x"}}, Reason.NOT_AN_EVENT, "source"),
        ({"source": None, "detail": {"entityIds": ["e1"], "id": "x"}}, Reason.NOT_AN_EVENT, "source"),
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


@pytest.mark.parametrize("cursor", [None, Cursor("epoch", 7)], ids=["unnumbered", "numbered"])
def test_a_frame_is_measured_as_it_goes_out_with_its_number(cursor: Cursor | None) -> None:
    """A byte more than 128 KB, and API Gateway would refuse it."""

    def of(letters: int) -> Update:
        return only({**EVENT, "detail": {"entityId": "e1", "message": "x" * letters}}).at(cursor)

    room = 128 * 1024 - len(of(0).frame)
    assert (len(of(room).frame), of(room).oversize) == (128 * 1024, False)
    assert of(room + 1).oversize


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


KINDS = [
    ("Entity Updated", {"entityId": "e1"}, "entity/e1"),
    ("Send User Push Notification", {"userId": "alice"}, "user/alice"),
    ("Broadcast", {}, "everyone"),
]


@pytest.mark.parametrize(("kind", "detail", "channel"), KINDS)
@pytest.mark.parametrize("version", [0, 7, 2**53 - 1])
def test_an_event_of_any_kind_may_have_a_version_and_an_id_of_its_own(
    kind: str, detail: dict[str, Any], channel: str, version: int
) -> None:
    event = only({**EVENT, "detail-type": kind, "detail": {**detail, "version": version, "id": "Order 7/é"}})
    assert (event.channel, event.version, event.own_id) == (channel, version, ("source/CLI", "", "Order 7/é"))
    assert (event.frame["version"], event.frame["ownId"]) == (version, "Order 7/é")
    assert event.frame["id"] == EVENT["id"]
    assert event.identity == (EVENT["id"], "")


@pytest.mark.parametrize(("kind", "detail", "channel"), KINDS)
def test_an_event_without_them_has_neither(kind: str, detail: dict[str, Any], channel: str) -> None:
    event = only({**EVENT, "detail-type": kind, "detail": detail})
    assert (event.channel, event.version, event.own_id) == (channel, None, None)
    assert not {"version", "ownId"} & event.frame.keys()


def test_each_of_several_entities_gets_the_events_version_and_id() -> None:
    detail = {"entityIds": ["e1", "e2"], "version": 7, "id": "x"}
    several = parse_event({**EVENT, "detail": detail}, sent_at=7)
    assert isinstance(several, EventOfSeveral)
    for body in several.messages():
        event = read_message(body, sent_at=8)
        assert isinstance(event, Event)
        assert (event.version, event.own_id) == (7, ("source/CLI", "", "x"))


def own_id_of(source: str, **detail: Any) -> Any:
    return only({**EVENT, "source": source, "detail": {"entityId": "e1", "id": "x", **detail}}).own_id


def test_nobodys_id_is_that_of_another() -> None:
    client = "entity-push.client"
    senders = [
        own_id_of("shop"),
        own_id_of("shop.eu"),
        own_id_of(client),
        own_id_of(client, **{"from": "alice"}),
        own_id_of(client, **{"from": "mallory"}),
        own_id_of(client, **{"from": "shop"}),
        own_id_of(client, **{"from": "source/shop"}),
        own_id_of(client, **{"from": "c1="}),
        own_id_of(client, connection="c1="),
        own_id_of(client, connection="c2="),
        own_id_of(client, connection="alice"),
    ]
    assert len(set(senders)) == len(senders)
    assert own_id_of(client, **{"from": "alice", "connection": "c1="}) == senders[3]


def test_a_service_can_not_speak_for_a_client_by_the_fields_of_its_event() -> None:
    assert own_id_of("shop", **{"from": "alice", "connection": "c1="}) == own_id_of("shop")


@given(st.sampled_from(["version", "id"]), JSON)
def test_any_value_as_version_or_id_is_taken_as_it_is_or_a_dead_letter(name: str, value: Any) -> None:
    own = {**EVENT, "detail": {"entityId": "e1", name: value}}
    if not is_fit(name, value):
        with pytest.raises(UnusableMessageError, match=rf"^detail\.{name}: ") as raised:
            parse_event(own, sent_at=7)
        assert raised.value.reason is {"version": Reason.INVALID_VERSION, "id": Reason.INVALID_ID}[name]
        return
    event = only(own)
    assert event.frame[{"version": "version", "id": "ownId"}[name]] is value
    assert len(event.frame.keys() & {"version", "ownId"}) == 1


def is_fit(name: str, value: Any) -> bool:
    """Tell whether a version or an id is of the documented form."""
    if name == "version":
        return type(value) is int and 0 <= value < 2**53
    return (
        isinstance(value, str)
        and 1 <= len(value) <= 128
        and all(char == " " or unicodedata.category(char)[0] not in "CZ" for char in value)
    )

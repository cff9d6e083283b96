"""Error frames: they tell the fault that was found, name what they are about, and stay small."""

import json
from typing import Any

import pytest
from entity_push.auth.bearer import ANONYMOUS
from entity_push.protocol.actions import ACTION_NAMES
from entity_push.protocol.frames import MAX_ERROR_BYTES, Frame
from entity_push.protocol.ids import is_repeatable
from entity_push.routes.interests import answer_each
from entity_push.routes.message_route import Request, message_route
from entity_push.routes.publications import publication_in
from entity_push.table.connections import Connection, Connections
from hypothesis import example, given
from hypothesis import strategies as st

from tests.unit.conftest import NOW, TABLE_NAME
from tests.unit.handlers.routes import Send, open_connection

ID_FAULTS: list[tuple[object, str]] = [
    (42, "is a number, not a string."),
    (4.2, "is a number, not a string."),
    (True, "is a boolean, not a string."),
    (None, "is null, not a string."),
    (["e1"], "is a list, not a string."),
    ({"id": "e1"}, "is an object, not a string."),
    ("", "is empty."),
    ("x" * 257, "has 257 characters, which is more than 256."),
    ("訂" * 171, "has 513 bytes in UTF-8, which is more than 512."),
    ("a\nb", "has the character U+000A (a control character) in place 2."),
    ("\x85", "has the character U+0085 (a control character) in place 1."),
    ("ab\ud800", "has the character U+D800 (a lone surrogate) in place 3."),
    ("\ufdd0", "has the character U+FDD0 (a noncharacter) in place 1."),
    ("\U0001fffe", "has the character U+1FFFE (a noncharacter) in place 1."),
]


@pytest.mark.parametrize("module", ["subscribe", "unsubscribe", "publish"])
@pytest.mark.parametrize(
    ("value", "fault"),
    [
        *ID_FAULTS,
        ("#everyone", 'is the grant "#everyone".'),
    ],
    ids=lambda value: ascii(value)[:20],
)
def test_an_entity_id_is_told_its_fault(
    send: Send, dynamodb: Any, module: str, value: object, fault: str
) -> None:
    open_connection(dynamodb, "*")
    answer = send(module, {"action": module, "entityId": value})
    assert answer["code"] == "invalid_entity_id"
    assert answer["message"].startswith(f"The entityId {fault}")


@pytest.mark.parametrize(
    ("value", "repeated"),
    [
        ("x" * 256, True),
        ("x" * 257, False),
        ("é" * 256, True),
        ("訂" * 171, False),
        ("a b", True),
        ("", True),
        ("#everyone", True),
        ("a\x00", False),
        ("a\n", False),
        ("\ud800", False),
        ("\uffff", False),
        (7, False),
        (["e1"], False),
    ],
    ids=lambda value: ascii(value)[:20],
)
@pytest.mark.parametrize("name", ["entityId", "channel", "roomId"])
def test_what_a_frame_names_is_repeated_if_it_is_short_and_harms_no_reader(
    send: Send, name: str, value: object, repeated: bool
) -> None:
    answer = send("default", {"action": "fly", name: value})
    assert answer.get(name) == (value if repeated else None)


@pytest.mark.parametrize(
    ("pattern", "fault"),
    [("*", 'is a pattern, since it is "*".'), ("orders/*", 'is a pattern, since it ends in "/*".')],
)
def test_where_no_pattern_may_be_it_is_told_so(send: Send, pattern: str, fault: str) -> None:
    answer = send("publish", {"action": "publish", "entityId": pattern})
    assert answer["message"] == f"The entityId {fault} An update is of one entity."
    assert answer["entityId"] == pattern


def test_a_pattern_is_told_how_many_segments_are_too_many(send: Send, dynamodb: Any) -> None:
    open_connection(dynamodb, "*")
    answer = send("subscribe", {"action": "subscribe", "entityId": "a/b/c/d/e/f/*"})
    assert answer["message"] == 'The entityId has 6 segments before its "/*", which is more than 5.'


def test_who_takes_everyone_for_an_entity_is_told_the_channel(send: Send, dynamodb: Any) -> None:
    open_connection(dynamodb, "*")
    answer = send("subscribe", {"action": "subscribe", "entityId": "#everyone"})
    assert answer["message"] == 'The entityId is the grant "#everyone". Everyone is {"channel":"everyone"}.'


@pytest.mark.parametrize(
    ("module", "fields", "hint"),
    [
        ("subscribe", {"entityID": "e1"}, ' It has "entityID": did you mean "entityId"?'),
        ("subscribe", {"entity_id": "e1"}, ' It has "entity_id": did you mean "entityId"?'),
        ("subscribe", {"ENTITYIDS": []}, ' It has "ENTITYIDS": did you mean "entityIds"?'),
        ("unsubscribe", {"Channel": "user"}, ' It has "Channel": did you mean "channel"?'),
        ("subscribe", {"entity": "e1"}, ""),
        ("subscribe", {"e" + "_" * 99 + "ntityId": 1}, ""),
        ("publish", {"entityid": "e1"}, ' It has "entityid": did you mean "entityId"?'),
        ("publish", {"entity": "e1"}, ""),
    ],
)
def test_a_field_that_is_missing_is_named_with_the_one_that_was_meant(
    send: Send, dynamodb: Any, module: str, fields: Frame, hint: str
) -> None:
    open_connection(dynamodb, "*")
    answer = send(module, {"action": module, **fields})
    assert answer["code"] == "invalid_entity_id"
    assert answer["message"] == f'The frame has no "entityId".{hint}'


@pytest.mark.parametrize(
    ("channel", "message"),
    [
        (7, 'The channel is a number, not a string. An entity is an "entityId".'),
        (
            "Everyone",
            'The channel is neither "everyone" nor "user". Did you mean "everyone"?'
            ' An entity is an "entityId".',
        ),
        ("orders/1", 'The channel is neither "everyone" nor "user". An entity is an "entityId".'),
        ("", 'The channel is neither "everyone" nor "user". An entity is an "entityId".'),
    ],
)
def test_a_channel_is_told_its_fault(send: Send, dynamodb: Any, channel: object, message: str) -> None:
    open_connection(dynamodb, "*")
    answer = send("subscribe", {"action": "subscribe", "channel": channel})
    assert (answer["code"], answer["message"]) == ("invalid_channel", message)
    assert answer.get("channel") == (channel if isinstance(channel, str) else None)


def test_where_there_are_no_users_their_channel_is_told_so(
    send: Send, dynamodb: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AUTHORIZATION", "none")
    Connections(dynamodb, TABLE_NAME).open(Connection("c1", NOW * 1000, "192.0.2.1", "wscat", ANONYMOUS))
    answer = send("subscribe", {"action": "subscribe", "channel": "user"})
    assert answer["message"].startswith('The channel "user" is there only where connecting takes a token.')
    assert answer["channel"] == "user"


@pytest.mark.parametrize(
    ("room_id", "fault"),
    [
        (7, "is a number, not a string."),
        ("", "is empty."),
        ("x" * 251, 'with "rooms/" before it has 257 characters, which is more than 256.'),
        ("*", 'with "rooms/" before it is a pattern, since it ends in "/*".'),
        ("a\tb", 'with "rooms/" before it has the character U+0009 (a control character) in place 8.'),
    ],
)
def test_a_room_is_told_its_fault(send: Send, room_id: object, fault: str) -> None:
    answer = send("publish", {"action": "onMessage", "roomId": room_id, "message": 1})
    assert (answer["code"], answer["message"]) == ("invalid_entity_id", f"The roomId {fault}")
    assert answer.get("roomId") == (room_id if is_repeatable(room_id) else None)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({}, 'The frame has no "message". It may be any JSON.'),
        (
            {"Message": 1},
            'The frame has no "message". It has "Message": did you mean "message"? It may be any JSON.',
        ),
    ],
)
def test_a_missing_message_is_told_and_the_room_named(send: Send, fields: Frame, message: str) -> None:
    answer = send("publish", {"action": "onMessage", "roomId": "r1", **fields})
    assert answer == {"type": "error", "code": "invalid_message", "message": message, "roomId": "r1"}


@pytest.mark.parametrize(
    ("own_id", "fault"),
    [
        (7, "is a number, not a string."),
        ("", "is empty."),
        ("x" * 129, "has 129 characters, which is more than 128."),
        ("a\u00a0b", "has the character U+00A0 (not printable) in place 2."),
    ],
)
def test_an_id_of_ones_own_is_told_its_fault(send: Send, own_id: object, fault: str) -> None:
    answer = send("publish", {"action": "publish", "entityId": "orders/1", "id": own_id})
    assert (answer["code"], answer["entityId"]) == ("invalid_id", "orders/1")
    assert answer["message"].startswith(f"The id {fault}")


@pytest.mark.parametrize(
    ("named", "since", "message"),
    [
        ({"entityId": "e1"}, 7, 'The "since" is a number, not a string.'),
        ({"entityId": "e1"}, {}, 'The "since" is an object, not a string.'),
        ({"entityId": "e1"}, "yesterday", 'The "since" is no cursor.'),
        ({"channel": "user"}, "yesterday", 'The "since" is no cursor.'),
        ({"entityIds": ["e1"]}, "ab.7", 'The "since" is a string, not an object.'),
    ],
)
def test_a_since_is_told_its_fault(
    send: Send, dynamodb: Any, named: Frame, since: object, message: str
) -> None:
    open_connection(dynamodb, "*")
    answer = send("subscribe", {"action": "subscribe", **named, "since": since})
    assert answer["code"] == "invalid_cursor"
    assert answer["message"].startswith(message)
    assert named.items() >= {name: answer[name] for name in ("entityId", "channel") if name in answer}.items()
    assert "entityIds" in named or named.items() <= answer.items()


@pytest.mark.parametrize(
    ("entity_ids", "message"),
    [
        ("e1", '"entityIds" is a string.'),
        ([], '"entityIds" has 0 ids.'),
        (["e1"] * 26, '"entityIds" has 26 ids.'),
    ],
)
def test_a_list_is_told_its_fault(send: Send, dynamodb: Any, entity_ids: object, message: str) -> None:
    open_connection(dynamodb, "*")
    answer = send("subscribe", {"action": "subscribe", "entityIds": entity_ids})
    assert answer["message"] == f"{message} It is a list of 1 to 25 entity ids."


def test_of_several_each_error_names_its_entity_or_at_least_its_place(send: Send, dynamodb: Any) -> None:
    open_connection(dynamodb, "orders/*")
    ids = ["orders/1", "secret", 7, "a\nb", "#everyone", "orders/2"]
    since = {"orders/2": 5}
    answers = send("subscribe", {"action": "subscribe", "entityIds": ids, "since": since})["answers"]
    assert [(item.get("code"), item.get("entityId")) for item in answers] == [
        (None, "orders/1"),
        ("forbidden", "secret"),
        ("invalid_entity_id", None),
        ("invalid_entity_id", None),
        ("invalid_entity_id", "#everyone"),
        ("invalid_cursor", "orders/2"),
    ]
    assert answers[2]["message"] == "entityIds[2] is a number, not a string."
    assert answers[3]["message"].startswith("entityIds[3] has the character U+000A")


@pytest.mark.parametrize("named", [{"entityId": "orders/1"}, {"channel": "user"}, {"entityId": "orders/*"}])
@pytest.mark.parametrize("module", ["subscribe", "unsubscribe"])
def test_whatever_a_frame_fails_for_the_error_names_what_it_was_about(
    send: Send, dynamodb: Any, module: str, named: Frame
) -> None:
    frame = {"action": module, **named, "requestId": 1}
    assert send(module, frame).items() >= {"code": "connection_gone", **named}.items()
    open_connection(dynamodb, expires=NOW)
    assert send(module, frame).items() >= {"code": "token_expired", **named}.items()
    dynamodb.delete_table(TableName=TABLE_NAME)
    assert send(module, frame).items() >= {"code": "internal_error", "requestId": 1, **named}.items()


@pytest.mark.parametrize(
    ("frame", "named"),
    [
        ({"action": "publish", "entityId": "orders/1"}, {"entityId": "orders/1"}),
        ({"action": "onMessage", "roomId": "r1", "message": 1}, {"roomId": "r1"}),
        ({"action": "onMessage", "message": 1}, {}),
    ],
)
def test_what_may_not_be_published_is_named(send: Send, dynamodb: Any, frame: Frame, named: Frame) -> None:
    open_connection(dynamodb)
    answer = send("publish", frame)
    whom = "this" if named else "everyone"
    message = f"Your token has no grant to publish to {whom}."
    assert answer == {"type": "error", "code": "forbidden", "message": message, **named}


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        ({}, 'The frame has no "action".'),
        ({"Action": "ping"}, 'The frame has no "action". It has "Action": did you mean "action"?'),
        ({"action": 5}, "The action is a number, not a string."),
        ({"action": "fly"}, 'There is no action "fly".'),
        ({"action": "Subscribe"}, 'There is no action "Subscribe". Did you mean "subscribe"?'),
        ({"action": "on_message"}, 'There is no action "on_message". Did you mean "onMessage"?'),
        ({"action": "x" * 65}, "There is no such action."),
        ({"action": "a\nb"}, "There is no such action."),
    ],
)
def test_an_action_is_told_its_fault_and_all_that_there_are(send: Send, frame: Frame, message: str) -> None:
    answer = send("default", {**frame, "entityId": "e1"})
    assert answer["message"] == f"{message} Actions: {', '.join(ACTION_NAMES)}."
    assert answer["entityId"] == "e1"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "The frame is empty."),
        ("subscribe", "The frame is not JSON: Expecting value (line 1, column 1)."),
        ('{"action":\n "ping"', "The frame is not JSON: Expecting ',' delimiter (line 2, column 8)."),
        ('{"action":"ping', "The frame is not JSON: Unterminated string (line 1, column 11)."),
        ('{"a":"\n"}', "The frame is not JSON: Invalid control character (line 1, column 7)."),
        ('{"a":NaN}', "The frame is not JSON: NaN is not JSON."),
        ('{"a":1,"a":2}', "The frame is not JSON: a name is repeated in an object."),
        ('{"a":' + "9" * 5000 + "}", "The frame is not JSON: a number has over 4,300 digits."),
        ("[" * 30_000, "The frame is not JSON: it is nested deeper than 100 levels."),
        ("[" * 101 + "]" * 101, "The frame is not JSON: it is nested deeper than 100 levels."),
        ('"subscribe"', "The frame is a string, not an object."),
        ("[{}]", "The frame is a list, not an object."),
    ],
    ids=lambda text: repr(text)[:20],
)
def test_what_is_no_object_is_told_where_the_fault_is(send: Send, text: str, message: str) -> None:
    assert send("default", text)["message"] == f'{message} Send one like {{"action":"ping"}}.'


@pytest.mark.parametrize(
    ("request_id", "fault"),
    [
        (True, "is a boolean"),
        ("", "has 0 characters"),
        ("x" * 129, "has 129 characters"),
        (2**53, "is a number"),
    ],
)
def test_a_request_id_is_told_its_fault(send: Send, request_id: object, fault: str) -> None:
    answer = send("default", {"action": "ping", "requestId": request_id})
    assert answer["code"] == "invalid_request_id"
    assert answer["message"].startswith(f"The requestId {fault}. It is a string of 1 to 128 characters")


def test_a_frame_that_is_too_large_is_told_how_large_it_is(send: Send) -> None:
    answer = send("default", '{"a":"' + "x" * 40_000 + '"}')
    assert answer["message"] == "The frame has 40,008 bytes, which is more than 32,768. Send less at once."


NASTY = st.one_of(
    st.text(max_size=300),
    st.sampled_from(["\x00" * 128, "\ud800" * 256, '"' * 256, '"' * 171 + "😀" * 85, "\\" * 128, "é" * 256]),
    st.sampled_from(["#everyone", "*", "a/*", "user", "everyone", "entityID", "subscribe", "", "x" * 9_000]),
)
VALUES = st.one_of(
    NASTY,
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False),
    st.lists(NASTY, max_size=30),
    st.dictionaries(NASTY, NASTY, max_size=2),
)
NAMES = st.sampled_from(
    [
        "action",
        "entityId",
        "entityIds",
        "channel",
        "roomId",
        "message",
        "id",
        "since",
        "requestId",
        "entityID",
    ]
)
ACTIONS = st.sampled_from(["subscribe", "publish", "onMessage"])
BODIES = st.one_of(
    st.text(max_size=50),
    st.dictionaries(NAMES | NASTY, VALUES, max_size=6).map(json.dumps),
    st.builds(
        lambda fields, action: json.dumps({**fields, "action": action}),
        st.dictionaries(NAMES, VALUES),
        ACTIONS,
    ),
)
WIDEST = '"' * 171 + "😀" * 85
CONNECTION = Connection("c1", NOW * 1000, "192.0.2.1", "test", ANONYMOUS)


@message_route(most_frame_bytes=32 * 1024, deployment_name="test")
def any_route(request: Request) -> Frame:
    """Read a frame as its action's route does, and fail at the latest then."""
    fields = request.frame.fields
    if fields.get("action") in ("publish", "onMessage"):
        publication_in(fields)
    elif fields.get("action") == "subscribe":
        return answer_each(fields, CONNECTION, lambda questions, _room: [{"type": "x"} for _ in questions])
    raise RuntimeError("whatever fails last")


@given(BODIES)
@example(
    json.dumps({"action": "publish", "entityId": WIDEST, "requestId": "\x00" * 128, "id": "\ud800" * 200})
)
@example(json.dumps({"action": "onMessage", "roomId": WIDEST, "requestId": "\ud800" * 128}))
@example(json.dumps({"action": "subscribe", "channel": WIDEST, "entityId": WIDEST, "roomId": WIDEST}))
@example(
    json.dumps({"action": "subscribe", "entityIds": [WIDEST + "\x00", "\ud800" * 256, WIDEST[:-1] + "\n"]})
)
def test_every_error_is_small_and_json_and_repeats_only_what_harms_nobody(body: str) -> None:
    response = any_route({"requestContext": {"connectionId": "c1"}, "body": body}, None)
    answer = json.loads(response["body"].encode())
    errors = [item for item in answer.get("answers", [answer]) if item["type"] == "error"]
    for error in errors:
        assert (
            len(json.dumps(error, ensure_ascii=False, separators=(",", ":")).encode(errors="replace")) <= 2048
        )
        assert set(error) <= {"type", "code", "message", "entityId", "channel", "roomId", "requestId"}
        assert all(is_repeatable(error[name]) for name in ("entityId", "channel", "roomId") if name in error)
        error["message"].encode()
    if answer["type"] == "error":
        assert len(response["body"].encode()) <= MAX_ERROR_BYTES == 2048

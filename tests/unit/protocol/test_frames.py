import json
from typing import Any

import pytest
from entity_push.protocol import frames
from entity_push.protocol.catch_up import CatchUp
from entity_push.protocol.closing_codes import ClosingCode
from entity_push.protocol.cursors import Cursor
from entity_push.protocol.errors import ErrorCode, ProtocolError
from entity_push.protocol.frames import ClientFrame, parse_client_frame
from hypothesis import given
from hypothesis import strategies as st

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        "subscribe",
        "{",
        '{"action":NaN}',
        '{"a":Infinity}',
        "[" * 100_000,
        '{"a":' + "9" * 5000 + "}",
        '{"a":1e400}',
        '{"action":"ping","action":"subscribe"}',
        '{"message":{"a":1,"a":1}}',
        '{"a":-1e400}',
        '{"a":' + "[" * 100 + "]" * 100 + "}",
    ],
    ids=lambda text: repr(text)[:20],
)
def test_what_is_not_json_is_refused(text: str | None) -> None:
    with pytest.raises(ProtocolError) as raised:
        parse_client_frame(text)
    assert raised.value.code is ErrorCode.INVALID_JSON


@pytest.mark.parametrize("text", ["[]", '"subscribe"', "1", "null"])
def test_json_that_is_no_object_is_refused(text: str) -> None:
    with pytest.raises(ProtocolError) as raised:
        parse_client_frame(text)
    assert raised.value.code is ErrorCode.INVALID_FRAME


@pytest.mark.parametrize("request_id", ["r1", "x" * 128, 0, -7, 2**53 - 1, None])
def test_a_request_id_is_read(request_id: Any) -> None:
    frame = parse_client_frame(json.dumps({"action": "ping", "requestId": request_id}))
    assert frame.request_id == request_id


@pytest.mark.parametrize("request_id", ["", "x" * 129, 2**53, 1.5, True, [], {}])
def test_an_unusable_request_id_is_refused(request_id: Any) -> None:
    with pytest.raises(ProtocolError) as raised:
        parse_client_frame(json.dumps({"action": "ping", "requestId": request_id}))
    assert raised.value.code is ErrorCode.INVALID_REQUEST_ID


@given(st.text() | JSON.map(json.dumps))
def test_any_text_is_a_frame_or_a_protocol_error(text: str) -> None:
    try:
        frame = parse_client_frame(text)
    except ProtocolError:
        return
    assert isinstance(frame.fields, dict)


@given(JSON)
def test_encoded_frames_are_json_in_utf_8_and_mean_the_same(value: Any) -> None:
    assert json.loads(frames.encode({"message": value}).decode("utf-8")) == {"message": value}


def test_encoding_is_compact_and_does_not_escape_text() -> None:
    assert frames.encode({"type": "x", "message": "Grüße"}) == '{"type":"x","message":"Grüße"}'.encode()


def test_a_lone_surrogate_is_escaped() -> None:
    assert frames.encode({"message": "\ud800"}) == rb'{"message":"\ud800"}'
    assert frames.encode({"message": "ü\udfff"}) == b'{"message":"\xc3\xbc\\udfff"}', "and nothing else is"


@pytest.mark.parametrize(
    ("frame", "wire"),
    [
        (
            frames.answer(
                frames.subscribed({"entityId": "e1"}, already_subscribed=False, catch_up=CatchUp()), "r"
            ),
            '{"type":"subscribed","entityId":"e1","alreadySubscribed":false,"cursor":null,'
            '"recovered":false,"updates":[],"more":false,"latest":null,"requestId":"r"}',
        ),
        (
            frames.subscribed(
                {"channel": "everyone"},
                already_subscribed=True,
                catch_up=CatchUp(Cursor("ab", 7), recovered=True, updates=[{"sequence": 7}], more=True),
            ),
            '{"type":"subscribed","channel":"everyone","alreadySubscribed":true,"cursor":"ab.7",'
            '"recovered":true,"updates":[{"sequence":7}],"more":true,"latest":null}',
        ),
        (
            frames.unsubscribed({"entityId": "e1"}, was_subscribed=True),
            '{"type":"unsubscribed","entityId":"e1","wasSubscribed":true}',
        ),
        (
            frames.numbered({"type": "Entity Updated", "entityId": "e1"}, Cursor("ab", 7)),
            '{"type":"Entity Updated","entityId":"e1","sequence":7,"cursor":"ab.7"}',
        ),
        (
            frames.closing(ClosingCode.TOKEN_EXPIRES, reconnect=True),
            '{"type":"closing","code":"token_expires","reconnect":true}',
        ),
        (frames.pong(), '{"type":"pong"}'),
        (
            frames.error(
                ProtocolError(ErrorCode.FORBIDDEN, "No."),
                ClientFrame({"entityId": "e1", "roomId": "r1", "channel": None}, 0),
            ),
            '{"type":"error","code":"forbidden","message":"No.","requestId":0}',
        ),
        (
            frames.error(
                ProtocolError(ErrorCode.FORBIDDEN, "No."), ClientFrame({"entityId": "e1", "roomId": "r1"}, 0)
            ),
            '{"type":"error","code":"forbidden","message":"No.","roomId":"r1","requestId":0}',
        ),
        (
            frames.entity_updated(
                "e1", event_id="i", time="t", detail={"entityId": "e1", "message": None}, sender=None
            ),
            '{"type":"Entity Updated","entityId":"e1","message":null,"id":"i","time":"t"}',
        ),
        (
            frames.entity_updated("e1", event_id="i", time="t", detail={"entityId": "e1"}, sender="alice"),
            '{"type":"Entity Updated","entityId":"e1","from":"alice","id":"i","time":"t"}',
        ),
        (
            frames.user_push_notification(
                event_id="i",
                time="t",
                detail={"userId": "u", "message": "m", "callback": "https://x", "other": 1},
                sender=None,
            ),
            '{"type":"User Push Notification","message":"m","callback":"https://x","id":"i","time":"t"}',
        ),
        (
            frames.broadcast(event_id="i", time="t", detail={"message": "Hello everyone"}, sender="alice"),
            '{"type":"Broadcast","message":"Hello everyone","from":"alice","id":"i","time":"t"}',
        ),
        (frames.published({"roomId": "r1"}, "i", own_id=None), '{"type":"published","roomId":"r1","id":"i"}'),
        (
            frames.several(
                [
                    frames.unsubscribed({"entityId": "e1"}, was_subscribed=True),
                    frames.error_about(7, ProtocolError(ErrorCode.INVALID_ENTITY_ID, "No.")),
                    frames.error_about("e 2", ProtocolError(ErrorCode.INVALID_ENTITY_ID, "No.")),
                ]
            ),
            '{"type":"answers","answers":[{"type":"unsubscribed","entityId":"e1","wasSubscribed":true},'
            '{"type":"error","code":"invalid_entity_id","message":"No."},'
            '{"type":"error","code":"invalid_entity_id","message":"No.","entityId":"e 2"}]}',
        ),
    ],
)
def test_frames_are_on_the_wire_as_documented(frame: frames.Frame, wire: str) -> None:
    assert frames.encode(frame).decode() == wire


def test_a_frame_may_be_nested_a_hundred_levels_deep() -> None:
    text = '{"a":' + "[" * 99 + "]" * 99 + "}"
    assert parse_client_frame(text).fields == json.loads(text)
    flat = json.dumps({"a": [[]] * 1000})
    assert parse_client_frame(flat).fields == json.loads(flat), "brackets side by side are not levels"


def test_a_frame_without_its_message_is_without_everything_that_may_be_large() -> None:
    frame = {"type": "User Push Notification", "message": 1, "callback": "x" * 200_000, "id": "i"}
    assert frames.without_message(frame) == {
        "type": "User Push Notification",
        "id": "i",
        "oversize": True,
    }

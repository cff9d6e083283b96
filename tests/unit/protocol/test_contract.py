"""Every frame that is built, and every id that is taken, is one of asyncapi.yaml."""

import json
import unicodedata
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from entity_push.protocol import frames
from entity_push.protocol.catch_up import CatchUp
from entity_push.protocol.closing_codes import ClosingCode
from entity_push.protocol.cursors import Cursor, new_epoch
from entity_push.protocol.errors import ErrorCode, ProtocolError
from entity_push.protocol.event_rules import read_rules
from entity_push.protocol.events import Event, parse_event
from entity_push.protocol.frames import ClientFrame, Frame
from entity_push.protocol.ids import InvalidEntityIdError, checked_entity_id, checked_pattern
from entity_push.protocol.own_events import read_own_event
from hypothesis import given
from hypothesis import strategies as st

from specification.document import schemas
from tests.contract import by_type, check_server_frame, faults

EVENT = {"id": "6a7e8feb-b491-4cf7-a9f1-bf3703467718", "time": "2026-11-22T18:43:48Z", "source": "shop"}
SAID = {"message": {"a": [1]}, "callback": "https://example.com", "version": 17, "id": "mine"}
NAMED: tuple[dict[str, str], ...] = ({"entityId": "orders/42"}, {"entityId": "orders/*"}, {"channel": "user"})


def parsed(kind: str, detail: dict[str, Any], **others: str) -> Frame:
    event = parse_event({**EVENT, **others, "detail-type": kind, "detail": detail}, sent_at=7)
    assert isinstance(event, Event)
    frame: Frame = json.loads(event.at(Cursor(new_epoch(), 1)).frame)
    return frame


def by_rule(audience: dict[str, Any]) -> Frame:
    (rule,) = read_rules([{"name": "paid", "pattern": {"source": ["shop"]}, **audience}])
    event = read_own_event(rule, {**EVENT, "detail-type": "Paid", "detail": {"order": 7}}, sent_at=7)
    assert isinstance(event, Event)
    return event.frame


def pushed() -> Iterator[Frame]:
    """Yield frames of updates: with all that they may have, and with as little."""
    for kind, whom, audience in (
        ("Entity Updated", {"entityId": "orders/42"}, {"entityId": "orders/{$.detail.order}"}),
        ("Send User Push Notification", {"userId": "alice"}, {"userId": "{$.detail.order}"}),
        ("Broadcast", {}, {"broadcast": True}),
    ):
        yield parsed(kind, {**whom, **SAID})
        yield parsed(kind, whom)
        yield parsed(kind, {**whom, "from": "alice"}, source="entity-push.client")
        yield parsed(kind, {**whom, "message": "x" * 200_000})
        yield by_rule(audience)


def answers() -> Iterator[Frame]:
    """Yield answers to each kind of frame."""
    past = CatchUp(Cursor("ab", 7), recovered=True, updates=list(pushed())[:2], more=True)
    for named in NAMED:
        yield frames.subscribed(named, already_subscribed=False, catch_up=CatchUp())
        yield frames.subscribed(named, already_subscribed=True, catch_up=past)
        yield frames.subscribed(named, already_subscribed=True, catch_up=CatchUp(latest=next(pushed())))
        yield frames.unsubscribed(named, was_subscribed=True)
    for whom in ({"entityId": "orders/42"}, {"roomId": "r1"}, {}):
        yield frames.published(whom, EVENT["id"], "mine")
        yield frames.published(whom, EVENT["id"])
    for code in ErrorCode:
        for asked in (
            {"entityId": "orders/42"},
            {"roomId": "r1", "entityId": "a"},
            {"channel": "everyone"},
            {},
        ):
            yield frames.error(ProtocolError(code, "No."), ClientFrame(asked, 0))
        yield frames.error_about("a\nb", ProtocolError(code, "No."))


BUILT = [
    *pushed(),
    *answers(),
    *(frames.answer(frame, "r1") for frame in answers()),
    frames.answer(frames.several(list(answers())[:4]), 7),
    frames.pong(),
    *(frames.closing(code, reconnect=True) for code in ClosingCode),
]


@pytest.mark.parametrize("frame", BUILT, ids=lambda frame: str(frame["type"]))
def test_a_frame_is_one_of_the_document(frame: Frame) -> None:
    check_server_frame(json.loads(frames.encode(frame)))


def test_every_frame_and_field_of_the_document_is_built() -> None:
    """A field that the code leaves out is red here, even one that the document does not require."""
    built: dict[str, set[str]] = {}
    for frame in BUILT:
        built.setdefault(frame["type"], set()).update(frame)
    assert built == {kind: set(schemas()[name]["properties"]) for kind, name in by_type().items()}


@pytest.mark.parametrize("frame", BUILT, ids=lambda frame: str(frame["type"]))
def test_a_frame_that_lacks_a_field_or_has_another_one_is_none(frame: Frame) -> None:
    for name in schemas()[by_type()[frame["type"]]]["required"]:
        with pytest.raises(AssertionError, match="asyncapi"):
            check_server_frame({key: value for key, value in frame.items() if key != name})
    with pytest.raises(AssertionError, match="unheardOf"):
        check_server_frame({**frame, "unheardOf": 1})


def passes(check: Callable[[str], object], text: str) -> bool:
    try:
        check(text)
    except InvalidEntityIdError:
        return False
    return True


def is_told_by_no_schema(text: str) -> bool:
    """Tell whether an id is wrong for its bytes, or for characters that only Unicode's tables tell."""
    return (
        len(text.encode(errors="replace")) > 512
        or {"Cs", "Cn"} & set(map(unicodedata.category, text)) != set()
    )


@given(st.text() | st.text("a/*#\n", max_size=12) | st.sampled_from(["#everyone", "#everyone/", "a" * 257]))
def test_ids_and_patterns_are_those_of_the_document(text: str) -> None:
    for name, check in (("EntityId", checked_entity_id), ("Pattern", checked_pattern)):
        said, taken = not faults(name, text), passes(check, text)
        assert said is taken or (said and is_told_by_no_schema(text)), name

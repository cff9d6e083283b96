"""asyncapi.yaml is an AsyncAPI document, and says what the code says."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from entity_push.protocol import cursors, event_rules, events, ids
from entity_push.protocol.actions import ACTION_NAMES
from entity_push.protocol.closing_codes import ClosingCode
from entity_push.protocol.dead_letter_reasons import Reason
from entity_push.protocol.errors import ErrorCode
from entity_push.protocol.frames import MAX_REQUEST_ID_LENGTH, MAX_REQUEST_ID_NUMBER
from entity_push.push import dead_letters
from entity_push.routes.interests import MAX_ENTITY_IDS
from jsonschema import Draft7Validator  # type: ignore[import-untyped]

from specification.__main__ import FILES, SCHEMAS, made
from specification.document import ROOT, document, needed, referred, schemas
from specification.typescript import UnknownKeywordError, type_of
from tests.contract import faults

ASYNCAPI = ROOT / "node_modules" / "@asyncapi" / "specs" / "schemas"
MESSAGES = document()["components"]["messages"]


def at(path: str) -> Any:
    """Return what is at a path in the schemas: names and numbers, with dots between them."""
    found: Any = schemas()
    for name in path.split("."):
        found = found[int(name) if isinstance(found, list) else name]
    return found


def test_it_is_an_asyncapi_document() -> None:
    version = document()["asyncapi"]
    schema = json.loads((ASYNCAPI / f"{version}-without-$id.json").read_text(encoding="utf-8"))
    found = list(Draft7Validator(schema).iter_errors(document()))
    assert [(list(error.absolute_path), error.message[:300]) for error in found] == []


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("ErrorCode.enum", set(ErrorCode)),
        ("ClosingCode.enum", set(ClosingCode)),
        ("DeadLetterReason.enum", set(Reason)),
        ("EntityId.maxLength", ids.MAX_ENTITY_ID_LENGTH),
        ("UserId.maxLength", ids.MAX_USER_ID_LENGTH),
        ("Publisher.maxLength", ids.MAX_USER_ID_LENGTH),
        ("OwnId.maxLength", ids.MAX_OWN_ID_LENGTH),
        ("RequestId.anyOf.0.maxLength", MAX_REQUEST_ID_LENGTH),
        ("RequestId.anyOf.1.exclusiveMaximum", MAX_REQUEST_ID_NUMBER),
        ("RequestId.anyOf.1.exclusiveMinimum", -MAX_REQUEST_ID_NUMBER),
        ("Version.maximum", events.MAX_VERSION),
        ("Source.maxLength", events.MAX_TEXT_LENGTH),
        ("SubscribeToSeveral.properties.entityIds.maxItems", MAX_ENTITY_IDS),
        ("UnsubscribeFromSeveral.properties.entityIds.maxItems", MAX_ENTITY_IDS),
        ("Answers.properties.answers.maxItems", MAX_ENTITY_IDS),
        ("EntityUpdatedEvent.properties.detail.properties.entityIds.maxItems", events.MAX_ENTITIES),
        ("PublishedUpdateEvent.properties.source.const", events.CLIENT_SOURCE),
        ("PublishedBroadcastEvent.properties.source.const", events.CLIENT_SOURCE),
        ("DeadLetterAttributes.properties.reason.maxLength", dead_letters.MAX_TEXT_LENGTH),
        (
            "DeadLetterAttributes.properties",
            {dead_letters.CODE_ATTRIBUTE, dead_letters.TEXT_ATTRIBUTE},
        ),
    ],
)
def test_it_says_what_the_code_says(path: str, said: object) -> None:
    found = at(path)
    assert (set(found) if isinstance(said, set) else found) == said


def test_the_patterns_are_those_of_the_code() -> None:
    assert at("Cursor.pattern").strip("^$") == cursors._CURSOR.pattern
    assert f"{{1,{ids.MAX_PATTERN_LEVELS}}}" in at("Pattern.pattern")
    assert at("RuleName.pattern").strip("^$") == event_rules._NAME.pattern


def constants(names: list[str], field: str) -> set[str]:
    """Return the values that a field may have in some schemas."""
    rules = [at(name)["properties"][field] for name in names]
    return {value for rule in rules for value in rule.get("enum", [rule.get("const")])}


def test_every_action_has_a_frame_and_no_other() -> None:
    frames = list(referred(at("ClientFrame")))
    assert constants(frames, "action") == set(ACTION_NAMES)


def test_every_detail_type_has_an_event_and_no_other() -> None:
    assert constants(list(referred(at("Event"))), "detail-type") == set(events.DETAIL_TYPES)


@pytest.mark.parametrize("name", MESSAGES)
def test_every_message_has_examples_and_they_are_right(name: str) -> None:
    message = MESSAGES[name]
    assert message["examples"]
    for example in message["examples"]:
        assert faults(message["payload"]["$ref"].rpartition("/")[2], example["payload"]) == []
        if "headers" in message:
            assert faults(message["headers"]["$ref"].rpartition("/")[2], example["headers"]) == []


def test_every_message_is_in_a_channel_and_in_an_operation() -> None:
    channels: Mapping[str, Any] = document()["channels"]
    here = {
        f"#/channels/{channel}/messages/{name}": reference["$ref"].rpartition("/")[2]
        for channel, told in channels.items()
        for name, reference in told["messages"].items()
    }
    used = {
        reference["$ref"]
        for operation in document()["operations"].values()
        for part in (operation, operation.get("reply", {}))
        for reference in part.get("messages", ())
    }
    assert used == here.keys()
    assert set(here.values()) == MESSAGES.keys()


def test_every_schema_is_needed() -> None:
    said = {name for message in MESSAGES.values() for name in referred(message)}
    assert set(needed(*said, *FILES)) == schemas().keys()


@pytest.mark.parametrize("path", made(), ids=lambda path: path.name)
def test_what_is_made_from_it_is_up_to_date(path: Path) -> None:
    assert path.read_text(encoding="utf-8") == made()[path], "run: python -m specification"


def test_nothing_is_left_of_what_was_made_before() -> None:
    assert set(SCHEMAS.iterdir()) == {path for path in made() if path.parent == SCHEMAS}


def test_a_keyword_that_has_no_type_is_a_mistake() -> None:
    with pytest.raises(UnknownKeywordError, match="patternProperties"):
        type_of({"type": "object", "patternProperties": {}})


@pytest.mark.parametrize(
    ("frame", "is_one"),
    [
        ({"action": "subscribe", "entityId": "a", "more": 1}, True),
        ({"action": "subscribe", "channel": "user", "entityId": "a"}, True),
        ({"action": "subscribe", "entityIds": ["a"], "channel": "user", "entityId": 7}, True),
        ({"action": "subscribe", "entityIds": [], "entityId": "a"}, False),
        ({"action": "subscribe", "channel": "nobody", "entityId": "a"}, False),
        ({"action": "unsubscribe", "channel": "user"}, False),
        ({"action": "publish", "entityId": "orders/*"}, False),
        ({"action": "onMessage"}, False),
    ],
)
def test_a_clients_frame_is_told_as_the_server_reads_it(frame: dict[str, Any], is_one: bool) -> None:
    assert (faults("ClientFrame", frame) == []) is is_one

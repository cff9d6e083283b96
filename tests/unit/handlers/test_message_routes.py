"""Every message route's handler, from API Gateway's event to its response."""

from typing import Any

import pytest
from entity_push.auth.bearer import ANONYMOUS
from entity_push.protocol import frames
from entity_push.protocol.channels import everyone_list
from entity_push.protocol.events import Event
from entity_push.table.calls import one_by_one, run
from entity_push.table.connections import Connection, Connections
from entity_push.table.history import History

from tests.unit.conftest import NOW, TABLE_NAME, all_items
from tests.unit.handlers.routes import Send, forbidden_counted, open_connection


@pytest.fixture
def connected(dynamodb: Any) -> None:
    open_connection(dynamodb, "*")


@pytest.mark.usefixtures("connected")
def test_subscribe_and_unsubscribe_are_acknowledged(send: Send) -> None:
    frame = {"action": "subscribe", "entityId": "e1", "requestId": "r1"}
    expected = {
        "type": "subscribed",
        "entityId": "e1",
        "alreadySubscribed": False,
        "requestId": "r1",
        **{"recovered": False, "updates": [], "more": False, "latest": None},
    }
    answer = send("subscribe", frame)
    cursor = answer.pop("cursor")
    assert cursor.endswith(".0")
    assert answer == expected
    again = send("subscribe", {**frame, "since": cursor})
    assert again == {**expected, "alreadySubscribed": True, "cursor": cursor, "recovered": True}
    frame = {"action": "unsubscribe", "entityId": "e1"}
    expected = {"type": "unsubscribed", "entityId": "e1", "wasSubscribed": True}
    assert send("unsubscribe", frame) == expected
    assert send("unsubscribe", frame) == {**expected, "wasSubscribed": False}


def test_a_connection_that_is_gone_gets_a_code_and_leaves_no_item(send: Send, dynamodb: Any) -> None:
    answer = send("subscribe", {"action": "subscribe", "entityId": "e1"})
    assert answer["code"] == "connection_gone"
    assert all_items(dynamodb) == []


@pytest.mark.usefixtures("connected")
def test_the_limit_of_subscriptions_has_a_code(send: Send) -> None:
    for number in range(3):
        send("subscribe", {"action": "subscribe", "entityId": f"e{number}"})
    answer = send("subscribe", {"action": "subscribe", "entityId": "e3"})
    assert answer["code"] == "too_many_subscriptions"
    assert "at most 3" in answer["message"]


@pytest.mark.parametrize("module", ["subscribe", "unsubscribe"])
@pytest.mark.parametrize("fields", [{}, {"entityId": None}, {"entityId": "a\nb"}, {"entityId": ["e1"]}])
def test_an_unusable_entity_id_has_a_code_and_changes_nothing(
    send: Send, dynamodb: Any, module: str, fields: dict[str, Any]
) -> None:
    open_connection(dynamodb, "*")
    before = all_items(dynamodb)
    answer = send(module, {"action": module, "requestId": 5, **fields})
    assert answer["type"] == "error"
    assert answer["code"] == "invalid_entity_id"
    assert answer["requestId"] == 5
    assert all_items(dynamodb) == before


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        ("hello", "invalid_json"),
        ("[1]", "invalid_frame"),
        ({"requestId": []}, "invalid_request_id"),
        ({"hello": 1}, "missing_action"),
        ({"action": "fly"}, "unknown_action"),
        ({"action": None}, "unknown_action"),
    ],
)
def test_default_says_what_is_wrong(send: Send, frame: Any, code: str) -> None:
    answer = send("default", frame)
    assert (answer["type"], answer["code"]) == ("error", code)


def test_a_failure_of_ours_is_an_error_frame_too(send: Send, dynamodb: Any) -> None:
    dynamodb.delete_table(TableName="table")
    answer = send("subscribe", {"action": "subscribe", "entityId": "e1", "requestId": "r1"})
    assert answer["code"] == "internal_error"
    assert answer["requestId"] == "r1"


@pytest.mark.parametrize(
    ("grants", "entity_id", "allowed"),
    [
        (("orders/*",), "orders/42", True),
        (("orders/*",), "orders/42/lines/1", True),
        (("orders/*",), "orders", False),
        (("orders/*",), "ordersX/1", False),
        (("orders/42",), "orders/42", True),
        (("orders/42",), "orders/420", False),
        (("a", "b"), "b", True),
        ((), "orders/42", False),
    ],
)
def test_subscribing_needs_a_grant_and_without_one_changes_nothing(
    send: Send, dynamodb: Any, grants: tuple[str, ...], entity_id: str, allowed: bool
) -> None:
    open_connection(dynamodb, *grants)
    before = all_items(dynamodb)
    frame = {"action": "subscribe", "entityId": entity_id, "requestId": "r1", "grants": ["*"]}
    answer = send("subscribe", frame)
    if allowed:
        assert answer["type"] == "subscribed"
    else:
        assert (answer["code"], answer["requestId"]) == ("forbidden", "r1")
        assert all_items(dynamodb) == before


def test_probing_for_entities_is_counted_and_logged(
    send: Send, dynamodb: Any, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    open_connection(dynamodb, "orders/*")
    send("subscribe", {"action": "subscribe", "entityId": "orders/1"})
    assert forbidden_counted(capsys) == 0
    send("subscribe", {"action": "subscribe", "entityId": "salaries/bob"})
    assert forbidden_counted(capsys) == 1
    fields = vars(caplog.records[-1])
    assert (fields["connection_id"], fields["user_id"]) == ("c1", "alice")
    assert (fields["action"], fields["entity"]) == ("subscribe", "salaries/bob")
    send("subscribe", {"action": "subscribe", "entityIds": ["orders/1", "a", "b", "no\nid", "c"]})
    assert forbidden_counted(capsys) == 3


def test_a_connection_whose_token_has_expired_can_do_nothing(send: Send, dynamodb: Any) -> None:
    open_connection(dynamodb, "*", expires=NOW)
    before = all_items(dynamodb)
    assert send("subscribe", {"action": "subscribe", "entityId": "e1"})["code"] == "token_expired"
    assert all_items(dynamodb) == before


def test_who_came_in_before_a_token_was_asked_for_can_do_nothing_now(
    send: Send, dynamodb: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    stranger = Connection("c1", NOW * 1000, "192.0.2.1", "wscat", ANONYMOUS)
    Connections(dynamodb, TABLE_NAME).open(stranger)
    assert send("subscribe", {"action": "subscribe", "entityId": "e1"})["code"] == "token_expired"
    monkeypatch.setenv("AUTHORIZATION", "none")
    assert send("subscribe", {"action": "subscribe", "entityId": "e1"})["type"] == "subscribed"


@pytest.mark.usefixtures("connected")
def test_a_subscription_ends_with_the_token(send: Send, dynamodb: Any) -> None:
    send("subscribe", {"action": "subscribe", "entityId": "e1"})
    (subscription,) = [item for item in all_items(dynamodb) if item["sk"].startswith("SUBSCRIBER")]
    assert subscription["ttl"] == str(NOW + 3600)


@pytest.mark.parametrize("module", ["subscribe", "unsubscribe", "default"])
def test_a_frame_that_is_too_large_has_a_code(send: Send, module: str) -> None:
    assert send(module, '{"a":"' + "ü" * 16_381 + '"}')["code"] == "frame_too_large"
    assert send(module, '{"a":"' + "ü" * 16_380 + '"}')["code"] != "frame_too_large"


@pytest.mark.parametrize(
    ("grants", "pattern", "code"),
    [
        (("*",), "*", None),
        (("*",), "orders/*", None),
        (("orders/*",), "orders/*", None),
        (("orders/*",), "orders/eu/*", None),
        (("orders/*",), "*", "forbidden"),
        (("orders/eu/*",), "orders/*", "forbidden"),
        (("orders/42",), "orders/*", "forbidden"),
        (("*",), "a/b/c/d/e/f/*", "invalid_entity_id"),
        (("*",), "x" * 257 + "/*", "invalid_entity_id"),
        (("*",), "a\n/*", "invalid_entity_id"),
        (("gid://shop/*",), "gid://shop/Order/*", None),
        (("/aws/*",), "/*", "forbidden"),
    ],
)
def test_a_pattern_is_subscribed_to_where_a_grant_covers_all_of_it_and_has_no_past(
    send: Send, dynamodb: Any, grants: tuple[str, ...], pattern: str, code: str | None
) -> None:
    open_connection(dynamodb, *grants)
    answer = send("subscribe", {"action": "subscribe", "entityId": pattern, "since": "ab.7"})
    assert answer.get("code") == code
    if code is None:
        assert answer["entityId"] == pattern
        assert (answer["recovered"], answer["cursor"], answer["updates"]) == (False, None, [])
        assert send("unsubscribe", {"action": "unsubscribe", "entityId": pattern})["wasSubscribed"]


def test_the_users_and_everyones_channel_need_no_grant_and_have_a_past(send: Send, dynamodb: Any) -> None:
    open_connection(dynamodb)
    for channel in ("user", "everyone"):
        answer = send("subscribe", {"action": "subscribe", "channel": channel})
        assert (answer["type"], answer["channel"]) == ("subscribed", channel)
        again = send("subscribe", {"action": "subscribe", "channel": channel, "since": answer["cursor"]})
        assert again["recovered"]
    channels = {item["pk"] for item in all_items(dynamodb) if item["sk"].startswith("SUBSCRIBER")}
    assert channels == {"CHANNEL#user/alice", f"CHANNEL#{everyone_list('c1')}"}


def test_a_connection_stays_in_its_users_channel_by_which_they_are_counted(send: Send, dynamodb: Any) -> None:
    open_connection(dynamodb)
    send("subscribe", {"action": "subscribe", "channel": "user"})
    before = all_items(dynamodb)
    assert send("unsubscribe", {"action": "unsubscribe", "channel": "user"})["code"] == "invalid_channel"
    assert all_items(dynamodb) == before


def test_the_limit_is_of_entities_and_patterns(send: Send, dynamodb: Any) -> None:
    open_connection(dynamodb, "*")
    for entity_id in ("e1", "e2", "a/*"):
        assert send("subscribe", {"action": "subscribe", "entityId": entity_id})["type"] == "subscribed"
    for channel in ("user", "everyone"):
        assert send("subscribe", {"action": "subscribe", "channel": channel})["type"] == "subscribed"
    assert send("subscribe", {"action": "subscribe", "entityId": "e3"})["code"] == "too_many_subscriptions"


@pytest.mark.parametrize("channel", ["user/bob", "entity/e1", "", None, 7, ["user"]])
def test_no_other_channel_can_be_named(send: Send, dynamodb: Any, channel: object) -> None:
    open_connection(dynamodb, "*")
    assert send("subscribe", {"action": "subscribe", "channel": channel})["code"] == "invalid_channel"


def test_several_entities_get_an_answer_each(send: Send, dynamodb: Any) -> None:
    open_connection(dynamodb, "orders/*")
    ids = ["orders/1", "secret", "orders/2", "no\nid", 7]
    answer = send("subscribe", {"action": "subscribe", "entityIds": ids, "requestId": "r1"})
    assert (answer["type"], answer["requestId"]) == ("answers", "r1")
    assert [(item["type"], item.get("code"), item.get("entityId")) for item in answer["answers"]] == [
        ("subscribed", None, "orders/1"),
        ("error", "forbidden", "secret"),
        ("subscribed", None, "orders/2"),
        ("error", "invalid_entity_id", None),
        ("error", "invalid_entity_id", None),
    ]
    null = send("subscribe", {"action": "subscribe", "entityIds": ["orders/1"], "since": None})
    assert null["answers"][0]["type"] == "subscribed"
    since = {"orders/1": answer["answers"][0]["cursor"], "orders/2": "nonsense"}
    again = send("subscribe", {"action": "subscribe", "entityIds": ["orders/1", "orders/2"], "since": since})
    assert again["answers"][0]["recovered"]
    assert again["answers"][1]["code"] == "invalid_cursor"
    gone = send("unsubscribe", {"action": "unsubscribe", "entityIds": ["orders/1", "orders/2", "x"]})
    assert [item["wasSubscribed"] for item in gone["answers"]] == [True, True, False]


def test_of_several_the_first_that_fit_are_subscribed(send: Send, dynamodb: Any) -> None:
    open_connection(dynamodb, "*")
    send("subscribe", {"action": "subscribe", "entityId": "e2"})
    ids = ["e1", "e2", "e3", "e4", "e1"]
    answers = send("subscribe", {"action": "subscribe", "entityIds": ids})["answers"]
    assert [(item.get("alreadySubscribed"), item.get("code"), item["entityId"]) for item in answers] == [
        (False, None, "e1"),
        (True, None, "e2"),
        (False, None, "e3"),
        (None, "too_many_subscriptions", "e4"),
        (True, None, "e1"),
    ]
    assert answers[0]["cursor"] == answers[4]["cursor"]


def test_an_entity_that_is_named_twice_ends_once(send: Send, dynamodb: Any) -> None:
    open_connection(dynamodb, "*")
    send("subscribe", {"action": "subscribe", "entityIds": ["e1", "e1"]})
    answers = send("unsubscribe", {"action": "unsubscribe", "entityIds": ["e1", "e2", "e1"]})["answers"]
    assert [item["wasSubscribed"] for item in answers] == [True, False, False]


def test_names_that_take_too_much_together_are_told_so(
    send: Send, dynamodb: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SUBSCRIPTIONS_PER_CONNECTION", "1000")
    open_connection(dynamodb, "*")
    answers = []
    for start in range(0, 275, 25):
        ids = [f"{number:0256}" for number in range(start, start + 25)]
        answers += send("subscribe", {"action": "subscribe", "entityIds": ids})["answers"]
    codes = [item.get("code") for item in answers]
    assert codes == [None] * 248 + ["too_many_subscriptions"] * 27
    assert "65,536 bytes" in answers[-1]["message"]


def append(dynamodb: Any, event: Event) -> None:
    run(History(TABLE_NAME, replay_seconds=86_400).append([event]), one_by_one(dynamodb))


def lives(dynamodb: Any) -> int:
    items = dynamodb.scan(TableName=TABLE_NAME, ConsistentRead=True)["Items"]
    return sum(item["sk"]["S"] == "LIFE" for item in items)


def test_coming_and_going_begins_so_many_histories_and_no_more(send: Send, dynamodb: Any) -> None:
    open_connection(dynamodb, "*")
    cursors = []
    for number in range(12):
        several = {"entityIds": [f"{number}/{place}" for place in range(3)]}
        for _ in range(2):
            answers = send("subscribe", {"action": "subscribe", **several})["answers"]
            cursors += [item["cursor"] for item in answers]
        send("unsubscribe", {"action": "unsubscribe", **several})
    assert lives(dynamodb) == 6, "twice the limit of subscriptions"
    assert all(cursors[:12])
    assert set(cursors[12:]) == {None}
    for channel in ("user", "everyone"):
        assert send("subscribe", {"action": "subscribe", "channel": channel})["cursor"]
    frame = {"type": "Entity Updated", "entityId": "busy", "id": "1", "time": "2026-11-22T18:43:48Z"}
    append(dynamodb, Event("entity/busy", "1", frame, NOW * 1000))
    assert send("subscribe", {"action": "subscribe", "entityId": "busy"})["cursor"].endswith(".1")


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"entityIds": []}, "too_many_entities"),
        ({"entityIds": "e1"}, "too_many_entities"),
        ({"entityIds": [f"e{number}" for number in range(26)]}, "too_many_entities"),
        ({"entityIds": ["e1"], "since": "ab.1"}, "invalid_cursor"),
    ],
)
def test_a_list_that_is_none_or_too_long_has_a_code(
    send: Send, dynamodb: Any, fields: dict[str, Any], code: str
) -> None:
    open_connection(dynamodb, "*")
    assert send("subscribe", {"action": "subscribe", **fields})["code"] == code


def test_an_answer_for_several_fits_one_message_and_what_does_not_follows(
    send: Send, dynamodb: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SUBSCRIPTIONS_PER_CONNECTION", "100")
    open_connection(dynamodb, "*")
    ids = [f"{'e' * 250}{number}" for number in range(25)]
    first = send("subscribe", {"action": "subscribe", "entityIds": ids, "requestId": "r" * 128})
    since = {answer["entityId"]: answer["cursor"] for answer in first["answers"]}
    time = "2026-11-22T18:43:48Z"
    for entity_id in ids:
        frame = {"type": "Entity Updated", "entityId": entity_id, "message": "x" * 15_000}
        frame |= {"id": entity_id, "time": time}
        append(dynamodb, Event(f"entity/{entity_id}", entity_id, frame, NOW * 1000))
    for more in ({"since": since}, {}):
        answer = send("subscribe", {"action": "subscribe", "entityIds": ids, "requestId": "r" * 128, **more})
        assert len(frames.encode(answer)) <= 128 * 1024
        assert len(answer["answers"]) == 25
    caught_up = send("subscribe", {"action": "subscribe", "entityIds": ids, "since": since})["answers"]
    assert {(item["recovered"], bool(item["updates"]), item["more"]) for item in caught_up} == {
        (True, True, False),
        (True, False, True),
    }
    assert caught_up[-1]["cursor"] == since[ids[-1]], "what was not read is asked for from the same place"
    last = caught_up[-1]
    rest = send("subscribe", {"action": "subscribe", "entityId": last["entityId"], "since": last["cursor"]})
    assert [update["sequence"] for update in rest["updates"]] == [1]

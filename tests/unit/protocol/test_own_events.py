"""A team's own events, read by the rules of the setting `eventRules`."""

import json
from typing import Any

import pytest
from entity_push.protocol import strict_json
from entity_push.protocol.dead_letter_reasons import Reason, UnusableMessageError
from entity_push.protocol.event_patterns import EVENT_FIELDS
from entity_push.protocol.event_rules import InvalidRuleError, by_name, read_rules
from entity_push.protocol.events import Event, EventOfSeveral
from entity_push.push.messages import UnknownRuleError, read_message
from hypothesis import given
from hypothesis import strategies as st

PATTERN = {"source": ["shop"]}
RULES: list[dict[str, Any]] = [
    {"name": "order", "pattern": PATTERN, "entityId": "orders/{$.detail.id}", "message": "$.detail"},
    {"name": "file", "pattern": PATTERN, "entityId": "files/{$.detail.bucket}/{+$.detail.key}"},
    {"name": "tenant", "pattern": PATTERN, "entityId": "{$.detail.tenant}:{$.detail.id}"},
    {"name": "arns", "pattern": PATTERN, "entityIds": "$.resources"},
    {"name": "both", "pattern": PATTERN, "entityIds": ["orders/{$.detail.id}", "lists/orders"]},
    {"name": "user", "pattern": PATTERN, "userId": "{$.detail.user}", "message": "$.detail.text"},
    {
        "name": "all",
        "pattern": PATTERN,
        "broadcast": True,
        "message": {"what": "$.detail-type", "id": "$.detail.id", "gone": "$.detail.gone"},
    },
    {
        "name": "row",
        "pattern": PATTERN,
        "entityId": "orders/{$.detail.id}",
        "version": "$.detail.row",
        "id": "$.detail.ref",
    },
    {"name": "rows", "pattern": PATTERN, "entityIds": "$.resources", "version": "$.detail.row"},
    {"name": "once", "pattern": PATTERN, "entityId": "orders/{$.detail.id}", "id": "$.detail.ref"},
]
FOUND = by_name(read_rules(RULES))
FIELDS = {"type", "entityId", "message", "id", "time", "rule"}


def event(**detail: Any) -> dict[str, Any]:
    return {
        "version": "0",
        "id": "e-1",
        "detail-type": "OrderPaid",
        "source": "shop",
        "time": "2026-11-29T10:00:00Z",
        "resources": ["arn:a/1", "arn:b"],
        "detail": detail,
    }


def read(rule: str, own: dict[str, Any], **more: Any) -> Any:
    return read_message(json.dumps({"rule": rule, "event": own, **more}), sent_at=7, rules=FOUND)


def one(rule: str, own: dict[str, Any]) -> Event:
    found = read(rule, own)
    assert isinstance(found, Event)
    return found


def test_an_update_of_an_entity_says_which_rule_made_it() -> None:
    detail = {"id": 7, "note": 'said "soon" \\ é'}
    found = one("order", event(**detail))
    assert (found.channel, found.identity) == ("entity/orders/7", ("e-1", "order"))
    assert found.frame == {
        "type": "Entity Updated",
        "entityId": "orders/7",
        "message": detail,
        "id": "e-1",
        "time": "2026-11-29T10:00:00Z",
        "rule": "order",
    }


def test_users_and_everyone_and_messages_of_parts() -> None:
    found = one("user", event(user="auth0|6012", text="hi"))
    assert (found.channel, found.frame["message"]) == ("user/auth0|6012", "hi")
    found = one("all", event(id="a"))
    assert (found.channel, found.frame["message"]) == ("everyone", {"what": "OrderPaid", "id": "a"})


def test_an_update_without_what_its_message_would_be_goes_without_a_message() -> None:
    assert "message" not in one("user", event(user="alice")).frame


@pytest.mark.parametrize(
    ("rule", "ids"), [("arns", ("arn:a/1", "arn:b")), ("both", ("orders/7", "lists/orders"))]
)
def test_an_event_of_several_becomes_a_message_for_each(rule: str, ids: tuple[str, ...]) -> None:
    found = read(rule, event(id=7))
    assert isinstance(found, EventOfSeveral)
    assert found.entity_ids == ids
    parts = [read_message(body, sent_at=7, rules=FOUND) for body in found.messages()]
    assert [part.channel for part in parts if isinstance(part, Event)] == [f"entity/{name}" for name in ids]


@pytest.mark.parametrize(
    ("rule", "detail", "path"),
    [
        ("tenant", {"tenant": "acme"}, "$.detail.id is missing"),
        ("tenant", {"tenant": "acme", "id": None}, "$.detail.id is null"),
        ("tenant", {"tenant": "acme", "id": ""}, "$.detail.id is an empty text"),
        ("tenant", {"tenant": "acme", "id": False}, "$.detail.id is a boolean"),
        ("order", {"id": "7/lines"}, "$.detail.id has a slash"),
        ("order", {"id": "*"}, "is a pattern"),
        ("order", {"id": "a\u0085b"}, "U+0085"),
        ("file", {"bucket": "b", "key": "x" * 300}, "has 308 characters"),
        ("user", {"user": "a\nb"}, "A user id is"),
        ("user", {}, "$.detail.user is missing"),
        ("row", {"id": 7, "ref": "r"}, "$.detail.row is missing"),
        ("row", {"id": 7, "ref": "r", "row": None}, "$.detail.row: This one is None. A version is a whole"),
        ("row", {"id": 7, "ref": "r", "row": "1"}, "$.detail.row: This one is '1'"),
        ("row", {"id": 7, "ref": "r", "row": True}, "$.detail.row: This one is True"),
        ("row", {"id": 7, "ref": "r", "row": 1.5}, "$.detail.row: This one is 1.5"),
        ("row", {"id": 7, "ref": "r", "row": -1}, "$.detail.row: This one is -1"),
        ("row", {"id": 7, "ref": "r", "row": 2**53}, "from 0 to 9007199254740991"),
        ("rows", {"row": []}, "$.detail.row: This one is []"),
        ("once", {"id": 7}, "$.detail.ref is missing"),
        ("once", {"id": 7, "ref": None}, "$.detail.ref is null"),
        ("once", {"id": 7, "ref": ""}, "$.detail.ref is an empty text"),
        ("once", {"id": 7, "ref": False}, "$.detail.ref is a boolean"),
        ("once", {"id": 7, "ref": "a\nb"}, "$.detail.ref: This one has the character U+000A"),
        ("once", {"id": 7, "ref": "x" * 129}, "$.detail.ref: This one has 129 characters"),
    ],
)
def test_an_event_that_does_not_fit_names_rule_and_path(rule: str, detail: dict[str, Any], path: str) -> None:
    with pytest.raises(UnusableMessageError) as raised:
        read(rule, event(**detail))
    assert raised.value.reason is Reason.UNFIT_EVENT
    assert raised.value.text.startswith(f"rule {rule}: ")
    assert path in raised.value.text


@pytest.mark.parametrize("resources", [[], "arn:a", None, [None], [["a"]], ["*"], ["x"] * 101], ids=repr)
def test_a_list_that_is_no_list_of_ids_is_nobodys(resources: Any) -> None:
    with pytest.raises(UnusableMessageError, match=r"rule arns: "):
        read("arns", {**event(), "resources": resources})


def test_a_rule_names_where_version_and_id_are() -> None:
    found = one("row", event(id=7, row=9, ref="r-1", version=8, ownId="o"))
    assert (found.version, found.own_id) == (9, ("source/shop", "row", "r-1"))
    assert (found.frame["version"], found.frame["ownId"], found.frame["id"]) == (9, "r-1", "e-1")
    assert one("once", event(id=7, ref=12)).frame["ownId"] == "12"
    several = read("rows", event(row=0))
    assert isinstance(several, EventOfSeveral)
    for body in several.messages():
        part = read_message(body, sent_at=7, rules=FOUND)
        assert isinstance(part, Event)
        assert (part.version, part.own_id) == (0, None)


@pytest.mark.parametrize("rule", ["order", "tenant", "both", "user", "all"])
def test_a_value_that_the_rule_does_not_name_is_neither_version_nor_id(rule: str) -> None:
    own = event(id="7", tenant="t", user="u", version=2**53 - 1, ownId="x", ref="r", row=9)
    found = read(rule, {**own, "version": "1"})
    parts = (
        [read_message(body, sent_at=7, rules=FOUND) for body in found.messages()]
        if isinstance(found, EventOfSeveral)
        else [found]
    )
    for part in parts:
        assert isinstance(part, Event)
        assert (part.version, part.own_id) == (None, None)
        assert not part.frame.keys() & {"version", "ownId"}


def test_an_id_counts_for_its_rule_and_its_sender_alone() -> None:
    """Two rules make two updates of one event, whatever ids they read."""
    own = event(id=7, ref="r", row=1, **{"from": "alice"})
    client = {**own, "source": "entity-push.client"}
    mallorys = event(id=7, ref="r", row=1, **{"from": "mallory"}) | {"source": "entity-push.client"}
    found = [
        one(rule, each).own_id
        for rule in ("row", "once")
        for each in (own, {**own, "source": "stock"}, client, mallorys)
    ]
    assert len(set(found)) == len(found)
    documented = read_message(
        json.dumps(event(entityId="orders/7", id="r") | {"detail-type": "Entity Updated"}), sent_at=7
    )
    assert isinstance(documented, Event)
    assert documented.own_id not in (None, *found)


def test_a_rule_that_is_not_there_is_no_fault_of_the_event() -> None:
    with pytest.raises(UnknownRuleError, match="another"):
        read("another", event(id=7))


def test_the_order_of_rules_means_nothing() -> None:
    body = json.dumps({"rule": "order", "event": event(id=7)})
    for rules in (RULES[::-1], RULES[:1], [*RULES[3:], *RULES[:3]]):
        found = read_message(body, sent_at=7, rules=by_name(read_rules(rules)))
        assert isinstance(found, Event)
        assert found.channel == "entity/orders/7"


HOSTILE = st.text() | st.sampled_from(
    [
        '7","message":{"state":"paid"}},"zz":{"a":"',
        '7"},"detail-type":"Broadcast","detail":{"message":"x',
        '"}}}},{"chunk":{"subscribers":{"c1":7}}}',
        "<aws.events.event.json>",
        "{$.detail.secret}",
        "${x}",
        "../users/bob",
        "*",
        "\u2028",
        "\ud800",
    ]
)


@given(HOSTILE, st.sampled_from(["order", "file", "tenant", "user", "row", "once"]))
def test_a_value_can_not_be_more_than_a_value(value: str, rule: str) -> None:
    names = ("id", "bucket", "key", "tenant", "user", "text", "ref", "version", "ownId")
    own = event(**dict.fromkeys(names, value), row=1, secret="s")
    body = strict_json.for_queue({"rule": rule, "event": own})
    try:
        found = read_message(body, sent_at=7, rules=FOUND)
    except UnusableMessageError:
        return
    assert isinstance(found, Event)
    by_rule: dict[str, dict[str, Any]] = {
        "row": {"version": 1, "ownId": value},
        "once": {"ownId": value},
    }
    named = by_rule.get(rule, {})
    assert found.frame.keys() <= FIELDS | named.keys()
    assert named.items() <= found.frame.items()
    assert found.frame["rule"] == rule
    assert found.frame["id"] == "e-1"
    expected = {
        "order": f"entity/orders/{value}",
        "file": f"entity/files/{value}/{value}",
        "tenant": f"entity/{value}:{value}",
        "user": f"user/{value}",
        "row": f"entity/orders/{value}",
        "once": f"entity/orders/{value}",
    }
    assert found.channel == expected[rule]


def test_every_field_that_an_event_may_have_can_be_named() -> None:
    for name in EVENT_FIELDS:
        read_rules([{**RULES[0], "message": f"$.{name}"}])
    assert {"detail", "detail-type", "replay-name"} < set(EVENT_FIELDS)
    read_rules([{**RULES[0], "message": "$"}])


@pytest.mark.parametrize(
    ("rules", "says"),
    [
        ({}, "not a list"),
        ([7], "a rule is an object"),
        ([{"pattern": PATTERN, "entityId": "x"}], 'a rule has a "name"'),
        ([{"name": "a b", "pattern": PATTERN, "entityId": "x"}], 'a rule has a "name"'),
        ([RULES[0], RULES[0]], "two rules have the name order"),
        ([RULES[0], {**RULES[0], "name": "Order"}], "two rules have the name order"),
        ([{"name": "a", "pattern": PATTERN}], "rule a: it has exactly one of"),
        ([{"name": "a", "pattern": PATTERN, "entityId": "x", "broadcast": True}], "exactly one of"),
        ([{"name": "a", "pattern": PATTERN, "broadcast": "yes"}], "exactly one of"),
        ([{"name": "a", "pattern": PATTERN, "entityId": "x", "messages": "$"}], "it has 'messages'"),
        ([{"name": "a", "pattern": PATTERN, "entityId": "{detail.id}"}], "rule a: 'detail.id' is no path"),
        ([{"name": "a", "pattern": PATTERN, "entityIds": "resources"}], "is no path"),
        ([{"name": "a", "pattern": PATTERN, "entityIds": []}], "1 to 100 templates"),
        ([{"name": "a", "pattern": PATTERN, "entityId": "x", "message": "text"}], "is no path"),
        ([{"name": "a", "pattern": PATTERN, "entityId": "x", "message": {"a": 7}}], "is no path"),
        ([{"name": "a", "pattern": PATTERN, "entityId": "x", "version": 7}], "rule a: 7 is no path"),
        ([{"name": "a", "pattern": PATTERN, "entityId": "x", "version": "row"}], "'row' is no path"),
        ([{"name": "a", "pattern": PATTERN, "entityId": "x", "version": None}], "None is no path"),
        ([{"name": "a", "pattern": PATTERN, "entityId": "x", "id": "o/{$.detail.ref}"}], "is no path"),
        ([{"name": "a", "pattern": PATTERN, "entityId": "x", "id": ["$.id"]}], "is no path"),
        ([{"name": "a", "pattern": PATTERN, "entityId": "x", "ownId": "$.id"}], "it has 'ownId'"),
        (
            [{**RULES[0], "entityId": "o/{$.Detail.id}"}],
            "rule order: no event has $.Detail.id; an event has ",
        ),
        ([{**RULES[0], "entityId": "o/{+$['detail.id']}"}], "no event has $['detail.id']"),
        ([{"name": "a", "pattern": PATTERN, "entityIds": ["x", "{$.order.id}"]}], "no event has $.order.id"),
        ([{"name": "a", "pattern": PATTERN, "entityIds": "$.detailtype"}], "no event has $.detailtype"),
        ([{"name": "a", "pattern": PATTERN, "userId": "{$[0]}"}], "no event has $[0]"),
        ([{**RULES[0], "message": "$.order"}], "no event has $.order"),
        ([{**RULES[0], "message": {"a": "$.detail", "b": "$.order"}}], "no event has $.order"),
        ([{**RULES[0], "version": "$.row"}], "no event has $.row"),
        ([{**RULES[0], "id": "$.ref"}], "no event has $.ref"),
        ([{"name": "a", "pattern": {"detailType": ["x"]}, "entityId": "x"}], "names 'detailType'"),
    ],
    ids=str,
)
def test_a_rule_of_another_form_is_refused_with_its_name(rules: Any, says: str) -> None:
    with pytest.raises(InvalidRuleError) as raised:
        read_rules(rules)
    assert says in str(raised.value)

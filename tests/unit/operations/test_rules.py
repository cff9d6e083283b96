"""`make rules`: rules are tried on an event, and nothing is deployed."""

import json
from pathlib import Path
from typing import Any

import pytest

from operations import rules

SHOP = {"source": ["shop"], "detail-type": ["OrderShipped"]}
RULES: list[dict[str, Any]] = [
    {"name": "shipped", "pattern": SHOP, "entityId": "orders/{$.detail.id}", "message": "$.detail"},
    {"name": "parts", "pattern": SHOP, "entityIds": ["a/{$.detail.id}", "b"], "message": "$.detail.state"},
    {
        "name": "large",
        "pattern": {"detail": {"sum": [{"numeric": [">", 100]}]}},
        "broadcast": True,
        "message": "$.detail.text",
    },
]
EVENT: dict[str, Any] = {
    "source": "shop",
    "detail-type": "OrderShipped",
    "detail": {"id": 7, "state": "shipped", "sum": 5},
}


@pytest.fixture
def written(tmp_path: Path) -> Any:
    """Return a function that writes JSON into a file, and returns its path."""

    def write(value: Any) -> str:
        path = tmp_path / f"{len(list(tmp_path.iterdir()))}.json"
        path.write_text(value if isinstance(value, str) else json.dumps(value), encoding="utf-8")
        return str(path)

    return write


def tried(written: Any, event: Any, found: Any = RULES) -> int:
    return rules.main(["try", written(event), "--rules", written(found)])


def test_each_rule_tells_what_becomes_of_an_event(written: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert tried(written, EVENT) == 0
    lines = [line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines()]
    text = [" ".join(line) for line in lines]
    assert text[0] == "OrderShipped from shop"
    assert text[1] == "shipped update of orders/7"
    assert text[2] == 'message: {"id": 7, "state": "shipped", "sum": 5}'
    assert text[3].startswith("size: ")
    assert text[4] == "parts update of a/7"
    assert text[7] == "update of b"
    assert text[10] == "large does not match"


def test_an_entry_of_put_events_is_an_event_too(written: Any, capsys: pytest.CaptureFixture[str]) -> None:
    entry = {"Source": "shop", "DetailType": "OrderShipped", "Detail": json.dumps(EVENT["detail"])}
    for entries in ([entry], {"Entries": [entry]}, entry):
        assert tried(written, entries) == 0
        assert "update of orders/7\n" in capsys.readouterr().out


def test_what_becomes_a_dead_letter_has_its_sentence(
    written: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    assert tried(written, {**EVENT, "detail": {"id": "a/\u202eb"}}) == 1
    out = capsys.readouterr().out
    assert "dead letter (unfit_event): rule shipped: $.detail.id has a slash" in out
    assert tried(written, {**EVENT, "detail": {"id": "a\u202eb"}}) == 0
    assert r"update of orders/a\u202eb" in capsys.readouterr().out


def test_version_and_id_are_shown_and_unfit_ones_are_told(
    written: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    rule = {**RULES[0], "version": "$.detail.row", "id": "$.detail.ref"}
    assert tried(written, {**EVENT, "detail": {"id": 7, "row": 12, "ref": "r 1"}}, [rule]) == 0
    lines = [line.strip() for line in capsys.readouterr().out.splitlines()]
    assert lines[1].endswith("update of orders/7")
    assert lines[3:5] == ["version: 12", "id:      r 1"]
    assert tried(written, EVENT, [rule]) == 1
    assert "dead letter (unfit_event): rule shipped: $.detail.row is missing" in capsys.readouterr().out
    assert tried(written, {**EVENT, "detail": {"id": 7, "row": 12, "ref": "\u202e"}}, [rule]) == 1
    assert "rule shipped: $.detail.ref: This one has the character U+202E" in capsys.readouterr().out


def test_an_update_is_for_whom_its_rule_says(written: Any, capsys: pytest.CaptureFixture[str]) -> None:
    person = {"name": "person", "pattern": SHOP, "userId": "entity/{$.detail.state}"}
    everyone = {"name": "all", "pattern": SHOP, "broadcast": True}
    assert tried(written, EVENT, [person, everyone]) == 0
    lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert "person update for the user entity/shipped" in lines
    assert "all update for everyone" in lines


@pytest.mark.parametrize(
    ("audience", "path"),
    [
        ({"entityId": "invoices/$.detail.id"}, "$.detail.id"),
        ({"entityIds": ["a", "b/$.detail.id/c"]}, "$.detail.id"),
        ({"userId": "$.detail['first name']"}, "$.detail['first name']"),
        ({"entityId": "$[0]:{$.detail.id}"}, "$[0]"),
    ],
    ids=str,
)
def test_a_path_without_braces_is_a_warning(
    written: Any, capsys: pytest.CaptureFixture[str], audience: dict[str, Any], path: str
) -> None:
    assert tried(written, EVENT, [{"name": "bare", "pattern": SHOP, **audience}]) == 0
    said = capsys.readouterr().err
    assert f"rules: warning: rule bare: {path} is not in braces" in said
    assert said.endswith(f"write {{{path}}}.\n")


def test_text_that_is_no_path_is_no_warning(written: Any, capsys: pytest.CaptureFixture[str]) -> None:
    prices = {"name": "prices", "pattern": SHOP, "entityIds": ["US$/{$.detail.id}", "a.b", "$7.50"]}
    assert tried(written, EVENT, [prices, *RULES]) == 0
    assert capsys.readouterr().err == ""


def test_what_a_message_goes_without_is_a_warning(written: Any, capsys: pytest.CaptureFixture[str]) -> None:
    whole = {**RULES[0], "name": "whole", "message": "$.detail.invoce"}
    parts = {**RULES[1], "name": "parts", "message": {"a": "$.detail.state", "b": "$.detail.stat"}}
    assert tried(written, EVENT, [whole, parts]) == 0
    lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert lines.count("warning: $.detail.invoce is missing, left out") == 1
    assert lines.count("warning: $.detail.stat is missing, left out") == 1
    assert not any("$.detail.state is missing" in line for line in lines)
    assert tried(written, EVENT, RULES) == 0
    assert tried(written, {**EVENT, "detail": {"id": 7.5}}, [whole]) == 1
    assert "warning" not in capsys.readouterr().out, "a dead letter has no message"


def test_a_path_that_no_event_can_have_is_a_failure(written: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert tried(written, EVENT, [{**RULES[0], "entityId": "orders/{$.Detail.id}"}]) == 1
    assert "rule shipped: no event has $.Detail.id; an event has account, detail" in capsys.readouterr().err


def test_a_dead_letter_is_a_failure_beside_an_update_too(written: Any) -> None:
    unfit = {**RULES[0], "name": "unfit", "entityId": "orders/{$.detail.order}"}
    assert tried(written, EVENT, [RULES[0]]) == 0
    assert tried(written, EVENT, [RULES[0], unfit]) == 1


def test_an_event_that_no_rule_takes_is_a_failure(written: Any) -> None:
    assert tried(written, {**EVENT, "source": "stock"}) == 1
    assert tried(written, {**EVENT, "detail": {"sum": 101}}, RULES[2:]) == 0
    assert tried(written, [EVENT, {**EVENT, "source": "stock"}]) == 1


def test_an_update_that_is_too_large_goes_without_its_message(
    written: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    assert tried(written, {**EVENT, "detail": {"sum": 101, "text": "x" * 140_000}}, RULES[2:]) == 0
    assert "too large" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("event", "found", "says"),
    [
        ("{", RULES, "is not JSON"),
        ({"detail": {}}, RULES, "is neither an event"),
        ([], RULES, "has no event"),
        ({"Source": "a", "DetailType": "b", "Detail": "[1]"}, RULES, "its Detail is no JSON object"),
        ({"Source": "a", "DetailType": "b", "Detail": "{"}, RULES, "its Detail is not JSON"),
        (EVENT, [], "has no eventRules"),
        (EVENT, [{"name": "x"}], "rule x: it has exactly one of"),
        (
            EVENT,
            [{**RULES[0], "pattern": {"source": [{"numeric": ["x", 1]}]}}],
            "EventBridge would refuse its pattern",
        ),
    ],
    ids=str,
)
def test_what_can_not_be_read_is_told_in_a_sentence(
    written: Any, capsys: pytest.CaptureFixture[str], event: Any, found: Any, says: str
) -> None:
    assert tried(written, event, found) == 1
    assert says in capsys.readouterr().err


def test_the_rules_are_those_of_the_app_unless_others_are_given(
    written: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    event = written(EVENT)
    monkeypatch.setattr(rules, "CDK_JSON", Path(written({"context": {"eventRules": RULES[:1]}})))
    assert rules.main(["try", event]) == 0
    assert "parts" not in capsys.readouterr().out
    assert rules.main(["try", event, "-c", f"eventRules={json.dumps(RULES[1:2])}"]) == 0
    assert "parts" in capsys.readouterr().out
    assert rules.main(["try", event, "-c", "eventBus=own"]) == 1
    assert "eventBus" in capsys.readouterr().err
    assert rules.main(["try", event + ".gone"]) == 1
    assert "can't be read: No such file" in capsys.readouterr().err

"""The EventBridge rules of own events, and by which right they write to the queues."""

import fnmatch
import json
from typing import Any

import pytest
from aws_cdk import assertions

from stacks.event_rules import rule_name_prefix
from tests.infrastructure.conftest import OURS_OR_NO_CLIENTS, make_stack, of_type

LONG = "S" + "o-long-a-name" * 9 + "-it-ends"
RULE = {
    "name": "shipped",
    "pattern": {"source": ["shop"], "detail-type": [{"prefix": "Order"}]},
    "entityId": "orders/{$.detail['order.id']}",
    "message": "$.detail.order",
}


def resources_with(rules: list[dict[str, Any]], **context: str) -> dict[str, Any]:
    stack = make_stack({"eventRules": json.dumps(rules), **context})
    found: dict[str, Any] = assertions.Template.from_stack(stack).to_json()["Resources"]
    return found


def own_rules(resources: dict[str, Any]) -> list[dict[str, Any]]:
    return [rule for rule in of_type(resources, "AWS::Events::Rule").values() if "Name" in rule]


def allowed(resources: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        statement
        for policy in of_type(resources, "AWS::SQS::QueuePolicy").values()
        for statement in policy["PolicyDocument"]["Statement"]
        if statement["Effect"] == "Allow"
    ]


def test_an_own_event_is_handed_on_whole_with_the_name_of_its_rule() -> None:
    within = {**RULE, "pattern": {**RULE["pattern"], "detail": {"state": ["sent"]}}}  # type: ignore[dict-item]
    for own, detail in ((RULE, OURS_OR_NO_CLIENTS), (within, {"state": ["sent"], **OURS_OR_NO_CLIENTS})):
        (rule,) = own_rules(resources_with([own], eventSources="shop"))
        pattern = {**own["pattern"], "account": [{"Ref": "AWS::AccountId"}], "detail": detail}  # type: ignore[dict-item]
        assert rule["EventPattern"] == pattern
    assert rule["Name"] == rule_name_prefix("EntityPush") + "shipped"
    (target,) = rule["Targets"]
    template = target["InputTransformer"]["InputTemplate"]
    assert target["InputTransformer"].keys() == {"InputTemplate"}
    event = {"detail": {"x": '"},{"'}}
    filled = template.replace("<aws.events.event.json>", json.dumps(event))
    assert json.loads(filled) == {"rule": "shipped", "event": event}


def test_events_of_other_accounts_are_taken_only_if_a_setting_says_so() -> None:
    for settings, accounts in (
        ({}, [{"Ref": "AWS::AccountId"}]),
        ({"eventAccounts": "111122223333"}, [{"Ref": "AWS::AccountId"}, "111122223333"]),
    ):
        rules = of_type(resources_with([RULE], **settings), "AWS::Events::Rule").values()
        patterns = [rule["EventPattern"] for rule in rules if "EventPattern" in rule]
        assert len(patterns) == 2
        assert all(pattern["account"] == accounts for pattern in patterns)


@pytest.mark.parametrize("settings", [{}, {"eventBus": "own"}, {"encryption": "customer"}], ids=str)
def test_a_hundred_rules_fit_the_limits_of_both_policies(settings: dict[str, str]) -> None:
    rules = [{**RULE, "name": f"{number:03}" + "n" * 29} for number in range(100)]
    resources = resources_with(rules, stackName=LONG, **settings)
    names = [rule["Name"] for rule in own_rules(resources)]
    assert len(set(names)) == 100
    assert max(map(len, names)) <= 64
    policies = of_type(resources, "AWS::SQS::QueuePolicy").values()
    assert len(policies) == 3
    for policy in policies:
        document = policy["PolicyDocument"]
        assert len(document["Statement"]) <= 20
        assert sum(len(statement.get("Condition", {})) for statement in document["Statement"]) <= 10
        assert len(json.dumps(document)) + 200 * json.dumps(document).count("Fn::") < 8192


def test_only_this_deployments_rules_may_write() -> None:
    statements = allowed(resources_with([RULE]))
    assert len(statements) == 2
    for statement in statements:
        assert statement["Principal"] == {"Service": "events.amazonaws.com"}
        assert statement["Action"] == "sqs:SendMessage"
        assert statement["Condition"]["StringEquals"] == {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}
        pushed, own = statement["Condition"]["ArnLike"]["aws:SourceArn"]
        assert pushed["Fn::GetAtt"][0].startswith("NotificationsPushed")
        assert own["Fn::Join"][1][-1].endswith(f":rule/{rule_name_prefix('EntityPush')}*")


def test_on_a_bus_of_its_own_the_bus_is_part_of_the_rules_arn() -> None:
    for statement in allowed(resources_with([RULE], eventBus="own")):
        own = json.dumps(statement["Condition"]["ArnLike"]["aws:SourceArn"][1])
        assert ":rule/" in own
        assert f"/{rule_name_prefix('EntityPush')}*" in own
        assert "WebSocket" not in own


@pytest.mark.parametrize("other", ["A-b", "A-", "AA", "A-559aead0", LONG, LONG + "x"])
@pytest.mark.parametrize("name", ["A", LONG])
def test_no_other_deployments_rules_have_the_same_prefix(name: str, other: str) -> None:
    if name == other:
        return
    for rule in ("x", "shipped"):
        assert not fnmatch.fnmatchcase(rule_name_prefix(other) + rule, rule_name_prefix(name) + "*")


def test_the_rules_are_in_the_bundle_of_the_push_function_alone() -> None:
    functions = of_type(resources_with([RULE]), "AWS::Lambda::Function").values()
    assets: dict[str, set[str]] = {}
    for function in functions:
        assets.setdefault(json.dumps(function["Code"]), set()).add(function["Handler"])
    assert {"push.handler"} in assets.values()
    assert len(assets) == 2

"""Which events the rule takes, and who may put them."""

from typing import Any

from aws_cdk import assertions
from entity_push.protocol.events import CLIENT_SOURCE, DETAIL_TYPES

from tests.infrastructure.conftest import ADDRESS, OURS_OR_NO_CLIENTS, make_stack, of_type

OWN = [{"Ref": "AWS::AccountId"}]


def pattern(resources: dict[str, Any]) -> dict[str, Any]:
    """Return the pattern of the rule that takes the documented events."""
    (found,) = (
        item["EventPattern"]
        for item in of_type(resources, "AWS::Events::Rule").values()
        if "EventPattern" in item
    )
    assert isinstance(found, dict)
    return found


def test_every_source_is_taken_by_default(resources: dict[str, Any]) -> None:
    assert pattern(resources) == {
        "account": OWN,
        "detail-type": list(DETAIL_TYPES),
        "detail": OURS_OR_NO_CLIENTS,
    }


def test_clients_publish_under_the_address_that_the_rule_takes(resources: dict[str, Any]) -> None:
    told = [
        item["Environment"]["Variables"]["DEPLOYMENT_ADDRESS"]
        for item in of_type(resources, "AWS::Lambda::Function").values()
        if item["Handler"] == "publish.handler"
    ]
    assert told == [ADDRESS]


def test_named_sources_and_prefixes_and_clients_are_taken_and_no_others() -> None:
    template = assertions.Template.from_stack(make_stack({"eventSources": "orders.service, shop.*"}))
    assert pattern(template.to_json()["Resources"]) == {
        "account": OWN,
        "detail-type": list(DETAIL_TYPES),
        "source": ["orders.service", {"prefix": "shop."}, CLIENT_SOURCE],
        "detail": OURS_OR_NO_CLIENTS,
    }


def test_no_policy_opens_the_bus_to_another_account() -> None:
    template = assertions.Template.from_stack(make_stack({"eventBus": "own"}))
    template.resource_count_is("AWS::Events::EventBus", 1)
    template.resource_count_is("AWS::Events::EventBusPolicy", 0)
    (bus,) = template.find_resources("AWS::Events::EventBus").values()
    assert "Policy" not in bus["Properties"]

"""The rates of single routes."""

from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import assertions
from aws_cdk import aws_apigatewayv2 as apigatewayv2
from aws_cdk import aws_apigatewayv2_integrations as integrations

from stacks.setting_checks import SettingError
from stacks.settings import Settings
from stacks.throttles import throttle_routes
from tests.infrastructure.conftest import of_type


@pytest.fixture
def stage() -> apigatewayv2.WebSocketStage:
    """A stage of an API with the routes `$connect` and `subscribe`."""
    stack = cdk.Stack(cdk.App(), "Stack")
    api = apigatewayv2.WebSocketApi(stack, "Api")
    for route in ("$connect", "subscribe"):
        api.add_route(route, integration=integrations.WebSocketMockIntegration(f"{route}Integration"))
    return apigatewayv2.WebSocketStage(stack, "Stage", web_socket_api=api, stage_name="s", auto_deploy=True)


def test_a_named_route_has_its_own_rate_and_burst(stage: apigatewayv2.WebSocketStage) -> None:
    throttle_routes(stage, Settings(route_throttles=(("subscribe", 7),)))
    template = assertions.Template.from_stack(cdk.Stack.of(stage))
    template.has_resource_properties(
        "AWS::ApiGatewayV2::Stage",
        {"RouteSettings": {"subscribe": {"ThrottlingRateLimit": 7, "ThrottlingBurstLimit": 7}}},
    )


def test_the_stage_waits_for_the_routes_that_it_names(stage: apigatewayv2.WebSocketStage) -> None:
    throttle_routes(stage, Settings(route_throttles=(("subscribe", 7),)))
    resources = assertions.Template.from_stack(cdk.Stack.of(stage)).to_json()["Resources"]
    (route,) = (
        name
        for name, item in of_type(resources, "AWS::ApiGatewayV2::Route").items()
        if item["RouteKey"] == "subscribe"
    )
    (made,) = (item for item in resources.values() if item["Type"] == "AWS::ApiGatewayV2::Stage")
    assert route in made["DependsOn"]


def test_without_any_the_stage_has_no_settings_of_routes(stage: apigatewayv2.WebSocketStage) -> None:
    throttle_routes(stage, Settings(route_throttles=()))
    (made,) = (
        assertions.Template.from_stack(cdk.Stack.of(stage))
        .find_resources("AWS::ApiGatewayV2::Stage")
        .values()
    )
    assert not made["Properties"].get("RouteSettings")


def test_a_route_that_does_not_exist_is_a_sentence(stage: apigatewayv2.WebSocketStage) -> None:
    with pytest.raises(
        SettingError, match=r"routeThrottles names 'subscibe'; the routes are \$connect, subsc"
    ):
        throttle_routes(stage, Settings(route_throttles=(("subscibe", 7),)))


def test_by_default_connects_and_unknown_actions_have_rates(resources: dict[str, Any]) -> None:
    (stage,) = of_type(resources, "AWS::ApiGatewayV2::Stage").values()
    assert stage["RouteSettings"] == {
        "$connect": {"ThrottlingRateLimit": 500, "ThrottlingBurstLimit": 500},
        "$default": {"ThrottlingRateLimit": 100, "ThrottlingBurstLimit": 100},
    }

"""The deployment that the stage serves: all of the API, and another one for each change."""

from collections.abc import Callable, Mapping
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import assertions
from aws_cdk import aws_apigatewayv2 as apigatewayv2

from stacks.api_deployment import deploy_api
from tests.infrastructure.conftest import make_stack, of_type

PREFIX = "AWS::ApiGatewayV2::"
NOT_PUBLISHED = {f"{PREFIX}{kind}" for kind in ("Api", "Stage", "Deployment")}


def deployment_of(resources: Mapping[str, Any]) -> str:
    """Return the logical id of the only deployment."""
    (name,) = of_type(resources, f"{PREFIX}Deployment")
    return name


def synthesized(context: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = assertions.Template.from_stack(make_stack(context)).to_json()["Resources"]
    return found


def test_the_stage_serves_a_deployment_that_waits_for_all_of_the_api(resources: dict[str, Any]) -> None:
    deployment = deployment_of(resources)
    published = {
        name
        for name, item in resources.items()
        if item["Type"].startswith(PREFIX) and item["Type"] not in NOT_PUBLISHED
    }
    assert len({resources[name]["Type"] for name in published}) == 5
    assert set(resources[deployment]["DependsOn"]) == published
    (stage,) = of_type(resources, f"{PREFIX}Stage").values()
    assert stage["DeploymentId"] == {"Ref": deployment}
    assert stage["AutoDeploy"] is False


@pytest.mark.parametrize("context", [{}, {"stage": "test"}, {"logLevel": "DEBUG"}, {"throttleRate": "7"}])
def test_the_same_api_makes_no_other_deployment(
    resources: dict[str, Any], context: Mapping[str, Any]
) -> None:
    assert deployment_of(synthesized(context)) == deployment_of(resources)


def test_another_api_makes_another_deployment_and_keeps_the_stage(resources: dict[str, Any]) -> None:
    other = synthesized({"authorization": "none"})
    assert deployment_of(other) != deployment_of(resources)
    assert set(of_type(other, f"{PREFIX}Stage")) == set(of_type(resources, f"{PREFIX}Stage"))


def _changed(change: Callable[[Any], None], kind: type) -> str:
    """Give the logical id of the deployment of a small API, one resource of which was changed before."""
    stack = cdk.Stack(cdk.App(), "Stack")
    api = apigatewayv2.WebSocketApi(stack, "Api")
    stage = apigatewayv2.WebSocketStage(stack, "Stage", web_socket_api=api, stage_name="s")
    api_id = api.api_id
    integration = apigatewayv2.CfnIntegration(stack, "Integration", api_id=api_id, integration_type="MOCK")
    route = apigatewayv2.CfnRoute(stack, "Route", api_id=api_id, route_key="ping")
    apigatewayv2.CfnRouteResponse(
        stack, "RouteResponse", api_id=api_id, route_id=route.ref, route_response_key="$default"
    )
    apigatewayv2.CfnIntegrationResponse(
        stack,
        "IntegrationResponse",
        api_id=api_id,
        integration_id=integration.ref,
        integration_response_key="$default",
    )
    apigatewayv2.CfnAuthorizer(stack, "Authorizer", api_id=api_id, authorizer_type="REQUEST", name="a")
    for child in stack.node.find_all():
        if isinstance(child, kind):
            change(child)
    deploy_api(stack, api, stage)
    return deployment_of(assertions.Template.from_stack(stack).to_json()["Resources"])


@pytest.mark.parametrize(
    ("kind", "attribute"),
    [
        (apigatewayv2.CfnApi, "route_selection_expression"),
        (apigatewayv2.CfnRoute, "operation_name"),
        (apigatewayv2.CfnIntegration, "description"),
        (apigatewayv2.CfnRouteResponse, "model_selection_expression"),
        (apigatewayv2.CfnIntegrationResponse, "template_selection_expression"),
        (apigatewayv2.CfnAuthorizer, "name"),
    ],
)
def test_a_change_anywhere_in_the_api_makes_another_deployment(kind: type, attribute: str) -> None:
    def change(resource: Any) -> None:
        setattr(resource, attribute, "changed")

    assert _changed(change, kind) != _changed(lambda _: None, kind)

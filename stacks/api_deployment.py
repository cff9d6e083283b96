"""An explicit deployment of the API: what clients meet is exactly what the template says, and all of it."""

import hashlib
import json

from aws_cdk import Stack
from aws_cdk import aws_apigatewayv2 as apigatewayv2
from constructs import Construct

PUBLISHED = (
    apigatewayv2.CfnAuthorizer,
    apigatewayv2.CfnIntegration,
    apigatewayv2.CfnIntegrationResponse,
    apigatewayv2.CfnRoute,
    apigatewayv2.CfnRouteResponse,
)
"""What a deployment makes a snapshot of, beside the API itself."""


def deploy_api(scope: Construct, api: apigatewayv2.WebSocketApi, stage: apigatewayv2.WebSocketStage) -> None:
    """Let the stage serve a deployment of all that is below the scope now; add nothing to the API after this.

    API Gateway's own deployments (`AutoDeploy`) follow each change one by one, later than CloudFormation goes
    on. So a stack may be complete while its stage still lacks a route. A deployment is a snapshot that never
    changes (CloudFormation template reference, AWS::ApiGatewayV2::Deployment), so its logical id holds a hash
    of what it publishes: a change makes another one, and the same API none.

    Args:
        scope: has the API and all that belongs to it.
        api: the API.
        stage: its stage.
    """
    published = [child for child in scope.node.find_all() if isinstance(child, PUBLISHED)]
    stack = Stack.of(scope)
    resource = api.node.default_child
    assert isinstance(resource, apigatewayv2.CfnApi)
    content = {
        stack.get_logical_id(child): stack.resolve(child._cfn_properties) for child in (resource, *published)
    }
    digest = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:12]
    deployment = apigatewayv2.CfnDeployment(scope, f"Deployment{digest}", api_id=api.api_id)
    for child in published:
        deployment.add_resource_dependency(child)
    served = stage.node.default_child
    assert isinstance(served, apigatewayv2.CfnStage)
    served.deployment_id = deployment.ref

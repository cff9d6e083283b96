"""CloudFormation resource types and properties that MiniStack refuses or ignores."""

import json
import re
import uuid
from collections.abc import Callable
from typing import Any

from local.emulator.seams import apigateway, dynamodb, lambda_service, provisioners, secrets_manager

Properties = dict[str, Any]
Handler = dict[str, Any]

_EXECUTE_API = re.compile(r"(?:https|wss)://([a-z0-9]+)\.execute-api\.[a-z0-9-]+\.amazonaws\.com")


def install(port: int) -> None:
    """Teach MiniStack's CloudFormation the resource types and properties of the app's template.

    Args:
        port: this emulator's port, to which callback URLs are rewritten.
    """
    route_responses()
    integration_responses()
    deployments()
    time_to_live()
    reserved_concurrency()
    metric_math()
    saved_queries()
    secret_arns()
    reachable_callback_urls(port)


def route_responses() -> None:
    """Let `AWS::ApiGatewayV2::RouteResponse` make a route response; MiniStack rejects the type.

    Source: CloudFormation template reference, AWS::ApiGatewayV2::RouteResponse.
    """
    _handlers()["AWS::ApiGatewayV2::RouteResponse"] = _child_of_api(
        "route_response", "routeResponseId", "RouteId"
    )


def integration_responses() -> None:
    """Let `AWS::ApiGatewayV2::IntegrationResponse` hold a MOCK route's answer; MiniStack rejects the type.

    Source: CloudFormation template reference, AWS::ApiGatewayV2::IntegrationResponse.
    """
    _handlers()["AWS::ApiGatewayV2::IntegrationResponse"] = _child_of_api(
        "integration_response", "integrationResponseId", "IntegrationId"
    )


def deployments() -> None:
    """Let `AWS::ApiGatewayV2::Deployment` make a deployment for stages; MiniStack rejects the type.

    Source: CloudFormation template reference, AWS::ApiGatewayV2::Deployment.
    """
    resource_type = "AWS::ApiGatewayV2::Deployment"
    handler = _child_of_api("deployment", "deploymentId")

    def update(physical_id: str, old: Properties, new: Properties, stack: str) -> tuple[str, Any]:
        if old["ApiId"] != new["ApiId"]:
            created: tuple[str, Any] = handler["create"](physical_id, new, stack)
            return created
        deployment = apigateway._deployments[new["ApiId"]][physical_id]
        deployment["description"] = new.get("Description", "")
        return physical_id, {"DeploymentId": physical_id}

    def deploy(physical_id: str, properties: Properties) -> None:
        if stage := properties.get("StageName"):
            change = {"deploymentId": physical_id}
            _checked(apigateway._update_stage(properties["ApiId"], stage, change), f"deployment to {stage}")

    _handlers()[resource_type] = {**handler, "update": update}
    _wrap(resource_type, after=deploy)


def time_to_live() -> None:
    """Let a table's `TimeToLiveSpecification` switch its TTL on; MiniStack ignores the property.

    Source: CloudFormation template reference, AWS::DynamoDB::Table TimeToLiveSpecification.
    """

    def apply(table: str, properties: Properties) -> None:
        wanted = properties.get("TimeToLiveSpecification")
        if not wanted:
            dynamodb._ttl_settings.pop(table, None)
            return
        # A template may carry the flag as a string.
        enabled = str(wanted.get("Enabled")).lower() == "true"
        specification = {"Enabled": enabled, "AttributeName": wanted.get("AttributeName", "ttl")}
        _checked(
            dynamodb._update_ttl({"TableName": table, "TimeToLiveSpecification": specification}),
            f"time to live of table {table}",
        )

    _wrap("AWS::DynamoDB::Table", after=apply)


def reserved_concurrency() -> None:
    """Let `ReservedConcurrentExecutions` cap a function; MiniStack ignores the property.

    Source: CloudFormation template reference, AWS::Lambda::Function.
    """

    def apply(function: str, properties: Properties) -> None:
        reserved = properties.get("ReservedConcurrentExecutions")
        lambda_service._functions[function]["concurrency"] = None if reserved is None else int(reserved)

    _wrap("AWS::Lambda::Function", after=apply)


def metric_math() -> None:
    """Let an alarm look at metric math; MiniStack refuses the property. It is made, and never rings here.

    Source: CloudFormation template reference, AWS::CloudWatch::Alarm Metrics.
    """

    def without(properties: Properties) -> Properties:
        if "Metrics" not in properties:
            return properties
        rest = {name: value for name, value in properties.items() if name != "Metrics"}
        nothing = {"Namespace": "MetricMath", "MetricName": "MetricMath", "Statistic": "Sum", "Period": 60}
        return {**rest, **nothing}

    _wrap("AWS::CloudWatch::Alarm", before=without)


def saved_queries() -> None:
    """Let `AWS::Logs::QueryDefinition` be made; MiniStack refuses the type. It is kept nowhere.

    Source: CloudFormation template reference, AWS::Logs::QueryDefinition.
    """

    def create(_logical_id: str, _properties: Properties, _stack: str) -> tuple[str, Any]:
        query_id = str(uuid.uuid4())
        return query_id, {"QueryDefinitionId": query_id}

    def update(query_id: str, _old: Properties, _new: Properties, _stack: str) -> tuple[str, Any]:
        return query_id, {"QueryDefinitionId": query_id}

    def delete(_query_id: str, _properties: Properties) -> None:
        pass

    _handlers()["AWS::Logs::QueryDefinition"] = {"create": create, "update": update, "delete": delete}


def secret_arns() -> None:
    """Let `Ref` of a secret be its ARN, which policies name; MiniStack gives the secret's name.

    Source: CloudFormation template reference, AWS::SecretsManager::Secret, Return values.
    """
    handlers = _handlers()
    original = handlers["AWS::SecretsManager::Secret"]

    def create(logical_id: str, properties: Properties, stack: str) -> tuple[str, Any]:
        _name, attributes = original["create"](logical_id, properties, stack)
        return attributes["Arn"], attributes

    def update(arn: str, old: Properties, new: Properties, stack: str, *logical_id: str) -> tuple[str, Any]:
        _name, attributes = original["update"](name_of(arn), old, new, stack, *logical_id)
        return attributes["Arn"], attributes

    def delete(arn: str, properties: Properties) -> None:
        original["delete"](name_of(arn), properties)

    def name_of(arn: str) -> str:
        name: str = secrets_manager._resolve(arn)[0]
        return name

    handlers["AWS::SecretsManager::Secret"] = {
        **original,
        **{"create": create, "update": update, "delete": delete},
    }


def reachable_callback_urls(port: int) -> None:
    """Let a function reach the @connections URL that its template computes for it.

    `https://{api}.execute-api.{region}.amazonaws.com/{stage}` exists only on AWS. In a function's
    environment, the URL becomes this emulator's address. Template and stack outputs stay as they are. Source:
    API Gateway developer guide, "Use @connections commands in your backend service".
    """
    here = rf"http://127.0.0.1:{port}/_aws/execute-api/\1"

    def rewrite(properties: Properties) -> Properties:
        environment = json.dumps(properties.get("Environment") or {})
        return {**properties, "Environment": json.loads(_EXECUTE_API.sub(here, environment))}

    _wrap("AWS::Lambda::Function", before=rewrite)


def _handlers() -> dict[str, Handler]:
    """Return MiniStack's handlers of resource types: create, update, delete."""
    handlers: dict[str, Handler] = provisioners._RESOURCE_HANDLERS
    return handlers


def _wrap(
    resource_type: str,
    *,
    before: Callable[[Properties], Properties] | None = None,
    after: Callable[[str, Properties], None] | None = None,
) -> None:
    """Rewrite a type's properties before a create or update, or act on the resource afterwards.

    Args:
        resource_type: a type that MiniStack has a handler for.
        before: returns the properties to use instead.
        after: takes the physical id and the properties.
    """
    handlers = _handlers()
    original = dict(handlers[resource_type])

    def create(logical_id: str, properties: Properties, stack: str) -> tuple[str, Any]:
        properties = before(properties) if before else properties
        physical_id, attributes = original["create"](logical_id, properties, stack)
        if after:
            after(physical_id, properties)
        return physical_id, attributes

    def update(
        physical_id: str, old: Properties, new: Properties, stack: str, *logical_id: str
    ) -> tuple[str, Any]:
        if before:
            old, new = before(old), before(new)
        physical_id, attributes = original["update"](physical_id, old, new, stack, *logical_id)
        if after:
            after(physical_id, new)
        return physical_id, attributes

    wrapped: Handler = {**original, "create": create}
    if "update" in original:
        wrapped["update"] = update
    handlers[resource_type] = wrapped


def _child_of_api(api_name: str, id_key: str, parent: str | None = None) -> Handler:
    """Return a handler for a type that belongs to an API, a route or an integration.

    The handler calls the service's own functions.

    Args:
        api_name: the type's name in MiniStack's functions: `_create_<api_name>` and so on.
        id_key: the member of the function's answer that becomes the physical id.
        parent: the property that names the owner, `RouteId` or `IntegrationId`; None if the API is the owner.
    """

    def owner(properties: Properties) -> tuple[str, ...]:
        if not parent:
            return (properties["ApiId"],)
        # MiniStack's Ref of a route is "{api}/{route}". AWS's is the route's id alone.
        return properties["ApiId"], str(properties[parent]).rsplit("/", 1)[-1]

    def body(properties: Properties) -> Properties:
        own = {key: value for key, value in properties.items() if key not in ("ApiId", parent)}
        return {key[0].lower() + key[1:]: value for key, value in own.items()}

    def create(_logical_id: str, properties: Properties, _stack: str) -> tuple[str, Any]:
        call = getattr(apigateway, f"_create_{api_name}")
        view = _checked(call(*owner(properties), body(properties)), f"{api_name} create")
        return view[id_key], {id_key[0].upper() + id_key[1:]: view[id_key]}

    def delete(physical_id: str, properties: Properties) -> None:
        # The API, or the owner, may be gone already: resources are deleted in any order.
        getattr(apigateway, f"_delete_{api_name}")(*owner(properties), physical_id)

    # Without an update, CloudFormation creates a new resource and deletes the old one.
    return {"create": create, "delete": delete}


def _checked(response: tuple[int, Any, bytes], what: str) -> Properties:
    """Read a service's answer.

    Raises:
        ValueError: the service refused. CloudFormation shows the text as the resource's status reason.
    """
    status, _headers, content = response
    if status >= 400:
        raise ValueError(f"{what} failed: {content.decode()}")
    view: Properties = json.loads(content) if content else {}
    return view

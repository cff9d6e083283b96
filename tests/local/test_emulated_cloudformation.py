"""What CloudFormation makes of the app's template."""

from typing import Any

from local.aws import LocalAws
from tests.local.websocket_stack import (
    WebSocketStack,
    ask,
    create_stack,
    function,
    mock_template,
    receive,
    role,
    update_stack,
)


def test_a_route_response_makes_a_route_answer(api: WebSocketStack) -> None:
    with api.connect() as client:
        assert ask(client, hello="there")["frame"]["hello"] == "there"


def test_an_integration_response_is_the_answer_of_a_mock_route(api: WebSocketStack) -> None:
    with api.connect() as client:
        client.send('{"action":"ping"}')
        assert receive(client) == {"type": "pong"}


def test_an_integration_response_is_updated_and_deleted_with_its_stack(aws: LocalAws) -> None:
    create_stack(aws, "mock", mock_template('{"version":1}'))
    stack = WebSocketStack(aws, update_stack(aws, "mock", mock_template('{"version":2}')))

    with stack.connect() as client:
        client.send('{"action":"ping"}')
        assert receive(client) == {"version": 2}

    cloudformation = aws.client("cloudformation")
    cloudformation.delete_stack(StackName="mock")
    waiting = {"Delay": 0.1, "MaxAttempts": 50}
    cloudformation.get_waiter("stack_delete_complete").wait(StackName="mock", WaiterConfig=waiting)


def deployed(name: str = "Deployment", **properties: Any) -> dict[str, Any]:
    """Give a template whose stage has the deployment of this name."""
    body = mock_template('{"type":"pong"}')
    resources: dict[str, Any] = body["Resources"]
    resources["Stage"]["Properties"] |= {"AutoDeploy": False, "DeploymentId": {"Ref": name}}
    resources[name] = {
        "Type": "AWS::ApiGatewayV2::Deployment",
        "DependsOn": ["Ping"],
        "Properties": {"ApiId": {"Ref": "Api"}, **properties},
    }
    body["Outputs"]["Deployment"] = {"Value": {"Fn::GetAtt": [name, "DeploymentId"]}}
    return body


def deployments(aws: LocalAws, api: str) -> dict[str, str]:
    """Return the descriptions of an API's deployments."""
    listed = aws.client("apigatewayv2").get_deployments(ApiId=api)["Items"]
    return {deployment["DeploymentId"]: deployment["Description"] for deployment in listed}


def test_a_stage_has_its_deployment_and_then_the_next_one(aws: LocalAws) -> None:
    gateway = aws.client("apigatewayv2")
    first = create_stack(aws, "deployed", deployed(Description="first"))
    api = first["Api"]
    assert gateway.get_stage(ApiId=api, StageName="test")["DeploymentId"] == first["Deployment"]
    assert deployments(aws, api) == {first["Deployment"]: "first"}
    with WebSocketStack(aws, first).connect() as client:
        client.send('{"action":"ping"}')
        assert receive(client) == {"type": "pong"}

    assert update_stack(aws, "deployed", deployed(Description="said anew")) == first
    assert deployments(aws, api) == {first["Deployment"]: "said anew"}

    second = update_stack(aws, "deployed", deployed("Another", Description="second"))
    assert gateway.get_stage(ApiId=api, StageName="test")["DeploymentId"] == second["Deployment"]
    assert deployments(aws, api) == {second["Deployment"]: "second"}


def test_a_deployment_goes_to_the_stage_that_it_names(aws: LocalAws) -> None:
    body = deployed(StageName={"Ref": "Stage"})
    del body["Resources"]["Stage"]["Properties"]["DeploymentId"]
    outputs = create_stack(aws, "to-a-stage", body)
    stage = aws.client("apigatewayv2").get_stage(ApiId=outputs["Api"], StageName="test")
    assert stage["DeploymentId"] == outputs["Deployment"]

    cloudformation = aws.client("cloudformation")
    cloudformation.delete_stack(StackName="to-a-stage")
    waiting = {"Delay": 0.1, "MaxAttempts": 50}
    cloudformation.get_waiter("stack_delete_complete").wait(StackName="to-a-stage", WaiterConfig=waiting)


def test_a_deployment_of_another_api_replaces_the_first(aws: LocalAws) -> None:
    body = deployed()
    resources = body["Resources"]
    del resources["Stage"]["Properties"]["DeploymentId"]
    resources["OtherApi"] = resources["Api"]
    body["Outputs"]["OtherApi"] = {"Value": {"Ref": "OtherApi"}}
    first = create_stack(aws, "two-apis", body)

    resources["Deployment"]["Properties"]["ApiId"] = {"Ref": "OtherApi"}
    second = update_stack(aws, "two-apis", body)
    assert second["Deployment"] != first["Deployment"]
    assert deployments(aws, second["Api"]) == {}
    assert deployments(aws, second["OtherApi"]) == {second["Deployment"]: ""}


def table(**properties: Any) -> dict[str, Any]:
    key = {"AttributeName": "pk", "KeyType": "HASH"}
    base = {
        "KeySchema": [key],
        "AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}],
        "BillingMode": "PAY_PER_REQUEST",
    }
    resource = {"Type": "AWS::DynamoDB::Table", "Properties": base | properties}
    return {"Resources": {"Table": resource}, "Outputs": {"Table": {"Value": {"Ref": "Table"}}}}


def test_the_templates_time_to_live_is_switched_on_and_off(aws: LocalAws) -> None:
    dynamodb = aws.client("dynamodb")
    setting = {"Enabled": True, "AttributeName": "expires"}
    name = create_stack(aws, "table", table(TimeToLiveSpecification=setting))["Table"]

    described = dynamodb.describe_time_to_live(TableName=name)["TimeToLiveDescription"]
    assert described == {"TimeToLiveStatus": "ENABLED", "AttributeName": "expires"}

    update_stack(aws, "table", table())
    described = dynamodb.describe_time_to_live(TableName=name)["TimeToLiveDescription"]
    assert described["TimeToLiveStatus"] == "DISABLED"


def test_the_templates_reserved_concurrency_caps_the_function(aws: LocalAws) -> None:
    code = "def handler(event, context):\n    return 1\n"
    resources = {"Role": role(), "Function": function(code, ReservedConcurrentExecutions=7)}
    body = {"Resources": resources, "Outputs": {"Function": {"Value": {"Ref": "Function"}}}}
    name = create_stack(aws, "reserved", body)["Function"]

    concurrency = aws.client("lambda").get_function_concurrency(FunctionName=name)
    assert concurrency["ReservedConcurrentExecutions"] == 7


def test_a_function_gets_a_callback_url_that_it_can_reach(aws: LocalAws, api: WebSocketStack) -> None:
    with api.connect() as client:
        answer = ask(client)
        assert answer["callback"] == api.callback_url
        api.management().post_to_connection(
            ConnectionId=answer["request"]["connectionId"], Data=b'{"pushed":true}'
        )
        assert receive(client) == {"pushed": True}

    body = aws.client("cloudformation").get_template(StackName="web-socket")["TemplateBody"]
    assert "127.0.0.1" not in str(body)


def secret_template(description: str) -> dict[str, Any]:
    properties = {"Description": description, "GenerateSecretString": {"PasswordLength": 64}}
    return {
        "Resources": {"Secret": {"Type": "AWS::SecretsManager::Secret", "Properties": properties}},
        "Outputs": {"Ref": {"Value": {"Ref": "Secret"}}},
    }


def test_a_reference_to_a_secret_is_its_arn_also_after_an_update(aws: LocalAws) -> None:
    arn = create_stack(aws, "secret", secret_template("one"))["Ref"]
    secrets = aws.client("secretsmanager")
    assert secrets.describe_secret(SecretId=arn)["ARN"] == arn
    before = secrets.get_secret_value(SecretId=arn)["SecretString"]

    assert update_stack(aws, "secret", secret_template("two"))["Ref"] == arn
    assert secrets.describe_secret(SecretId=arn)["Description"] == "two"
    assert secrets.get_secret_value(SecretId=arn)["SecretString"] == before

    cloudformation = aws.client("cloudformation")
    cloudformation.delete_stack(StackName="secret")
    waiting = {"Delay": 0.1, "MaxAttempts": 50}
    cloudformation.get_waiter("stack_delete_complete").wait(StackName="secret", WaiterConfig=waiting)
    assert arn not in [secret["ARN"] for secret in secrets.list_secrets()["SecretList"]]


def test_an_alarm_on_metric_math_is_made(aws: LocalAws) -> None:
    stat = {"Metric": {"Namespace": "N", "MetricName": "M"}, "Period": 60, "Stat": "Sum"}
    metrics = [
        {"Id": "twice", "Expression": "2 * m", "ReturnData": True},
        {"Id": "m", "MetricStat": stat, "ReturnData": False},
    ]
    properties = {
        "AlarmDescription": "twice",
        "ComparisonOperator": "GreaterThanThreshold",
        "EvaluationPeriods": 1,
        "Threshold": 7,
        "Metrics": metrics,
    }
    resource = {"Type": "AWS::CloudWatch::Alarm", "Properties": properties}
    body = {"Resources": {"Alarm": resource}, "Outputs": {"Alarm": {"Value": {"Ref": "Alarm"}}}}
    name = create_stack(aws, "metric-math", body)["Alarm"]
    (alarm,) = aws.client("cloudwatch").describe_alarms(AlarmNames=[name])["MetricAlarms"]
    assert (alarm["AlarmDescription"], alarm["Threshold"]) == ("twice", 7)


def saved_query(text: str) -> dict[str, Any]:
    properties = {"Name": "Shop/why", "QueryString": text}
    return {
        "Resources": {"Query": {"Type": "AWS::Logs::QueryDefinition", "Properties": properties}},
        "Outputs": {"Query": {"Value": {"Ref": "Query"}}},
    }


def test_a_saved_query_is_made_kept_by_an_update_and_deleted_with_its_stack(aws: LocalAws) -> None:
    first = create_stack(aws, "saved-query", saved_query("fields @message"))
    assert update_stack(aws, "saved-query", saved_query("fields @timestamp")) == first

    cloudformation = aws.client("cloudformation")
    cloudformation.delete_stack(StackName="saved-query")
    waiting = {"Delay": 0.1, "MaxAttempts": 50}
    cloudformation.get_waiter("stack_delete_complete").wait(StackName="saved-query", WaiterConfig=waiting)

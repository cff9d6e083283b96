"""A small template with a WebSocket API, with a route for each behaviour of API Gateway."""

import json
from typing import Any

from websockets.sync.client import ClientConnection, connect

from local.aws import LocalAws
from stacks import interpreters

FUNCTION = """
import json, os, time

def handler(event, context):
    request = event["requestContext"]
    query = event.get("queryStringParameters") or {}
    if request["eventType"] == "CONNECT":
        return connect(query.get("then"), event["headers"])
    if request["eventType"] == "DISCONNECT":
        return {"statusCode": 200}
    return {"statusCode": 200, "body": json.dumps(answer(json.loads(event["body"]), request))}

def connect(then, headers):
    if then == "refuse":
        return {"statusCode": 401}
    if then == "raise":
        raise RuntimeError("not for the client")
    if then == "echo":
        return {"statusCode": 200, "headers": {"Sec-WebSocket-Protocol": "websocket"}}
    return {"statusCode": 200}

def answer(frame, request):
    began = time.time()
    if frame.get("raise"):
        raise RuntimeError("not for the client")
    if frame.get("log"):
        print(frame["log"])
    time.sleep(frame.get("sleep", 0))
    return {"frame": frame, "request": request, "began": began, "ended": time.time(),
            "callback": os.environ.get("CALLBACK_URL"), "environment": sorted(os.environ)}
"""

TWO_WAY = "echo"
"""The two-way route, with a route response and an expression that selects it."""

WITHOUT_RESPONSE = "silent"
WITHOUT_SELECTION = "unselected"
MOCK = "ping"

RUNTIME = f"python{interpreters.THIS}"


class WebSocketStack:
    """The deployed template.

    Attributes:
        api: the API's id.
        function: the function's name.
        role: the ARN of a role without rights.
        callback_url: the API's `@connections` endpoint, on this machine.
    """

    def __init__(self, aws: LocalAws, outputs: dict[str, str]) -> None:
        self._aws = aws
        self.api = outputs["Api"]
        self.function = outputs["Function"]
        self.role = outputs["Role"]
        self.callback_url = f"{aws.endpoint_url}/_aws/execute-api/{self.api}/test"

    def connect(self, query: str = "", **options: Any) -> ClientConnection:
        """Connect a client. `query` names the behaviour of `$connect`."""
        url = self.callback_url.replace("http://", "ws://") + query
        client: ClientConnection = connect(url, proxy=None, max_size=None, **options)
        return client

    def management(self) -> Any:
        """Return a boto3 client of the `@connections` API."""
        return self._aws.client("apigatewaymanagementapi", endpoint_url=self.callback_url)


def ask(client: ClientConnection, **frame: Any) -> dict[str, Any]:
    """Send a frame to the two-way route; return the answer."""
    client.send(json.dumps({"action": TWO_WAY, **frame}))
    return receive(client)


def receive(client: ClientConnection) -> dict[str, Any]:
    """Return the next frame. A missing frame fails the test."""
    frame: dict[str, Any] = json.loads(client.recv(timeout=10))
    return frame


def create_stack(aws: LocalAws, name: str, body: dict[str, Any]) -> dict[str, str]:
    """Create a stack, wait for it, and return its outputs."""
    cloudformation = aws.client("cloudformation")
    cloudformation.create_stack(
        StackName=name, TemplateBody=json.dumps(body), Capabilities=["CAPABILITY_IAM"]
    )
    return _outputs(cloudformation, name, "CREATE_COMPLETE", "stack_create_complete")


def update_stack(aws: LocalAws, name: str, body: dict[str, Any]) -> dict[str, str]:
    """Update a stack, wait for it, and return its outputs."""
    cloudformation = aws.client("cloudformation")
    cloudformation.update_stack(
        StackName=name, TemplateBody=json.dumps(body), Capabilities=["CAPABILITY_IAM"]
    )
    return _outputs(cloudformation, name, "UPDATE_COMPLETE", "stack_update_complete")


def _outputs(cloudformation: Any, name: str, expected: str, waiter: str) -> dict[str, str]:
    waiting = {"Delay": 0.1, "MaxAttempts": 100}
    cloudformation.get_waiter(waiter).wait(StackName=name, WaiterConfig=waiting)
    stack = cloudformation.describe_stacks(StackName=name)["Stacks"][0]
    assert stack["StackStatus"] == expected, stack.get("StackStatusReason")
    return {item["OutputKey"]: item["OutputValue"] for item in stack.get("Outputs", [])}


def function(code: str, **properties: Any) -> dict[str, Any]:
    """Return a function's resource. The template needs `role()` as `Role`, too."""
    return {
        "Type": "AWS::Lambda::Function",
        "Properties": {
            "Runtime": RUNTIME,
            "Handler": "index.handler",
            "Role": {"Fn::GetAtt": ["Role", "Arn"]},
            "Code": {"ZipFile": code},
            "Timeout": 20,
            **properties,
        },
    }


def role() -> dict[str, Any]:
    """Return the resource of a role for functions, without rights."""
    statement = {
        "Effect": "Allow",
        "Action": "sts:AssumeRole",
        "Principal": {"Service": "lambda.amazonaws.com"},
    }
    policy = {"Version": "2012-10-17", "Statement": [statement]}
    return {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": policy}}


def template(pong: str = '{"type":"pong"}') -> dict[str, Any]:
    """Return the template: a function behind five routes, and a MOCK route; no `$default`."""
    url = "https://${Api}.execute-api.${AWS::Region}.${AWS::URLSuffix}/test"
    environment = {"Variables": {"CALLBACK_URL": {"Fn::Sub": url}}}
    resources: dict[str, Any] = {
        "Api": _api(),
        "Stage": _of_api("Stage", StageName="test", AutoDeploy=True),
        "Role": role(),
        "Function": function(FUNCTION, Environment=environment),
        "Integration": _of_api("Integration", IntegrationType="AWS_PROXY", IntegrationUri=_uri()),
        "Connect": _route("$connect", "Integration"),
        "Disconnect": _route("$disconnect", "Integration"),
        "Echo": _route(TWO_WAY, "Integration", RouteResponseSelectionExpression="$default"),
        "EchoResponse": _route_response("Echo"),
        "Silent": _route(WITHOUT_RESPONSE, "Integration", RouteResponseSelectionExpression="$default"),
        "Unselected": _route(WITHOUT_SELECTION, "Integration"),
        "UnselectedResponse": _route_response("Unselected"),
        **_mock_route(pong),
    }
    outputs: dict[str, Any] = {name: {"Value": {"Ref": name}} for name in ("Api", "Function")}
    outputs["Role"] = {"Value": {"Fn::GetAtt": ["Role", "Arn"]}}
    return {"Resources": resources, "Outputs": outputs}


def mock_template(pong: str) -> dict[str, Any]:
    """Return a template with the MOCK route alone."""
    resources = {
        "Api": _api(),
        "Stage": _of_api("Stage", StageName="test", AutoDeploy=True),
        **_mock_route(pong),
    }
    outputs = {name: {"Value": {"Ref": "Api"}} for name in ("Api", "Function", "Role")}
    return {"Resources": resources, "Outputs": outputs}


def _mock_route(pong: str) -> dict[str, Any]:
    return {
        "MockIntegration": _of_api(
            "Integration",
            IntegrationType="MOCK",
            RequestTemplates={"200": '{"statusCode":200}'},
            TemplateSelectionExpression="200",
        ),
        "Pong": _of_api(
            "IntegrationResponse",
            IntegrationId={"Ref": "MockIntegration"},
            IntegrationResponseKey="$default",
            TemplateSelectionExpression="200",
            ResponseTemplates={"200": pong},
        ),
        "Ping": _route(MOCK, "MockIntegration", RouteResponseSelectionExpression="$default"),
        "PingResponse": _route_response("Ping"),
    }


def _api() -> dict[str, Any]:
    properties = {
        "Name": "test",
        "ProtocolType": "WEBSOCKET",
        "RouteSelectionExpression": "$request.body.action",
    }
    return {"Type": "AWS::ApiGatewayV2::Api", "Properties": properties}


def _of_api(kind: str, **properties: Any) -> dict[str, Any]:
    properties = {"ApiId": {"Ref": "Api"}, **properties}
    return {"Type": f"AWS::ApiGatewayV2::{kind}", "Properties": properties}


def _uri() -> dict[str, Any]:
    path = "path/2015-03-31/functions/${Function.Arn}/invocations"
    return {"Fn::Sub": f"arn:aws:apigateway:${{AWS::Region}}:lambda:{path}"}


def _route(key: str, integration: str, **properties: Any) -> dict[str, Any]:
    target = {"Fn::Join": ["/", ["integrations", {"Ref": integration}]]}
    return _of_api("Route", RouteKey=key, Target=target, **properties)


def _route_response(route: str) -> dict[str, Any]:
    return _of_api("RouteResponse", RouteId={"Ref": route}, RouteResponseKey="$default")

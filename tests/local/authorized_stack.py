"""A small template with a Lambda authorizer for `$connect`. The query string names its decision."""

from typing import Any

from tests.local.websocket_stack import function, template

AUTHORIZER = """
import json

def handler(event, context):
    query = event.get("queryStringParameters") or {}
    match query.get("then"):
        case "unauthorized":
            raise Exception("Unauthorized")
        case "fail":
            raise Exception("Unauthorized: the table is gone")
        case effect:
            return answer(effect or "Allow", event)

def answer(effect, event):
    statement = {"Action": "execute-api:Invoke", "Effect": effect, "Resource": event["methodArn"]}
    seen = {name: event[name] for name in ("headers", "multiValueHeaders", "queryStringParameters",
                                           "multiValueQueryStringParameters")}
    return {
        "principalId": "alice",
        "policyDocument": {"Version": "2012-10-17", "Statement": [statement]},
        "context": {"seen": json.dumps(seen), "number": 7},
    }
"""

FUNCTION = """
import json

def handler(event, context):
    request = event["requestContext"]
    print(request["eventType"], request["connectionId"], json.dumps(request.get("authorizer")))
    return {"statusCode": 200, "body": json.dumps(request.get("authorizer"))}
"""


def authorized_template() -> dict[str, Any]:
    """Return the template of `websocket_stack`, with an authorizer before `$connect`."""
    made = template()
    resources = made["Resources"]
    resources["Function"] = function(FUNCTION)
    resources["AuthorizerFunction"] = function(AUTHORIZER)
    path = "path/2015-03-31/functions/${AuthorizerFunction.Arn}/invocations"
    resources["Authorizer"] = {
        "Type": "AWS::ApiGatewayV2::Authorizer",
        "Properties": {
            "ApiId": {"Ref": "Api"},
            "Name": "test",
            "AuthorizerType": "REQUEST",
            "AuthorizerUri": {"Fn::Sub": f"arn:aws:apigateway:${{AWS::Region}}:lambda:{path}"},
            "IdentitySource": [],
        },
    }
    resources["Connect"]["Properties"] |= {
        "AuthorizationType": "CUSTOM",
        "AuthorizerId": {"Ref": "Authorizer"},
    }
    return made

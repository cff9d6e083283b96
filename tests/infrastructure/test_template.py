"""What the local AWS can't show: assertions on the synthesized template."""

import json
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import assertions
from entity_push.runtime.environment import ENVIRONMENTS

from operations.cost import figures
from stacks import bundle
from tests.infrastructure.conftest import OURS_OR_NO_CLIENTS, make_stack, of_type
from tests.infrastructure.linters import findings_of_cfn_lint, raise_findings_of_cdk_nag
from tests.infrastructure.policies import are_of_own_rules, as_list

TABLE_ACTIONS: dict[str, set[str]] = {
    "authorize": set(),
    "connect": {
        *("dynamodb:BatchWriteItem", "dynamodb:Query", "dynamodb:DeleteItem", "dynamodb:BatchGetItem"),
    },
    "disconnect": {"dynamodb:DeleteItem", "dynamodb:BatchWriteItem"},
    "subscribe": {"dynamodb:UpdateItem", "dynamodb:PutItem", "dynamodb:GetItem", "dynamodb:Query"},
    "unsubscribe": {"dynamodb:UpdateItem", "dynamodb:DeleteItem", "dynamodb:GetItem"},
    "publish": {"dynamodb:GetItem"},
    "expire": {"dynamodb:Query", "dynamodb:BatchWriteItem"},
    "default": set(),
    "watch": set(),
    "push": {
        *("dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem"),
        *("dynamodb:Query", "dynamodb:BatchGetItem", "dynamodb:BatchWriteItem"),
    },
}

TABLE_ITEMS = {
    **dict.fromkeys(("connect", "disconnect", "push"), ("CONNECTION", "CHANNEL", "EXPIRES")),
    **dict.fromkeys(("subscribe", "unsubscribe"), ("CONNECTION", "CHANNEL")),
    "publish": ("CONNECTION",),
    "expire": ("EXPIRES",),
}


def functions(resources: dict[str, Any]) -> dict[str, Any]:
    return {
        item["Handler"].removesuffix(".handler"): item
        for item in of_type(resources, "AWS::Lambda::Function").values()
    }


def statements(resources: dict[str, Any], module: str) -> list[dict[str, Any]]:
    """Return the policy statements of a function's role."""
    role = functions(resources)[module]["Role"]["Fn::GetAtt"][0]
    return [
        statement
        for policy in of_type(resources, "AWS::IAM::Policy").values()
        if {"Ref": role} in policy["Roles"]
        for statement in policy["PolicyDocument"]["Statement"]
    ]


def test_the_table(template: assertions.Template) -> None:
    template.has_resource(
        "AWS::DynamoDB::Table",
        {
            "Properties": {
                "BillingMode": "PAY_PER_REQUEST",
                "TimeToLiveSpecification": {"AttributeName": "ttl", "Enabled": True},
                "PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": True},
                "SSESpecification": {"SSEEnabled": True},
                "DeletionProtectionEnabled": True,
            },
            "DeletionPolicy": "Retain",
        },
    )


def test_routes(resources: dict[str, Any]) -> None:
    routes = {item["RouteKey"]: item for item in of_type(resources, "AWS::ApiGatewayV2::Route").values()}
    messages = {"$default", "subscribe", "unsubscribe", "publish", "onMessage", "message", "ping"}
    assert set(routes) == {"$connect", "$disconnect", *messages}
    answering = {
        item["RouteId"]["Ref"] for item in of_type(resources, "AWS::ApiGatewayV2::RouteResponse").values()
    }
    named = {name: item["RouteKey"] for name, item in of_type(resources, "AWS::ApiGatewayV2::Route").items()}
    assert {named[name] for name in answering} == messages
    for key in messages:
        assert routes[key]["RouteResponseSelectionExpression"] == "$default"


def test_ping_is_answered_without_a_function(template: assertions.Template) -> None:
    template.has_resource_properties(
        "AWS::ApiGatewayV2::IntegrationResponse", {"ResponseTemplates": {"200": '{"type":"pong"}'}}
    )


def test_the_stage_throttles_and_logs_and_never_logs_a_query_string(resources: dict[str, Any]) -> None:
    (stage,) = of_type(resources, "AWS::ApiGatewayV2::Stage").values()
    assert stage["DefaultRouteSettings"] == {"ThrottlingBurstLimit": 500, "ThrottlingRateLimit": 1000}
    variables = json.loads(stage["AccessLogSettings"]["Format"]).values()
    assert "$context.connectionId" in variables
    assert not [name for name in variables if "querystring" in name.lower() or "header" in name.lower()]


def test_the_stage_names_its_log_group_as_api_gateway_keeps_it(resources: dict[str, Any]) -> None:
    """With the `:*` of a log group's own ARN, the stage would differ from its template for good."""
    (stage,) = of_type(resources, "AWS::ApiGatewayV2::Stage").values()
    _, parts = stage["AccessLogSettings"]["DestinationArn"]["Fn::Join"]
    assert parts[-2] == ":log-group:"
    assert resources[parts[-1]["Ref"]]["Type"] == "AWS::Logs::LogGroup"


def test_only_a_protected_table_and_what_the_account_shares_outlive_a_failed_deployment(
    resources: dict[str, Any],
) -> None:
    kept = {name: item for name, item in resources.items() if item.get("DeletionPolicy") == "Retain"}
    assert {item["Type"] for item in kept.values()} == {
        *("AWS::DynamoDB::Table", "AWS::IAM::Role", "AWS::ApiGateway::Account")
    }
    assert len(kept) == 3
    until_made = {
        item["Type"] for item in resources.values() if item.get("DeletionPolicy") == "RetainExceptOnCreate"
    }
    assert until_made == {"AWS::Logs::LogGroup", "AWS::SecretsManager::Secret"}


def test_functions_are_modest_logged_and_traced(resources: dict[str, Any]) -> None:
    found = functions(resources)
    assert set(found) == set(TABLE_ACTIONS)
    groups = of_type(resources, "AWS::Logs::LogGroup")
    for module, item in found.items():
        assert item["Architectures"] == ["arm64"]
        assert item["Runtime"].startswith("python3.")
        assert item["TracingConfig"] == {"Mode": "Active"}
        assert item["LoggingConfig"]["LogFormat"] == "JSON"
        assert groups[item["LoggingConfig"]["LogGroup"]["Ref"]]["RetentionInDays"] == 30
        assert item["Timeout"] == {"push": 60, "expire": 55, "watch": 45, "authorize": 20}.get(module, 15)
        assert item["MemorySize"] == (1769 if module == "push" else 512)


@pytest.mark.parametrize("module", TABLE_ACTIONS)
def test_a_function_may_do_its_own_job_only(resources: dict[str, Any], module: str) -> None:
    table = next(name for name, item in resources.items() if item["Type"] == "AWS::DynamoDB::Table")
    allowed = set()
    for statement in statements(resources, module):
        actions = as_list(statement["Action"])
        if any(action.startswith("dynamodb:") for action in actions):
            assert statement["Resource"] == {"Fn::GetAtt": [table, "Arn"]}
            allowed |= set(actions)
            assert statement["Condition"] == {
                "ForAllValues:StringLike": {
                    "dynamodb:LeadingKeys": [f"{prefix}#*" for prefix in TABLE_ITEMS[module]]
                }
            }
        if statement["Resource"] == "*":
            assert set(actions) == {"xray:PutTraceSegments", "xray:PutTelemetryRecords"}
        assert not [action for action in actions if "*" in action]
    assert allowed == TABLE_ACTIONS[module]


@pytest.mark.parametrize("module", TABLE_ACTIONS)
def test_a_function_is_told_what_it_reads_and_nothing_else(resources: dict[str, Any], module: str) -> None:
    variables = functions(resources)[module]["Environment"]["Variables"]
    described = {name.upper() for name in ENVIRONMENTS[module].fields()}
    assert set(variables) == described | {"POWERTOOLS_SERVICE_NAME"}


def test_who_reaches_connections_does_its_job_only_and_only_on_this_stage(resources: dict[str, Any]) -> None:
    methods = {"push": ["DELETE", "POST"], "expire": ["DELETE", "POST"], "connect": ["GET"]}
    for module in TABLE_ACTIONS:
        found = [
            json.dumps(resource)
            for statement in statements(resources, module)
            if "execute-api:ManageConnections" in as_list(statement["Action"])
            for resource in as_list(statement["Resource"])
        ]
        for resource, method in zip(sorted(found), methods.get(module, []), strict=True):
            assert f"/prod/{method}/@connections/*" in resource


def test_only_push_may_feed_its_own_queue(resources: dict[str, Any]) -> None:
    loops = {module: item.get("RecursiveLoop") for module, item in functions(resources).items()}
    assert loops.pop("push") == "Allow"
    assert set(loops.values()) == {"Terminate"}


def test_queues(resources: dict[str, Any]) -> None:
    queues = of_type(resources, "AWS::SQS::Queue")
    (queue,) = (item for item in queues.values() if "RedrivePolicy" in item)
    dead = queue["RedrivePolicy"]["deadLetterTargetArn"]["Fn::GetAtt"][0]
    assert queue["VisibilityTimeout"] >= 6 * functions(resources)["push"]["Timeout"]
    assert queues[dead]["MessageRetentionPeriod"] == 14 * 24 * 3600
    assert len(queues) == 3
    assert all(item["SqsManagedSseEnabled"] for item in queues.values())


def test_eventbridge_may_write_to_the_queue_and_to_the_targets_dead_letters(
    resources: dict[str, Any],
) -> None:
    (rule,) = (item for item in of_type(resources, "AWS::Events::Rule").values() if "EventPattern" in item)
    assert rule["EventPattern"] == {
        "account": [{"Ref": "AWS::AccountId"}],
        "detail-type": ["Entity Updated", "Send User Push Notification", "Broadcast"],
        "detail": OURS_OR_NO_CLIENTS,
    }
    assert rule["EventBusName"] == "default"
    (target,) = rule["Targets"]
    writable = {
        policy_queue["Ref"]
        for policy in of_type(resources, "AWS::SQS::QueuePolicy").values()
        for statement in policy["PolicyDocument"]["Statement"]
        if statement["Effect"] == "Allow"
        and statement["Principal"] == {"Service": "events.amazonaws.com"}
        and "sqs:SendMessage" in as_list(statement["Action"])
        and are_of_own_rules(statement["Condition"])
        for policy_queue in policy["Queues"]
    }
    queues = {target["Arn"]["Fn::GetAtt"][0], target["DeadLetterConfig"]["Arn"]["Fn::GetAtt"][0]}
    assert len(queues) == 2
    assert queues <= writable


def test_every_queue_refuses_plain_http(resources: dict[str, Any]) -> None:
    refused = {
        queue["Ref"]
        for policy in of_type(resources, "AWS::SQS::QueuePolicy").values()
        if any(
            statement["Effect"] == "Deny" and "aws:SecureTransport" in json.dumps(statement["Condition"])
            for statement in policy["PolicyDocument"]["Statement"]
        )
        for queue in policy["Queues"]
    }
    assert refused == set(of_type(resources, "AWS::SQS::Queue"))


def test_the_event_source_reports_single_failures(template: assertions.Template) -> None:
    template.has_resource_properties(
        "AWS::Lambda::EventSourceMapping",
        {
            "FunctionResponseTypes": ["ReportBatchItemFailures"],
            "BatchSize": 10,
            "ScalingConfig": {"MaximumConcurrency": 10},
        },
    )


def test_every_alarm_tells_somebody(resources: dict[str, Any]) -> None:
    (topic,) = of_type(resources, "AWS::SNS::Topic")
    alarms = of_type(resources, "AWS::CloudWatch::Alarm").values()
    assert all(alarm["AlarmActions"] == [{"Ref": topic}] for alarm in alarms)
    assert all(alarm["OKActions"] == [{"Ref": topic}] for alarm in alarms), "and that it is over"
    (policy,) = of_type(resources, "AWS::SNS::TopicPolicy").values()
    assert policy["Topics"] == [{"Ref": topic}]
    assert [
        (statement["Effect"], statement["Action"])
        for statement in policy["PolicyDocument"]["Statement"]
        if statement["Principal"] == {"Service": "cloudwatch.amazonaws.com"}
    ] == [("Allow", "sns:Publish")]


@pytest.mark.parametrize("encryption", ["aws", "customer"])
def test_addresses_are_subscribed_to_the_topic(encryption: str) -> None:
    context = {"alarmEmail": "ops@example.com,on-call@example.com", "encryption": encryption}
    found = assertions.Template.from_stack(make_stack(context)).to_json()["Resources"]
    (topic,) = of_type(found, "AWS::SNS::Topic")
    subscribed = of_type(found, "AWS::SNS::Subscription").values()
    assert {each["Endpoint"] for each in subscribed} == {"ops@example.com", "on-call@example.com"}
    assert {each["Protocol"] for each in subscribed} == {"email"}
    assert all(each["TopicArn"] == {"Ref": topic} for each in subscribed)


def test_nobody_is_subscribed_who_is_not_named(template: assertions.Template) -> None:
    template.resource_count_is("AWS::SNS::Subscription", 0)


def test_nothing_has_a_physical_name_so_that_deployments_do_not_collide(resources: dict[str, Any]) -> None:
    names = (
        "TableName",
        "QueueName",
        "FunctionName",
        "RoleName",
        "LogGroupName",
        "TopicName",
        "DashboardName",
    )
    for item in resources.values():
        assert not [name for name in names if isinstance(item.get("Properties", {}).get(name), str)]
    assert not [item for item in of_type(resources, "AWS::Events::Rule").values() if "Name" in item]


def test_outputs(template: assertions.Template) -> None:
    assert set(template.find_outputs("*")) == {
        "Authorization",
        "TokenIssuer",
        "TokenAudience",
        "TokenClaims",
        "TokenSecretArn",
        "WebSocketUrl",
        "CallbackUrl",
        "TableName",
        "QueueUrl",
        "DeadLetterQueueUrl",
        "TargetDeadLetterQueueUrl",
        "AlarmTopicArn",
        "DashboardName",
        "EventBusName",
    }


def test_settings_reach_the_template() -> None:
    template = assertions.Template.from_stack(
        make_stack({"eventBus": "own", "retainData": "false", "accessLogs": "false", "stage": "test"})
    )
    template.resource_count_is("AWS::Events::EventBus", 1)
    template.resource_count_is("AWS::ApiGateway::Account", 0)
    template.has_resource("AWS::DynamoDB::Table", {"DeletionPolicy": "Delete"})
    template.has_resource_properties("AWS::ApiGatewayV2::Stage", {"StageName": "test"})


@pytest.mark.parametrize("encryption", ["aws", "customer"])
def test_cfn_lint_finds_nothing(encryption: str, tmp_path: Path) -> None:
    assert findings_of_cfn_lint(make_stack({"encryption": encryption}), tmp_path) == ""


@pytest.mark.parametrize("encryption", ["aws", "customer"])
def test_cdk_nag_finds_nothing_that_is_not_acknowledged_with_a_reason(encryption: str) -> None:
    raise_findings_of_cdk_nag(make_stack({"encryption": encryption}))


def test_nobody_connects_without_the_authorizer_which_always_runs(resources: dict[str, Any]) -> None:
    routes = {item["RouteKey"]: item for item in of_type(resources, "AWS::ApiGatewayV2::Route").values()}
    ((authorizer_id, authorizer),) = of_type(resources, "AWS::ApiGatewayV2::Authorizer").items()
    assert routes["$connect"]["AuthorizationType"] == "CUSTOM"
    assert routes["$connect"]["AuthorizerId"] == {"Ref": authorizer_id}
    assert authorizer["AuthorizerType"] == "REQUEST"
    assert authorizer["IdentitySource"] == [], "with identity sources, API Gateway wants all of them"


def test_only_the_authorizer_reads_the_secret_and_only_publish_puts_events(resources: dict[str, Any]) -> None:
    for module in TABLE_ACTIONS:
        actions = {
            action for statement in statements(resources, module) for action in as_list(statement["Action"])
        }
        assert ("secretsmanager:GetSecretValue" in actions) == (module == "authorize")
        assert ("events:PutEvents" in actions) == (module == "publish")


def test_without_authorization_it_is_said_loudly_and_nothing_of_it_is_deployed() -> None:
    stack = make_stack({"authorization": "none"})
    found = assertions.Template.from_stack(stack)
    found.resource_count_is("AWS::ApiGatewayV2::Authorizer", 0)
    found.resource_count_is("AWS::SecretsManager::Secret", 0)
    assert "expire" not in functions(found.to_json()["Resources"])
    warnings = assertions.Annotations.from_stack(stack).find_warning(
        "*", assertions.Match.string_like_regexp("NO AUTHORIZATION")
    )
    assert len(warnings) == 1


def test_functions_without_bytecode_are_said_with_both_remedies(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(bundle, "is_compiled", lambda _settings: False)
    monkeypatch.setattr(bundle, "build", lambda _settings: tmp_path)
    warnings = assertions.Annotations.from_stack(make_stack({})).find_warning(
        "*", assertions.Match.string_like_regexp("Install python3.*or let them.*-c pythonVersion=")
    )
    assert len(warnings) == 1


def test_an_issuers_tokens_need_no_secret_of_ours() -> None:
    found = assertions.Template.from_stack(
        make_stack(
            {
                "authorization": "oidc",
                "tokenIssuer": "https://issuer.example.com/",
                "tokenAudience": "push",
            }
        )
    )
    found.resource_count_is("AWS::SecretsManager::Secret", 0)
    found.resource_count_is("AWS::ApiGatewayV2::Authorizer", 1)
    authorize = functions(found.to_json()["Resources"])["authorize"]
    assert authorize["Environment"]["Variables"]["TOKEN_ISSUER"] == "https://issuer.example.com/"


def test_deploying_says_what_the_push_takes_of_the_accounts_quota() -> None:
    found = assertions.Annotations.from_stack(make_stack({"pushConcurrency": "7"})).find_info(
        "*", assertions.Match.string_like_regexp("Up to 7 push functions run at once")
    )
    assert len(found) == 1


def test_without_tracing_no_function_is_traced_or_may_write_traces() -> None:
    template = assertions.Template.from_stack(make_stack({"tracing": "false"})).to_json()
    assert all("TracingConfig" not in item for item in functions(template["Resources"]).values())
    assert "xray:" not in json.dumps(template)


def test_costs_are_reckoned_from_what_the_template_has(resources: dict[str, Any]) -> None:
    found = functions(resources)
    memory = {name: item["MemorySize"] for name, item in found.items()}
    assert memory.pop("push") == figures.PUSH_MB
    assert set(memory.values()) == {figures.FUNCTION_MB}
    assert all(item["TracingConfig"] == {"Mode": "Active"} for item in found.values())
    assert set(figures.FUNCTIONS_PER_CONNECTION) <= found.keys()
    schedules = [
        rule for rule in of_type(resources, "AWS::Events::Rule").values() if "ScheduleExpression" in rule
    ]
    assert len(schedules) == figures.SCHEDULED_FUNCTIONS
    assert len(of_type(resources, "AWS::CloudWatch::Dashboard")) == figures.DASHBOARDS
    assert len(of_type(resources, "AWS::SecretsManager::Secret")) == figures.SECRETS
    assert not of_type(resources, "AWS::KMS::Key")

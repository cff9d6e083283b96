"""The template with the deployment's own key: who may use it for what, and what is stored under it."""

import json
from typing import Any

import pytest
from aws_cdk import assertions

from tests.infrastructure.conftest import make_stack, of_type
from tests.infrastructure.policies import are_of_own_rules, as_list, role_statements


@pytest.fixture(scope="module")
def encrypted() -> dict[str, Any]:
    template = assertions.Template.from_stack(make_stack({"encryption": "customer"}))
    found: dict[str, Any] = template.to_json()["Resources"]
    return found


@pytest.fixture(scope="module")
def key(encrypted: dict[str, Any]) -> dict[str, Any]:
    """The key's ARN, as other resources state it."""
    (name,) = of_type(encrypted, "AWS::KMS::Key")
    return {"Fn::GetAtt": [name, "Arn"]}


def services(encrypted: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the statements of the key's policy that let a service use it, by the service."""
    (policy,) = (item["KeyPolicy"] for item in of_type(encrypted, "AWS::KMS::Key").values())
    return {
        json.dumps(statement["Principal"]["Service"]): statement
        for statement in policy["Statement"]
        if "Service" in statement["Principal"]
    }


def test_aws_keys_are_the_default(resources: dict[str, Any]) -> None:
    assert not of_type(resources, "AWS::KMS::Key")
    assert "kms:" not in json.dumps(resources)


def test_the_key_is_rotated_and_kept_like_the_data(encrypted: dict[str, Any]) -> None:
    (key,) = (item for item in encrypted.values() if item["Type"] == "AWS::KMS::Key")
    assert key["Properties"]["EnableKeyRotation"] is True
    assert (key["DeletionPolicy"], key["UpdateReplacePolicy"]) == ("RetainExceptOnCreate", "Retain")
    template = assertions.Template.from_stack(make_stack({"encryption": "customer", "retainData": "false"}))
    template.has_resource("AWS::KMS::Key", {"DeletionPolicy": "Delete"})


@pytest.mark.parametrize(
    ("kind", "path"),
    [
        ("AWS::DynamoDB::Table", ("SSESpecification", "KMSMasterKeyId")),
        ("AWS::SQS::Queue", ("KmsMasterKeyId",)),
        ("AWS::SNS::Topic", ("KmsMasterKeyId",)),
        ("AWS::Logs::LogGroup", ("KmsKeyId",)),
        ("AWS::SecretsManager::Secret", ("KmsKeyId",)),
    ],
)
def test_everything_that_is_stored_is_under_the_key(
    encrypted: dict[str, Any], key: dict[str, Any], kind: str, path: tuple[str, ...]
) -> None:
    found = of_type(encrypted, kind)
    assert found
    for properties in found.values():
        value: Any = properties
        for name in path:
            value = value[name]
        assert value == key


def test_nothing_that_stores_data_is_missing_above(encrypted: dict[str, Any]) -> None:
    """A new kind of resource has to be looked at: does it store data, and under which key?"""
    stateless = {
        *("AWS::ApiGateway::Account", "AWS::ApiGatewayV2::Api", "AWS::ApiGatewayV2::Authorizer"),
        "AWS::ApiGatewayV2::Deployment",
        *("AWS::ApiGatewayV2::Integration", "AWS::ApiGatewayV2::IntegrationResponse"),
        *("AWS::ApiGatewayV2::Route", "AWS::ApiGatewayV2::RouteResponse", "AWS::ApiGatewayV2::Stage"),
        *("AWS::CDK::Metadata", "AWS::CloudWatch::Alarm", "AWS::CloudWatch::Dashboard"),
        *("AWS::Events::Rule", "AWS::IAM::Policy", "AWS::Logs::QueryDefinition"),
        *("AWS::IAM::Role", "AWS::KMS::Key", "AWS::Lambda::EventSourceMapping", "AWS::Lambda::Function"),
        *("AWS::Lambda::Permission", "AWS::SNS::TopicPolicy", "AWS::SQS::QueuePolicy"),
    }
    stores = {
        *("AWS::DynamoDB::Table", "AWS::SQS::Queue", "AWS::SNS::Topic", "AWS::Logs::LogGroup"),
        "AWS::SecretsManager::Secret",
    }
    assert {item["Type"] for item in encrypted.values()} <= stateless | stores


def test_the_names_of_services_end_as_the_partition_says(encrypted: dict[str, Any]) -> None:
    """In China's Regions they end in amazonaws.com.cn; these two kinds of names are regional there, too."""
    names = [
        statement["Condition"]["StringEquals"]["kms:ViaService"]
        for statements in role_statements(encrypted).values()
        for statement in statements
        if "kms:ViaService" in json.dumps(statement)
    ]
    (logs,) = (name for name in services(encrypted) if "logs." in name)
    assert len(names) > 5
    for name in (*names, json.loads(logs)):
        _, parts = name["Fn::Join"]
        assert parts[1:] == [{"Ref": "AWS::Region"}, ".", {"Ref": "AWS::URLSuffix"}]


def test_eventbridge_may_use_the_key_for_this_account_only(encrypted: dict[str, Any]) -> None:
    statement = services(encrypted)['"events.amazonaws.com"']
    assert set(statement["Action"]) == {"kms:GenerateDataKey", "kms:Decrypt"}
    assert statement["Condition"] == {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}}


def test_alarms_may_publish_to_the_encrypted_topic(encrypted: dict[str, Any]) -> None:
    statement = services(encrypted)['"cloudwatch.amazonaws.com"']
    assert set(statement["Action"]) == {"kms:GenerateDataKey*", "kms:Decrypt"}
    assert statement["Condition"] == {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}}


def test_logs_may_use_the_key_for_this_stacks_log_groups_only(encrypted: dict[str, Any]) -> None:
    (name,) = (service for service in services(encrypted) if "logs." in service)
    statement = services(encrypted)[name]
    assert {"Ref": "AWS::Region"} in json.loads(name)["Fn::Join"][1]
    assert {"kms:Encrypt*", "kms:Decrypt*", "kms:GenerateDataKey*"} <= set(statement["Action"])
    pattern = statement["Condition"]["ArnLike"]["kms:EncryptionContext:aws:logs:arn"]
    assert pattern["Fn::Join"][1][-1] == ":log-group:EntityPush-*"


def test_no_other_service_may_use_the_key(encrypted: dict[str, Any]) -> None:
    assert len(services(encrypted)) == 3


def test_every_rule_still_writes_to_its_own_queue_only(encrypted: dict[str, Any]) -> None:
    allowed = [
        statement
        for policy in of_type(encrypted, "AWS::SQS::QueuePolicy").values()
        for statement in policy["PolicyDocument"]["Statement"]
        if statement["Effect"] == "Allow"
    ]
    assert len(allowed) == 2
    assert all(are_of_own_rules(statement["Condition"]) for statement in allowed)


def test_a_role_uses_the_key_only_through_the_services_that_it_may_call(
    encrypted: dict[str, Any], key: dict[str, Any]
) -> None:
    through = {}
    for role, statements in role_statements(encrypted).items():
        services_of_role = set()
        for statement in statements:
            actions = as_list(statement["Action"])
            if not any(action.startswith("kms:") for action in actions):
                continue
            assert statement["Resource"] == key
            assert not [action for action in actions if "*" in action]
            assert set(actions).isdisjoint({"kms:CreateGrant", "kms:PutKeyPolicy", "kms:ScheduleKeyDeletion"})
            via = statement["Condition"]["StringEquals"]["kms:ViaService"]["Fn::Join"][1]
            services_of_role.add(via[0].removesuffix("."))
        called = {
            action.split(":")[0]
            for statement in statements
            for action in as_list(statement["Action"])
            if action.startswith(("dynamodb:", "sqs:", "secretsmanager:"))
        }
        assert services_of_role == called, role
        through[role] = services_of_role
    assert {"dynamodb", "sqs"} in through.values()  # push
    assert {"dynamodb"} in through.values()  # subscribe
    assert {"secretsmanager"} in through.values()  # authorize
    assert set() in through.values()  # default


@pytest.mark.parametrize("encryption", ["aws", "customer"])
def test_the_topic_refuses_plain_http(encryption: str) -> None:
    template = assertions.Template.from_stack(make_stack({"encryption": encryption}))
    (policy,) = template.find_resources("AWS::SNS::TopicPolicy").values()
    refused = [
        statement
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]
        if statement["Effect"] == "Deny"
    ]
    (statement,) = refused
    assert statement["Action"] == "sns:Publish"
    assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}

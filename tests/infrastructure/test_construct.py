"""`EntityPush` in another team's CDK app."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import assertions
from aws_cdk import aws_iam as iam
from constructs import Construct

from stacks import bundle, interpreters
from stacks.app_settings import AppSettings
from stacks.contract import name_prefix
from stacks.entity_push import EntityPush
from stacks.setting_checks import SettingError
from stacks.settings import Settings
from tests.infrastructure.alarm_metrics import looked_at
from tests.infrastructure.conftest import feature_flags, of_type
from tests.infrastructure.linters import findings_of_cfn_lint, raise_findings_of_cdk_nag
from tests.infrastructure.policies import role_statements

ROOT = Path(__file__).resolve().parents[2]
IDS = ("Orders", "Chat")


def host(context: Mapping[str, Any] | None = None) -> cdk.Stack:
    """Return a stack of an app that is not ours."""
    return cdk.Stack(cdk.App(context={**feature_flags(), **(context or {})}), "Host")


def two(encryption: str = "aws") -> cdk.Stack:
    """Return a stack with two constructs."""
    stack = host()
    for name in IDS:
        EntityPush(stack, name, settings=Settings(event_bus="own", encryption=encryption))
    return stack


@pytest.fixture(scope="module")
def pair() -> dict[str, Any]:
    """The template of two constructs in one stack."""
    return dict(assertions.Template.from_stack(two("customer")).to_json())


def mine(template: dict[str, Any], construct: str, kind: str) -> dict[str, Any]:
    """Return the properties of a construct's resources of a type, by logical id."""
    found = of_type(template["Resources"], kind)
    return {name: item for name, item in found.items() if name.startswith(construct)}


def test_a_construct_tells_where_to_connect_and_what_it_is_made_of() -> None:
    stack = host()
    push = EntityPush(stack, "Push", settings=Settings(event_bus="own"))
    for name in ("web_socket_url", "callback_url"):
        cdk.CfnOutput(stack, name.replace("_", ""), value=getattr(push, name))
    cdk.CfnOutput(stack, "bus", value=push.bus.event_bus_name)
    cdk.CfnOutput(stack, "table", value=push.table.table_name)
    cdk.CfnOutput(stack, "topic", value=push.alarm_topic.topic_arn)
    outputs = assertions.Template.from_stack(stack).find_outputs("*")
    same = {
        "websocketurl": "PushWebSocketUrl",
        "callbackurl": "PushCallbackUrl",
        "bus": "PushEventBusName",
        "table": "PushTableName",
        "topic": "PushAlarmTopicArn",
    }
    assert {name: outputs[name]["Value"] for name in same} == {
        name: outputs[other]["Value"] for name, other in same.items()
    }


def test_without_settings_it_has_the_defaults_whatever_the_apps_context_says() -> None:
    stack = host({"eventBus": "own", "team": "shop", "throttleRate": "nonsense"})
    EntityPush(stack, "Push")
    template = assertions.Template.from_stack(stack)
    template.has_resource("AWS::DynamoDB::Table", {"DeletionPolicy": "Retain"})
    template.resource_count_is("AWS::Events::EventBus", 0)


@pytest.mark.parametrize(
    ("path", "name", "prefix"),
    [
        (["Default"], "Host", ""),
        (["Push"], "Host-Push", "Push"),
        (["Shop", "Push"], "Host-Shop-Push", "ShopPush"),
        (["Shop", "Default"], "Host-Shop", "Shop"),
        (["my-push"], "Host-my-push", "mypush"),
    ],
    ids=str,
)
def test_a_construct_is_named_after_its_stack_and_its_place_in_it(
    path: list[str], name: str, prefix: str
) -> None:
    stack = host()
    scope: Construct = stack
    for construct_id in path[:-1]:
        scope = Construct(scope, construct_id)
    push = EntityPush(scope, path[-1])
    assert push.name == name
    assert name_prefix(path) == prefix
    outputs = assertions.Template.from_stack(stack).find_outputs("*")
    assert outputs[f"{prefix}TokenIssuer"]["Value"] == name


def test_two_in_one_stack_have_all_names_apart(pair: dict[str, Any]) -> None:
    resources = pair["Resources"]
    shared = {name for name in resources if not name.startswith(IDS)}
    assert {resources[name]["Type"] for name in shared} <= {"AWS::CDK::Metadata"}
    names = sorted(item["Name"] for item in of_type(resources, "AWS::ApiGatewayV2::Api").values())
    assert names == ["Host-Chat", "Host-Orders"]
    for construct in IDS:
        own = f"Host-{construct}"
        dimensions = {
            dimension["Value"]
            for alarm in mine(pair, construct, "AWS::CloudWatch::Alarm").values()
            for metric in looked_at(alarm)
            for dimension in metric["Dimensions"]
            if dimension["Name"] == "Stack"
        }
        assert dimensions == {own}
        for alarm in mine(pair, construct, "AWS::CloudWatch::Alarm").values():
            assert alarm["AlarmDescription"].startswith(f"Entity Push ({own}): ")
        queries = mine(pair, construct, "AWS::Logs::QueryDefinition").values()
        assert queries
        assert all(query["Name"].startswith(f"{own}/") for query in queries)
        told = [
            function["Environment"]["Variables"]
            for function in mine(pair, construct, "AWS::Lambda::Function").values()
        ]
        assert {item["DEPLOYMENT_NAME"] for item in told if "DEPLOYMENT_NAME" in item} == {own}
        assert {item["TOKEN_ISSUER"] for item in told if "TOKEN_ISSUER" in item} == {own}
        assert {item["TOKEN_AUDIENCE"] for item in told if "TOKEN_AUDIENCE" in item} == {own}


def test_two_in_one_stack_refer_to_nothing_of_each_other_but_the_accounts_log_role(
    pair: dict[str, Any],
) -> None:
    for name, item in pair["Resources"].items():
        (other,) = (construct for construct in IDS if not name.startswith(construct))
        text = json.dumps({key: value for key, value in item.items() if key != "DependsOn"})
        assert not re.search(rf'"(Ref|Fn::GetAtt)": \[?"{other}', text), name


def test_the_log_role_of_the_account_is_set_once_per_stack(pair: dict[str, Any]) -> None:
    (account,) = of_type(pair["Resources"], "AWS::ApiGateway::Account")
    stages = [item for item in pair["Resources"].values() if item["Type"] == "AWS::ApiGatewayV2::Stage"]
    assert len(stages) == 2
    assert all(account in stage["DependsOn"] for stage in stages)


def test_the_key_of_one_is_not_for_the_log_groups_of_the_other(pair: dict[str, Any]) -> None:
    for construct in IDS:
        (key,) = mine(pair, construct, "AWS::KMS::Key").values()
        assert f":log-group:Host-{construct}*" in json.dumps(key)
        (key_id,) = mine(pair, construct, "AWS::KMS::Key")
        groups = mine(pair, construct, "AWS::Logs::LogGroup").values()
        assert groups
        assert all(group["KmsKeyId"] == {"Fn::GetAtt": [key_id, "Arn"]} for group in groups)


def test_each_has_all_outputs_with_its_id_in_front(
    pair: dict[str, Any], template: assertions.Template
) -> None:
    names = set(template.find_outputs("*"))
    assert set(pair["Outputs"]) == {construct + name for construct in IDS for name in names}


def test_one_per_stack_has_its_own_names() -> None:
    app = cdk.App(context=feature_flags())
    for name in ("Shop", "Billing"):
        EntityPush(cdk.Stack(app, name), "Push", settings=Settings(event_bus="own"))
    assembly = app.synth()
    for name in ("Shop", "Billing"):
        template = assembly.get_stack_by_name(name).template
        assert template["Outputs"]["PushTokenIssuer"]["Value"] == f"{name}-Push"
        assert len(of_type(template["Resources"], "AWS::ApiGateway::Account")) == 1
        assert "Fn::ImportValue" not in json.dumps(template)


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        (
            Settings(authorization="none"),
            (
                f"run on this one: Settings(python_version='{interpreters.THIS}')",
                "or take Settings(push_concurrency=2) until",
                "Deploy without Settings(authorization='none')",
            ),
        ),
        (
            AppSettings(authorization="none"),
            (
                f"run on this one: -c pythonVersion={interpreters.THIS}",
                "or take -c pushConcurrency=2 until",
                "Deploy without -c authorization=none",
            ),
        ),
    ],
    ids=["another app", "our app"],
)
def test_advice_names_settings_as_the_app_gives_them_and_no_file_that_a_wheel_lacks(
    settings: Settings, says: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(bundle, "is_compiled", lambda _settings: False)
    monkeypatch.setattr(bundle, "build", lambda _settings: tmp_path)
    stack = host()
    EntityPush(stack, "Push", settings=settings)
    found = assertions.Annotations.from_stack(stack)
    anything = assertions.Match.any_value()
    told = [
        str(each.entry.data) for each in found.find_warning("*", anything) + found.find_info("*", anything)
    ]
    assert len(told) == len(says)
    assert all(any(advice in text for text in told) for advice in says), told
    assert not any("docs/" in text for text in told)
    other = "-c " if type(settings) is Settings else "Settings("
    assert not any(other in text for text in told)


def statements_of(stack: cdk.Stack, role: iam.Role) -> list[dict[str, Any]]:
    resources = assertions.Template.from_stack(stack).to_json()["Resources"]
    element = role.node.default_child
    assert isinstance(element, cdk.CfnElement)
    return role_statements(resources).get(stack.get_logical_id(element), [])


def test_a_service_may_be_let_put_events_and_nothing_else() -> None:
    stack = host()
    push = EntityPush(stack, "Push", settings=Settings(event_bus="own"))
    role = iam.Role(stack, "Service", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))
    push.grant_put_events(role)
    (statement,) = statements_of(stack, role)
    (bus,) = of_type(assertions.Template.from_stack(stack).to_json()["Resources"], "AWS::Events::EventBus")
    assert statement == {
        "Effect": "Allow",
        "Action": "events:PutEvents",
        "Resource": {"Fn::GetAtt": [bus, "Arn"]},
    }


@pytest.mark.parametrize("encryption", ["aws", "customer"])
def test_a_service_may_be_let_read_the_secret_of_tokens_and_use_its_key(encryption: str) -> None:
    stack = host()
    push = EntityPush(stack, "Push", settings=Settings(encryption=encryption))
    role = iam.Role(stack, "Service", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))
    push.grant_mint_tokens(role)
    by_action = {statement["Action"]: statement for statement in statements_of(stack, role)}
    secret = by_action.pop("secretsmanager:GetSecretValue")
    assert "PushAuthorizerTokenSecret" in json.dumps(secret["Resource"])
    assert by_action.keys() == ({"kms:Decrypt"} if encryption == "customer" else set())
    for key in by_action.values():
        assert "PushEncryptionKey" in json.dumps(key["Resource"])
        assert "secretsmanager." in json.dumps(key["Condition"]["StringEquals"]["kms:ViaService"])


@pytest.mark.parametrize(
    "settings",
    [
        Settings(authorization="none"),
        Settings(authorization="oidc", token_issuer="https://x.example/", token_audience="push"),
    ],
    ids=["none", "oidc"],
)
def test_where_there_is_no_secret_nobody_can_be_let_read_it(settings: Settings) -> None:
    stack = host()
    push = EntityPush(stack, "Push", settings=settings)
    with pytest.raises(SettingError, match=r"Host/Push has no secret .* authorization is (none|oidc), and"):
        push.grant_mint_tokens(iam.Role(stack, "Service", assumed_by=iam.AccountRootPrincipal()))


@pytest.mark.parametrize("encryption", ["aws", "customer"])
def test_cfn_lint_finds_nothing_in_two(encryption: str, tmp_path: Path) -> None:
    assert findings_of_cfn_lint(two(encryption), tmp_path) == ""


@pytest.mark.parametrize("encryption", ["aws", "customer"])
def test_cdk_nag_finds_nothing_in_two(encryption: str) -> None:
    raise_findings_of_cdk_nag(two(encryption))


# An app in a folder of its own that knows only where this repository is. It has no feature flags, and none of
# the functions' libraries: requirements.txt has only what `cdk deploy` needs.
ELSEWHERE = """
import sys
for name in ("aws_lambda_powertools", "boto3", "botocore", "jwt"):
    sys.modules[name] = None
sys.path.append(sys.argv[1])
import aws_cdk as cdk
from stacks.entity_push import EntityPush
from stacks.settings import Settings
app = cdk.App()
EntityPush(cdk.Stack(app, "Host"), "Push", settings=Settings(event_bus="own"))
app.synth()
"""


def test_the_app_may_be_anywhere_and_needs_only_what_deploying_needs(tmp_path: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        [sys.executable, "-c", ELSEWHERE, str(ROOT)],
        cwd=tmp_path,
        env={**environment, "CDK_OUTDIR": str(tmp_path / "out")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    template = json.loads((tmp_path / "out" / "Host.template.json").read_text())
    assert "PushWebSocketUrl" in template["Outputs"]
    assert [path.name for path in tmp_path.iterdir()] == ["out"], "nothing is built in the team's folder"

"""The template under a company's rules: its domain, bus, key, tags, boundary and VPC."""

import itertools
import json
import re
from pathlib import Path
from typing import Any, cast

import aws_cdk as cdk
import pytest
from aws_cdk import assertions

from local.aws import ROOT
from stacks.setting_checks import SettingError
from tests.infrastructure.conftest import make_stack, of_type
from tests.infrastructure.linters import findings_of_cfn_lint, raise_findings_of_cdk_nag
from tests.infrastructure.policies import as_list, role_statements

BUS = "arn:aws:events:eu-central-1:111122223333:event-bus/company"
KEY = "arn:aws:kms:eu-central-1:111122223333:key/11112222-3333-4444-5555-666677778888"
COMPANY = {
    "domainName": "push.example.com",
    "certificateArn": "arn:aws:acm:eu-central-1:111122223333:certificate/1111-2222",
    "hostedZoneId": "Z0123456789ABCDEFGHIJ",
    "executeApiEndpoint": "false",
    "eventBus": BUS,
    "encryption": KEY,
    "tags": "team=web,cost-center=12",
    "permissionsBoundary": "company-boundary",
    "subnetIds": "subnet-0123456789abcdef0,subnet-0123456789abcdef1",
    "securityGroupIds": "sg-0123456789abcdef0",
}
DOCUMENT = ROOT / "docs" / "how-to" / "deploy-in-a-company.md"


@pytest.fixture(scope="module")
def template() -> dict[str, Any]:
    return dict(assertions.Template.from_stack(make_stack(COMPANY)).to_json())


@pytest.fixture(scope="module")
def resources(template: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = template["Resources"]
    return found


def all_statements(resources: dict[str, Any]) -> list[dict[str, Any]]:
    return list(itertools.chain.from_iterable(role_statements(resources).values()))


def variables(resources: dict[str, Any]) -> list[dict[str, Any]]:
    functions = of_type(resources, "AWS::Lambda::Function").values()
    return [function["Environment"]["Variables"] for function in functions]


def test_clients_connect_and_frames_are_posted_by_its_domain_without_the_stage(
    template: dict[str, Any], resources: dict[str, Any]
) -> None:
    outputs = template["Outputs"]
    assert outputs["WebSocketUrl"]["Value"] == "wss://push.example.com"
    assert outputs["CallbackUrl"]["Value"] == "https://push.example.com"
    told = [found["CALLBACK_URL"] for found in variables(resources) if "CALLBACK_URL" in found]
    assert told == ["https://push.example.com"] * len(told)
    assert len(told) == 3  # push, expire, connect
    (api,) = of_type(resources, "AWS::ApiGatewayV2::Api").values()
    assert api["DisableExecuteApiEndpoint"] is True
    (mapping,) = of_type(resources, "AWS::ApiGatewayV2::ApiMapping").values()
    assert "ApiMappingKey" not in mapping
    (domain_id,) = of_type(resources, "AWS::ApiGatewayV2::DomainName")
    (record,) = of_type(resources, "AWS::Route53::RecordSet").values()
    assert record["AliasTarget"]["DNSName"] == {"Fn::GetAtt": [domain_id, "RegionalDomainName"]}
    assert outputs["DomainTarget"]["Value"] == {"Fn::GetAtt": [domain_id, "RegionalDomainName"]}


def test_as_long_as_the_execute_api_endpoint_is_open_frames_are_posted_there() -> None:
    """So posting depends on no record of DNS. Without a hosted zone, somebody else makes the record."""
    given = {name: COMPANY[name] for name in ("domainName", "certificateArn")}
    template = assertions.Template.from_stack(make_stack(given)).to_json()
    assert "execute-api" in json.dumps(template["Outputs"]["CallbackUrl"]["Value"])
    assert not of_type(template["Resources"], "AWS::Route53::RecordSet")
    (api,) = of_type(template["Resources"], "AWS::ApiGatewayV2::Api").values()
    assert "DisableExecuteApiEndpoint" not in api


def test_rules_and_clients_publishing_use_the_given_bus(
    template: dict[str, Any], resources: dict[str, Any]
) -> None:
    assert not of_type(resources, "AWS::Events::EventBus")
    rules = of_type(resources, "AWS::Events::Rule").values()
    of_events = [rule for rule in rules if "EventPattern" in rule]
    assert {rule["EventBusName"] for rule in of_events} == {"company"}
    assert template["Outputs"]["EventBusName"]["Value"] == "company"
    puts = [
        statement["Resource"]
        for statement in all_statements(resources)
        if "events:PutEvents" in as_list(statement["Action"])
    ]
    assert puts == [BUS]
    assert [found["EVENT_BUS_NAME"] for found in variables(resources) if "EVENT_BUS_NAME" in found] == [
        "company"
    ]


def test_the_given_key_encrypts_all_and_no_key_is_made(resources: dict[str, Any]) -> None:
    assert not of_type(resources, "AWS::KMS::Key")
    (table,) = (
        of_type(resources, "AWS::DynamoDB::GlobalTable").values()
        or of_type(resources, "AWS::DynamoDB::Table").values()
    )
    assert KEY in json.dumps(table)
    for kind, name in (
        ("AWS::SQS::Queue", "KmsMasterKeyId"),
        ("AWS::SNS::Topic", "KmsMasterKeyId"),
        ("AWS::Logs::LogGroup", "KmsKeyId"),
        ("AWS::SecretsManager::Secret", "KmsKeyId"),
    ):
        found = of_type(resources, kind).values()
        assert found
        assert {item.get(name) for item in found} == {KEY}
    used = [one for one in all_statements(resources) if "kms:" in json.dumps(one["Action"])]
    assert used
    assert {json.dumps(statement["Resource"]) for statement in used} == {json.dumps(KEY)}


def test_the_documented_key_policy_is_what_a_key_of_its_own_has() -> None:
    """The same services, actions and kinds of conditions, so that an existing key works as a made one."""
    text = DOCUMENT.read_text(encoding="utf-8")
    (block,) = re.findall(r"^```json\n(\[.*?\])\n```", text, re.DOTALL | re.M)
    own = assertions.Template.from_stack(make_stack({"encryption": "customer"})).to_json()["Resources"]
    (key,) = of_type(own, "AWS::KMS::Key").values()

    def rights(statements: list[dict[str, Any]]) -> dict[str, tuple[list[str], list[str]]]:
        found = {}
        for statement in statements:
            if service := statement["Principal"].get("Service"):
                name = re.sub(r"[^a-z].*", "", service if isinstance(service, str) else "logs")
                found[name] = (sorted(as_list(statement["Action"])), sorted(statement["Condition"]))
        return found

    assert rights(json.loads(block)) == rights(key["KeyPolicy"]["Statement"])
    assert ":log-group:STACK-*" in block
    assert "`STACK` is your stack's name" in text


def test_the_documented_services_are_those_whose_resources_are_made() -> None:
    """An execution policy of a bootstrap is made of them."""
    section = DOCUMENT.read_text(encoding="utf-8").partition("\n## Bootstrap")[2].partition("\n## ")[0]
    rows = dict(re.findall(r"^\| (\S.*\S) \| (`.*`) \|$", section, re.MULTILINE))
    documented = {given.strip("`"): set(re.findall(r"`([a-z0-9]+)`", cell)) for given, cell in rows.items()}

    def made(context: dict[str, str]) -> set[str]:
        """Return the prefixes of the actions, which are the names of the services in types of resources."""
        template = assertions.Template.from_stack(make_stack(context)).to_json()
        services = {item["Type"].split("::")[1] for item in template["Resources"].values()}
        ours = {name for name in services if not name.startswith(("CDKBucketDeployment", "S3AutoDelete"))}
        return {name.lower().replace("gatewayv2", "gateway") for name in ours}

    always = made({})
    domain = {name: str(COMPANY[name]) for name in ("domainName", "certificateArn", "hostedZoneId")}
    assert documented == {
        "any settings": always,
        "encryption=customer": made({"encryption": "customer"}) - always,
        "hostedZoneId": made(domain) - always,
        "consolePage=true": made({"consolePage": "true"}) - always,
    }


@pytest.mark.parametrize("given", [{}, {"encryption": "customer"}, {"consolePage": "true"}, COMPANY], ids=str)
def test_the_template_names_no_partition_and_no_domain_of_one(given: dict[str, str]) -> None:
    """So that it fits GovCloud and China. Principals of services are called so everywhere."""
    text = json.dumps(assertions.Template.from_stack(make_stack(given)).to_json())
    # A statement of the CDK's own, in the policy of a secret's key; in China it lets in nobody.
    text = text.replace('["secretsmanager.", {"Ref": "AWS::Region"}, ".amazonaws.com"]', "[]")
    arns = set(re.findall(r"arn:aws[a-z-]*:[^\"]*", text))
    assert arns - set(given.values()) == set()
    domains = set(re.findall(r"[\w.-]*\.amazonaws\.com[\w.]*", text))
    assert {domain for domain in domains if not re.fullmatch(r"[a-z]+\.amazonaws\.com", domain)} == set()


def test_the_stack_has_the_tags_which_cloudformation_gives_to_its_resources() -> None:
    """Source: CloudFormation User Guide, "Resource tags": stack-level tags are propagated."""
    stack = make_stack(COMPANY)
    made = cast(cdk.App, stack.node.root).synth().get_stack_artifact(stack.artifact_id)
    assert dict(made.tags) == {"team": "web", "cost-center": "12"}


def test_every_role_has_the_boundary(resources: dict[str, Any]) -> None:
    roles = of_type(resources, "AWS::IAM::Role").values()
    assert roles
    for role in roles:
        assert ":policy/company-boundary" in json.dumps(role["PermissionsBoundary"])


def test_every_function_runs_in_the_subnets_and_may(resources: dict[str, Any]) -> None:
    functions = of_type(resources, "AWS::Lambda::Function").values()
    for function in functions:
        assert function["VpcConfig"] == {
            "SubnetIds": COMPANY["subnetIds"].split(","),
            "SecurityGroupIds": [COMPANY["securityGroupIds"]],
        }
    may = [
        statement
        for statement in all_statements(resources)
        if "ec2:CreateNetworkInterface" in as_list(statement["Action"])
    ]
    assert len(may) == len(functions) > 0


@pytest.mark.parametrize(
    ("given", "missing"),
    [
        ({"domainName": "push.example.com"}, "needs certificateArn"),
        ({"certificateArn": COMPANY["certificateArn"]}, "needs domainName"),
        ({"hostedZoneId": "Z01"}, "needs domainName"),
        ({"executeApiEndpoint": "false"}, "needs domainName"),
        ({"subnetIds": "subnet-0123456789abcdef0"}, "needs securityGroupIds"),
        ({"securityGroupIds": "sg-0123456789abcdef0"}, "needs subnetIds"),
        ({"tags": "aws:owner=x"}, "tags such as team=web"),
        ({"tags": "a=1,a=2"}, "tags such as team=web"),
        ({"eventBus": "company"}, "the ARN of a bus"),
        ({"encryption": "alias/company"}, "the ARN of a KMS key"),
    ],
)
def test_what_is_missing_or_wrong_is_said(given: dict[str, str], missing: str) -> None:
    with pytest.raises(SettingError, match=missing):
        make_stack(given)


def test_linters_find_nothing(tmp_path: Path) -> None:
    assert findings_of_cfn_lint(make_stack(COMPANY), tmp_path) == ""
    raise_findings_of_cdk_nag(make_stack(COMPANY))

"""A deployment of the release before is updated in place: nothing is replaced, and nothing is lost."""

import json
import platform
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from stacks.contract import ClaimNames
from testbed import release

# Each of these makes other resources.
RULE = {
    "pattern": {"source": ["shop"]},
    "entityId": "orders/{$.detail.id}",
    "message": "$.detail",
}

SETTINGS: dict[str, dict[str, str]] = {
    "default": {},
    "encryption": {"encryption": "customer"},
    "no authorization": {"authorization": "none"},
    "an issuer's tokens": {
        "authorization": "oidc",
        "tokenIssuer": "https://issuer.example.com/",
        "tokenAudience": "push",
    },
    "own events": {
        "eventSources": "shop",
        "eventRules": json.dumps([{**RULE, "name": "shop"}]),
    },
}

# What CloudFormation replaces a resource for, losing what is in it or the address that others know
# (template reference, "Update requires"). A new GenerateSecretString makes a new secret.
KEPT: dict[str, tuple[str, ...]] = {
    "AWS::DynamoDB::Table": ("TableName", "KeySchema", "AttributeDefinitions", "LocalSecondaryIndexes"),
    "AWS::SQS::Queue": ("QueueName", "FifoQueue"),
    "AWS::SecretsManager::Secret": ("Name", "GenerateSecretString", "SecretString"),
    "AWS::KMS::Key": ("KeySpec", "KeyUsage", "MultiRegion", "Origin"),
    "AWS::Logs::LogGroup": ("LogGroupName",),
    "AWS::SNS::Topic": ("TopicName", "FifoTopic"),
    "AWS::ApiGatewayV2::Api": ("ProtocolType",),
    "AWS::ApiGatewayV2::Stage": ("ApiId", "StageName"),
}

POLICIES = ("DeletionPolicy", "UpdateReplacePolicy")

STAYS = {"RetainExceptOnCreate": "Retain"}
"""What is the same for a resource that is there already."""

NEW = re.compile("Alarms.*|Dashboard.*|Queries.*|Watch.*")
"""Logical ids that the release before did not have: what people see of a deployment, and the function that
looks at the queues."""

MADE_ANEW = re.compile("NotificationsOwn.*|WebSocketDeployment.*")
"""Rules of own events and the API's deployment: they hold nothing, and what they say is in their names."""


@dataclass(frozen=True)
class Upgrade:
    """The template before and after."""

    before: dict[str, Any]
    after: dict[str, Any]


@pytest.fixture(scope="module")
def upgrades(released: Path) -> dict[str, Upgrade]:
    architecture = "arm64" if platform.machine() in ("arm64", "aarch64") else "x86_64"
    contexts = [{"architecture": architecture, **context} for context in SETTINGS.values()]
    without_names = [
        {**context, "eventRules": json.dumps([RULE])} if "eventRules" in context else context
        for context in contexts
    ]
    before, after = release.synthesize(released, without_names), release.synthesize(release.ROOT, contexts)
    pairs = zip(before, after, strict=True)
    return {
        name: Upgrade(before["template"], after["template"])
        for name, (before, after) in zip(SETTINGS, pairs, strict=True)
    }


@pytest.fixture(params=SETTINGS)
def upgrade(upgrades: dict[str, Upgrade], request: pytest.FixtureRequest) -> Upgrade:
    return upgrades[request.param]


def kinds(template: dict[str, Any]) -> dict[str, str]:
    return {name: item["Type"] for name, item in template["Resources"].items()}


def kept(template: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return what must stay of each resource that holds something, by its logical id."""
    found = {}
    for name, item in template["Resources"].items():
        if item["Type"] in KEPT:
            properties = item.get("Properties", {})
            found[name] = {key: properties.get(key) for key in KEPT[item["Type"]]}
            found[name] |= {key: STAYS.get(item.get(key), item.get(key)) for key in POLICIES}
    return found


def test_every_resource_is_still_there_and_hardly_any_is_new(upgrade: Upgrade) -> None:
    before, after = (
        {name: kind for name, kind in kinds(template).items() if not MADE_ANEW.fullmatch(name)}
        for template in (upgrade.before, upgrade.after)
    )
    assert before.items() - after.items() == set()
    assert [name for name in after.keys() - before.keys() if not NEW.fullmatch(name)] == []


def test_what_holds_data_or_has_an_address_is_not_replaced(upgrade: Upgrade) -> None:
    before, after = kept(upgrade.before), kept(upgrade.after)
    assert len(before) > 5
    assert {name: after.get(name) for name in before} == before


def _meaning(name: str, value: Any) -> Any:
    """Return what an output tells: the claims' names were three words before they were JSON."""
    return ClaimNames.from_output(value) if name == "TokenClaims" else value


def test_every_output_tells_the_same(upgrade: Upgrade) -> None:
    before, after = (
        {name: _meaning(name, output["Value"]) for name, output in template["Outputs"].items()}
        for template in (upgrade.before, upgrade.after)
    )
    assert {name: after.get(name) for name in before} == before

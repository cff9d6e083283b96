"""The synthesized template, made once."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import assertions
from entity_push.protocol.events import DEPLOYMENT

from stacks import interpreters
from stacks.app_settings import AppSettings
from stacks.entity_push_stack import EntityPushStack

ADDRESS = {"Fn::Join": ["", [{"Ref": "AWS::AccountId"}, "/", {"Ref": "AWS::Region"}, "/EntityPush"]]}
"""What clients' events say of the deployment that has let them."""

OURS_OR_NO_CLIENTS = {DEPLOYMENT: [ADDRESS, {"exists": False}]}
"""What clients of this deployment have published, and all that no client has."""


def feature_flags() -> dict[str, Any]:
    """Return the CDK's feature flags, as cdk.json has them."""
    flags: dict[str, Any] = json.loads(Path("cdk.json").read_text(encoding="utf-8"))["context"]
    return flags


def make_stack(context: Mapping[str, Any]) -> EntityPushStack:
    """Return the stack as `cdk deploy` would make it with these settings and cdk.json's feature flags.

    The functions' Python is this one, which can compile them.
    """
    app = cdk.App(context={**feature_flags(), "pythonVersion": interpreters.THIS, **context})
    settings = AppSettings.from_context(app.node.get_all_context())
    return EntityPushStack(app, settings.stack_name, settings=settings)


@pytest.fixture(scope="session")
def template() -> assertions.Template:
    return assertions.Template.from_stack(make_stack({}))


@pytest.fixture(scope="session")
def resources(template: assertions.Template) -> dict[str, Any]:
    found: dict[str, Any] = template.to_json()["Resources"]
    return found


def of_type(resources: Mapping[str, Any], kind: str) -> dict[str, Any]:
    """Return the properties of all resources of a type, by logical id."""
    return {name: item.get("Properties", {}) for name, item in resources.items() if item["Type"] == kind}

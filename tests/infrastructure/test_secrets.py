"""No secret is where people or logs can read it: not in environment variables, outputs or the template."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import assertions

from tests.infrastructure.conftest import make_stack, of_type
from tests.infrastructure.policies import as_list, role_statements

CONTEXTS: tuple[dict[str, str], ...] = ({}, {"encryption": "customer"}, {"authorization": "none"})

# CloudFormation's ways of putting a secret's value into a template (User Guide, "Dynamic references").
RESOLVED = re.compile(r"\{\{resolve:(secretsmanager|ssm-secure|ssm):")


@pytest.mark.parametrize("context", CONTEXTS)
def test_the_template_resolves_no_secret(context: dict[str, str]) -> None:
    template = assertions.Template.from_stack(make_stack(context)).to_json()
    assert not RESOLVED.search(json.dumps(template))


def test_cloudformation_makes_the_secret_and_nobody_states_it(resources: dict[str, Any]) -> None:
    (secret,) = of_type(resources, "AWS::SecretsManager::Secret").values()
    assert "SecretString" not in secret
    assert secret["GenerateSecretString"]["PasswordLength"] == 64


def test_environment_variables_hold_names_and_numbers_only(resources: dict[str, Any]) -> None:
    """Of the secret a function is told the ARN; whoever sees a function's configuration sees no more."""
    (secret,) = of_type(resources, "AWS::SecretsManager::Secret")
    for function in of_type(resources, "AWS::Lambda::Function").values():
        for name, value in function["Environment"]["Variables"].items():
            if "SECRET" in name:
                assert value == {"Ref": secret}
            if isinstance(value, str):
                # A key would be a long run of letters and digits.
                assert not re.search(r"[A-Za-z0-9+/=_-]{32,}", value), name


def test_only_the_authorizer_may_read_the_secret(resources: dict[str, Any]) -> None:
    (secret,) = of_type(resources, "AWS::SecretsManager::Secret")
    readers = {
        role: statement
        for role, statements in role_statements(resources).items()
        for statement in statements
        if any(action.startswith("secretsmanager:") for action in as_list(statement["Action"]))
    }
    (authorizer,) = (
        item["Role"]["Fn::GetAtt"][0]
        for item in of_type(resources, "AWS::Lambda::Function").values()
        if item["Handler"] == "authorize.handler"
    )
    assert set(readers) == {authorizer}
    assert as_list(readers[authorizer]["Action"]) == ["secretsmanager:GetSecretValue"]
    assert readers[authorizer]["Resource"] == {"Ref": secret}


def test_every_lock_file_has_hashes() -> None:
    """What is installed is what was looked at: pip refuses anything whose hash is not in the file."""
    files = sorted([*Path().glob("requirements*.txt"), *Path("lambdas").glob("requirements*.txt")])
    assert len(files) >= 3
    for path in files:
        text = path.read_text()
        pins = re.findall(r"^[a-z0-9][^\s;]*==", text, flags=re.MULTILINE | re.IGNORECASE)
        with_hash = re.findall(
            r"^[a-z0-9][^\s;]*==[^\n]*\\\n\s+--hash=sha256:", text, flags=re.MULTILINE | re.IGNORECASE
        )
        assert len(pins) == len(with_hash), path
    for path in (Path("package-lock.json"), Path("clients/javascript/package-lock.json")):
        packages = json.loads(path.read_text())["packages"]
        assert len(packages) > 1
        for name, package in packages.items():
            assert not name or "integrity" in package, (path, name)

"""Reading IAM policies out of a template."""

import json
from collections.abc import Mapping
from typing import Any

from tests.infrastructure.conftest import of_type


def as_list(value: Any) -> list[Any]:
    """Return one value, or a list of values, as a list. IAM allows both."""
    return value if isinstance(value, list) else [value]


def are_of_own_rules(condition: dict[str, Any]) -> bool:
    """Tell whether a condition lets only rules of this account and of this deployment through."""
    arns = as_list(condition["ArnLike"]["aws:SourceArn"])
    named = [arn for arn in arns if "Fn::GetAtt" in arn or "rule/EntityPush" in json.dumps(arn)]
    return named == arns and condition.get("StringEquals") == {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}


def role_statements(resources: Mapping[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """Return the policy statements of each role that has any, by the role's logical id."""
    found: dict[str, list[dict[str, Any]]] = {}
    for policy in of_type(resources, "AWS::IAM::Policy").values():
        for role in policy["Roles"]:
            found.setdefault(role["Ref"], []).extend(policy["PolicyDocument"]["Statement"])
    return found

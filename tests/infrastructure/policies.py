"""Reading IAM policies out of a template."""

from collections.abc import Mapping
from typing import Any

from tests.infrastructure.conftest import of_type


def as_list(value: Any) -> list[Any]:
    """Return one value, or a list of values, as a list. IAM allows both."""
    return value if isinstance(value, list) else [value]


def role_statements(resources: Mapping[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """Return the policy statements of each role that has any, by the role's logical id."""
    found: dict[str, list[dict[str, Any]]] = {}
    for policy in of_type(resources, "AWS::IAM::Policy").values():
        for role in policy["Roles"]:
            found.setdefault(role["Ref"], []).extend(policy["PolicyDocument"]["Statement"])
    return found

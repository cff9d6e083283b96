"""Saved queries look into the logs that have the answer."""

from typing import Any

import pytest
from aws_cdk import assertions
from entity_push.runtime.environment import ENVIRONMENTS

from stacks.saved_queries import ACCESS, SAVED_QUERIES
from tests.infrastructure.conftest import make_stack, of_type

LONGEST_QUERY = 10_000
"""CloudFormation template reference, AWS::Logs::QueryDefinition, QueryString."""


def groups(resources: dict[str, Any]) -> dict[str, str]:
    """Return what each log group is of, by its logical id."""
    functions = {
        item["LoggingConfig"]["LogGroup"]["Ref"]: item["Handler"].removesuffix(".handler")
        for item in of_type(resources, "AWS::Lambda::Function").values()
    }
    others = of_type(resources, "AWS::Logs::LogGroup").keys() - functions.keys()
    return functions | dict.fromkeys(others, ACCESS)


def queries(resources: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {item["Name"]: item for item in of_type(resources, "AWS::Logs::QueryDefinition").values()}


def logs_of(resources: dict[str, Any], name: str) -> set[str]:
    named = groups(resources)
    return {named[group["Ref"]] for group in queries(resources)[name]["LogGroupNames"]}


def test_every_query_is_saved_in_the_folder_of_the_deployment(resources: dict[str, Any]) -> None:
    assert {name: item["QueryString"] for name, item in queries(resources).items()} == {
        f"EntityPush/{question}": query.text for question, query in SAVED_QUERIES.items()
    }
    assert all(len(query.text) <= LONGEST_QUERY for query in SAVED_QUERIES.values())


@pytest.mark.parametrize("question", SAVED_QUERIES)
def test_a_query_looks_into_its_logs_only(resources: dict[str, Any], question: str) -> None:
    wanted = SAVED_QUERIES[question].logs
    everywhere = {*ENVIRONMENTS, ACCESS}
    assert logs_of(resources, f"EntityPush/{question}") == (everywhere if wanted is None else set(wanted))


def test_without_authorizer_and_access_logs_there_is_less_to_ask() -> None:
    stack = make_stack({"authorization": "none", "accessLogs": "false"})
    resources: dict[str, Any] = assertions.Template.from_stack(stack).to_json()["Resources"]
    assert "EntityPush/why 401" not in queries(resources)
    assert logs_of(resources, "EntityPush/what fails") == set(ENVIRONMENTS) - {"authorize", "expire"}

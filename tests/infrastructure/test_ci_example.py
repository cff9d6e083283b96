"""The example of a workflow: what it runs exists, for each environment, and no stranger gets a role."""

import re
from itertools import chain
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]

from local.aws import ROOT
from operations import environments
from stacks.app_settings import AppSettings

WORKFLOW = ROOT / "examples" / "github" / "deploy.yml"
ENVIRONMENTS = ("development", "staging", "production")
ROLE = "aws-actions/configure-aws-credentials"


@pytest.fixture(scope="module")
def jobs() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(WORKFLOW.read_text(encoding="utf-8"))["jobs"]
    return found


def test_every_command_of_make_is_a_target(jobs: dict[str, Any]) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M))
    steps = chain.from_iterable(job["steps"] for job in jobs.values())
    made = re.findall(r"\bmake ([a-z-]+)", " ".join(step.get("run", "") for step in steps))
    assert set(made) == {"test", "synth", "diff", "deploy"}
    assert set(made) <= targets


def test_every_environment_has_settings_for_a_stack_of_its_own(jobs: dict[str, Any]) -> None:
    text = WORKFLOW.read_text(encoding="utf-8")
    assert jobs["changes"]["strategy"]["matrix"]["environment"] == list(ENVIRONMENTS)
    assert all(f'"{name}"' in jobs["deploy"]["strategy"]["matrix"]["environment"] for name in ENVIRONMENTS)
    assert set(re.findall(r"ENV=(\S+)", text.replace("{{ ", "{{").replace(" }}", "}}"))) == {
        "${{matrix.environment}}"
    }
    stacks = {AppSettings.from_context(environments.read(name).settings).stack_name for name in ENVIRONMENTS}
    assert len(stacks) == len(ENVIRONMENTS)


def test_a_role_is_taken_by_jobs_that_no_strangers_code_reaches(jobs: dict[str, Any]) -> None:
    """A pull request of a fork runs the tests, without any right."""
    guards = {
        "changes": "github.event.pull_request.head.repo.full_name == github.repository",
        "deploy": "github.event_name == 'push'",
    }
    for name, job in jobs.items():
        takes_role = any(step.get("uses", "").startswith(ROLE) for step in job["steps"])
        assert takes_role == (name in guards)
        assert ("id-token" in job.get("permissions", {})) == takes_role
        if takes_role:
            assert guards[name] in job["if"]
    assert jobs["deploy"]["needs"] == "test"
    assert "secrets." not in WORKFLOW.read_text(encoding="utf-8")

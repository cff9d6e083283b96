"""The example of a workflow: what it runs exists, for each environment, and no stranger gets a role."""

import json
import re
from collections.abc import Iterator
from itertools import chain
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]

from local.aws import ROOT
from operations import environments, load
from stacks.app_settings import AppSettings

WORKFLOW = ROOT / "examples" / "github" / "deploy.yml"
ENVIRONMENTS = ("development", "staging", "production")
ROLE = "aws-actions/configure-aws-credentials"
DOCUMENT = ROOT / "docs" / "how-to" / "deploy-from-ci.md"


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
    compared = jobs["changes"]["strategy"]["matrix"]["include"]
    assert [one["environment"] for one in compared] == list(ENVIRONMENTS)
    assert [one["role"] for one in compared] == [
        f"${{{{ vars.READ_ROLE_{name.upper()} }}}}" for name in ENVIRONMENTS
    ]
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


def documented_variables(owner: str) -> set[str]:
    """Return the variables that the document has somebody set, of the repository or of an environment."""
    rows = re.findall(r"^\| (`.*`) \| (.+?) \|", DOCUMENT.read_text(encoding="utf-8"), re.MULTILINE)
    return {name for names, of in rows if owner in of for name in re.findall(r"`([A-Z_]+)`", names)}


def test_a_job_reads_variables_that_it_can_see(jobs: dict[str, Any]) -> None:
    """An environment's are seen by jobs that name it; to any other, they are empty texts.

    Source: GitHub Docs, "Contexts reference", `vars` context.
    """
    of_repository, of_environment = documented_variables("repository"), documented_variables("environment")
    read = {name: set(re.findall(r"vars\.(\w+)", json.dumps(job))) for name, job in jobs.items()}
    for name, job in jobs.items():
        seen = of_repository | of_environment if "environment" in job else of_repository
        assert read[name] <= seen, f"the job {name}"
    assert set.union(*read.values()) == of_repository | of_environment, "no variable is set for nothing"


def subjects(jobs: dict[str, Any]) -> Iterator[str]:
    """Yield the ends of the claim `sub` in the tokens of the jobs that take a role.

    Source: GitHub Docs, "OpenID Connect reference", "Example subject claims".
    """
    for job in jobs.values():
        if "id-token" not in job.get("permissions", {}):
            continue
        if "environment" in job:
            assert job["environment"] == "${{ matrix.environment }}"
            yield from (f"environment:{name}" for name in ENVIRONMENTS)
        else:
            assert "github.event_name == 'pull_request'" in job["if"]
            yield "pull_request"


def test_the_documented_trusts_are_of_tokens_that_the_jobs_have(jobs: dict[str, Any]) -> None:
    blocks = re.findall(
        r"^```json\n(.*?)^```", DOCUMENT.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL
    )
    trusted = []
    for block in blocks:
        (statement,) = json.loads(block)["Statement"]
        if statement["Action"] == "sts:AssumeRoleWithWebIdentity":
            claims = statement["Condition"]["StringEquals"]
            assert claims["token.actions.githubusercontent.com:aud"] == "sts.amazonaws.com"
            trusted.append(
                claims["token.actions.githubusercontent.com:sub"].removeprefix("repo:octo-org/shop:")
            )
    assert trusted == ["pull_request", "environment:production"]
    assert set(trusted) <= set(subjects(jobs))


def test_the_documented_check_after_a_deployment_has_options_that_there_are(
    capsys: pytest.CaptureFixture[str],
) -> None:
    (options,) = re.findall(r'make load ENV=.*ARGS="(.*)"', DOCUMENT.read_text(encoding="utf-8"))
    with pytest.raises(SystemExit) as ended:
        load.main([*options.split(), "--help"])
    assert ended.value.code == 0
    assert set(re.findall(r"--[a-z-]+", options)) <= set(re.findall(r"--[a-z-]+", capsys.readouterr().out))


def test_the_role_that_looks_needs_no_right_to_make_change_sets(jobs: dict[str, Any]) -> None:
    """`cdk diff --help`: all methods but `template` use the deploy role."""
    (compared,) = (step["run"] for step in jobs["changes"]["steps"] if "make diff" in step.get("run", ""))
    assert compared.endswith('ARGS="--method template"')

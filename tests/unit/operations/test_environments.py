"""Settings files: what they say, and that what is said reaches the settings as it was meant."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from operations import environments
from operations.environments import EnvironmentFileError
from stacks.app_settings import AppSettings


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(environments, "FOLDER", tmp_path)
    return tmp_path


def test_settings_come_through_the_command_line_as_they_stand_in_the_file(folder: Path) -> None:
    rule = {"name": "shop", "pattern": {"source": ["a=b"]}, "entityId": "orders/{$.detail.id}"}
    settings: dict[str, Any] = {
        **{"stackName": "Staging", "replayHours": 48, "retainData": False, "eventRules": [rule]},
        **{"eventSources": ["a.b", "c.*"], "eventAccounts": [], "routeThrottles": {"$connect": 5, "ping": 6}},
    }
    place = {"account": "111122223333", "region": "eu-central-1", "profile": "staging"}
    (folder / "staging.json").write_text(json.dumps({**place, **settings}))
    found = environments.read("staging")
    assert {"account": found.account, "region": found.region, "profile": found.profile} == place
    assert all(isinstance(text, str) for text in found.context.values())
    assert AppSettings.from_context(found.context) == AppSettings.from_context(settings)


def test_without_a_name_nothing_is_said(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    monkeypatch.delenv(environments.VARIABLE, raising=False)
    assert environments.chosen() == environments.Environment()
    monkeypatch.setenv(environments.VARIABLE, "staging")
    (folder / "staging.json").write_text('{"stackName":"Staging"}')
    assert environments.chosen().settings == {"stackName": "Staging"}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (None, "There is no .*/other.json. Environments are: staging."),
        ("{", "other.json is not JSON"),
        ("[]", "one JSON object of settings"),
        ('{"account":111122223333}', '"account" has to be a text'),
        ('{"tokenIssuer":null}', '"tokenIssuer" is null. Leave it out'),
    ],
)
def test_a_mistake_is_a_sentence(folder: Path, text: str | None, says: str) -> None:
    (folder / "staging.json").write_text("{}")
    if text is not None:
        (folder / "other.json").write_text(text)
    with pytest.raises(EnvironmentFileError, match=says):
        environments.read("other")


def test_a_name_is_no_path() -> None:
    with pytest.raises(EnvironmentFileError, match="is no name"):
        environments.read("../cdk")


@pytest.mark.parametrize(
    ("arguments", "variables", "shown"),
    [
        (["ENV=staging"], {}, "<staging>"),
        (["ENV=staging"], {"ENV": "production"}, "<staging>"),
        ([], {}, "<>"),
        ([], {"ENV": "/etc/ksh.kshrc"}, "<>"),
        ([], {"ENV": "staging"}, "make ENV=staging ..."),
    ],
    ids=str,
)
def test_make_hands_on_the_environment_of_its_command_line_only(
    arguments: list[str], variables: dict[str, str], shown: str
) -> None:
    """A shell may have a variable ENV of its own; one that names an environment is told, not passed over."""
    own = {name: value for name, value in os.environ.items() if name not in ("ENV", environments.VARIABLE)}
    done = subprocess.run(
        ["make", "-f", "-", "show", *arguments],
        input=f'include Makefile\nshow:\n\t@echo "<$${environments.VARIABLE}>"\n',
        cwd=environments.ROOT,
        env=own | variables,
        capture_output=True,
        text=True,
        check=False,
    )
    assert shown in done.stdout + done.stderr
    assert (done.returncode == 0) == shown.startswith("<")

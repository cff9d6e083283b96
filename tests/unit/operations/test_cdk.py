"""What is looked at before the CDK CLI begins, and with which words it begins."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from moto import mock_aws

from operations import cdk
from operations.cdk import NotReadyError, command_line
from operations.environments import Environment

STAGING = Environment("staging", {"stackName": "Staging", "replayHours": 48}, profile="staging")
ROOT = Path(__file__).resolve().parents[3]


def test_what_the_user_says_comes_last_and_so_wins() -> None:
    words = command_line("deploy", ["-c", "replayHours=1"], STAGING, terminal=True)
    assert words == [
        *("cdk", "deploy", "-c", "stackName=Staging", "-c", "replayHours=48", "-c", "replayHours=1"),
        *("--profile", "staging"),
    ]
    for mine in (["--profile", "mine"], ["--profile=mine"]):
        words = command_line("diff", mine, STAGING, terminal=True)
        assert words[-len(mine) :] == mine
        assert words.count("--profile") == mine.count("--profile")


def test_without_a_terminal_a_deployment_asks_nobody(capsys: pytest.CaptureFixture[str]) -> None:
    assert command_line("deploy", [], Environment(), terminal=False)[2:] == ["--require-approval", "never"]
    assert "no terminal" in capsys.readouterr().err
    chosen = ["--require-approval=broadening"]
    assert command_line("deploy", chosen, Environment(), terminal=False)[2:] == chosen
    assert command_line("deploy", [], Environment(), terminal=True)[2:] == []


def test_without_a_terminal_nothing_is_deleted_that_was_not_meant_to_be() -> None:
    with pytest.raises(NotReadyError, match='make destroy ARGS="--force"'):
        command_line("destroy", [], Environment(), terminal=False)
    assert command_line("destroy", ["--force"], Environment(), terminal=False) == [
        "cdk",
        "destroy",
        "--force",
    ]


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Credentials of an account; gives its id."""
    for name, value in (("ACCESS_KEY_ID", "test"), ("SECRET_ACCESS_KEY", "test"), ("REGION", "eu-west-1")):
        monkeypatch.setenv(f"AWS_{name}", value)
    for name in ("AWS_PROFILE", "AWS_ENDPOINT_URL", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    with mock_aws():
        yield "123456789012"


def test_another_account_than_the_environments_is_refused(
    account: str, capsys: pytest.CaptureFixture[str]
) -> None:
    ours = Environment("ours", account=account, region="eu-central-1")
    assert cdk.check_account(ours, None) == "eu-central-1"
    assert f"account {account}, Region eu-central-1" in capsys.readouterr().err
    with pytest.raises(NotReadyError, match=f"for the account 1{'0' * 11}, and these .* of {account}"):
        cdk.check_account(Environment("other", account=f"1{'0' * 11}"), None)


@pytest.mark.usefixtures("account")
@pytest.mark.parametrize("status", [0, 1])
def test_on_a_local_aws_a_deployment_ends_with_the_url_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], status: int
) -> None:
    """Here the CDK CLI is a program that writes the outputs which it is asked for."""
    outputs = (
        '{"Blue":{"PushWebSocketUrl":"wss://abc.execute-api.eu-west-1.amazonaws.com/prod","TableName":"t"}}'
    )
    program = tmp_path / "cdk"
    program.write_text(
        f"#!/bin/sh\nwhile [ $# -gt 1 ]; do shift; done\necho '{outputs}' > \"$1\"\nexit {status}\n"
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:4600/")
    monkeypatch.setattr(cdk, "check_account", lambda *_account: "eu-west-1")
    monkeypatch.delattr(os, "execvp")  # it would end the tests
    assert cdk.main(["deploy"]) == status
    assert (
        "Blue.PushWebSocketUrl is ws://127.0.0.1:4600/_aws/execute-api/abc/prod\n" in capfd.readouterr().err
    )


@pytest.mark.parametrize("command", cdk.IN_ACCOUNT)
@pytest.mark.parametrize(
    ("variables", "says"),
    [({"AWS_REGION": "eu-west-1"}, "There are no AWS credentials here."), ({}, "No Region is set")],
    ids=["no credentials", "no Region"],
)
def test_what_is_missing_is_said_at_once(
    tmp_path: Path, command: str, variables: dict[str, str], says: str
) -> None:
    """The program `cdk` is not on this PATH: to run it would be an error of another kind."""
    nothing = {
        "HOME": str(tmp_path),
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "PATH": "/nowhere",
    }
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", "operations.cdk", command, "--force"],
        cwd=ROOT,
        env={**nothing, "PYTHONPATH": f"{ROOT}:{ROOT / 'lambdas'}", **variables},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 1
    assert says in done.stderr
    assert "Traceback" not in done.stderr
    assert time.monotonic() - began < 20, "3 s are promised; a busy machine takes its time"


@pytest.mark.parametrize("command", [("operations.cdk", "synth"), ("local", "up"), ("local", "demo")])
def test_a_home_that_cannot_be_written_is_a_sentence(tmp_path: Path, command: tuple[str, str]) -> None:
    (tmp_path / "file").touch()
    done = subprocess.run(
        [sys.executable, "-m", *command],
        cwd=ROOT,
        env={"HOME": str(tmp_path / "file"), "PATH": "/nowhere", "PYTHONPATH": f"{ROOT}:{ROOT / 'lambdas'}"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 1
    assert f"The home folder {tmp_path / 'file'} can't be written" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1

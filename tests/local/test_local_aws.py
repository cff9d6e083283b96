"""The local AWS's life: its port, its environment, its end."""

import io
import os
import signal
import socket
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from local.aws import ACCOUNT, ROOT, LocalAws, LocalAwsError
from tests.local.processes import gone, group_of, members
from tests.local.websocket_stack import RUNTIME

PARENT = """
import time
from local.aws import LocalAws
aws = LocalAws(port=0)
aws.start()
print(aws.port, flush=True)
time.sleep(60)
"""

LONG = """
import os, time

def handler(event, context):
    open(os.path.join(os.environ["TMPDIR"], "running"), "w").close()
    time.sleep(20)
"""


@pytest.fixture
def busy_port() -> Iterator[int]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


def test_a_busy_port_is_a_sentence_that_says_what_to_do(busy_port: int) -> None:
    with pytest.raises(LocalAwsError) as error:
        LocalAws(busy_port).start()
    assert str(error.value) == (
        f"Port {busy_port} is in use by another program: "
        f"stop that one, or choose another with LOCAL_PORT={busy_port + 1}."
    )


@pytest.mark.parametrize("command", ["up", "demo"])
def test_the_commands_say_so_without_a_stack_trace(busy_port: int, command: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "local", command],
        cwd=ROOT,
        env={"LOCAL_PORT": str(busy_port), "PYTHONPATH": f"{ROOT}:{ROOT / 'lambdas'}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.strip().startswith(f"Port {busy_port} is in use")
    assert len(done.stderr.strip().splitlines()) == 1


CTRL_C_WHILE_LOADING = """
import os, runpy, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
class CtrlC:
    def find_spec(name, path, target=None):
        if name == "boto3":
            os.kill(os.getpid(), signal.SIGINT)
sys.meta_path.insert(0, CtrlC)
runpy.run_module("local", run_name="__main__")
"""


def test_ctrl_c_while_loading_ends_without_a_stack_trace() -> None:
    done = subprocess.run(
        [sys.executable, "-c", CTRL_C_WHILE_LOADING], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == -signal.SIGINT
    assert done.stderr == ""


@pytest.mark.parametrize("port", ["web", "-1", "65536"])
def test_a_wrong_port_is_refused(monkeypatch: pytest.MonkeyPatch, port: str) -> None:
    monkeypatch.setenv("LOCAL_PORT", port)
    with pytest.raises(LocalAwsError, match=f"LOCAL_PORT is '{port}'"):
        LocalAws()


def test_the_port_is_4600_unless_the_environment_names_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("LOCAL_PORT", raising=False)
    assert LocalAws().port == 4600
    monkeypatch.setenv("LOCAL_PORT", "4711")
    assert LocalAws().port == 4711


def test_stopping_leaves_neither_process_nor_file() -> None:
    with LocalAws(port=0, auth=False) as aws:
        group = group_of(aws.port)
        assert group is not None
        _start_a_long_invocation(aws)
        assert len(members(group)) == 2, "the emulator, and the function's process"
        directory = aws.directory
        assert directory.exists()
    assert gone(group, within=2)
    assert not directory.exists()


def _start_a_long_invocation(aws: LocalAws) -> None:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as packed:
        packed.writestr("index.py", LONG)
    functions = aws.client("lambda")
    functions.create_function(
        FunctionName="long",
        Runtime=RUNTIME,
        Handler="index.handler",
        Role=f"arn:aws:iam::{ACCOUNT}:role/any",
        Code={"ZipFile": archive.getvalue()},
        Timeout=30,
    )
    functions.invoke(FunctionName="long", InvocationType="Event")
    give_up = time.monotonic() + 5
    while not (aws.directory / "tmp" / "running").exists():
        assert time.monotonic() < give_up, "the function did not start"
        time.sleep(0.05)


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_the_emulator_does_not_outlive_its_parent(end: signal.Signals) -> None:
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert parent.stdout is not None
    with parent.stdout:
        group = group_of(int(parent.stdout.readline()))
    assert group is not None
    parent.send_signal(end)
    parent.wait()
    assert gone(group, within=5)


def test_what_a_killed_run_left_is_removed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, busy_port: int
) -> None:
    monkeypatch.setattr("local.aws.STATE", tmp_path)
    old, young, listening = (tmp_path / f"aws-{port}" for port in (1, 2, busy_port))
    for directory in (old, young, listening):
        (directory / "tmp").mkdir(parents=True)
    for directory in (old, listening):
        os.utime(directory, (0, 0))
    with LocalAws(port=0) as aws:
        assert {path.name for path in tmp_path.iterdir()} == {
            young.name,
            listening.name,
            aws.directory.name,
        }


def test_an_emulator_that_ends_while_starting_is_an_error_with_its_last_words() -> None:
    aws = LocalAws(port=0, workers="none")  # type: ignore[arg-type]
    with pytest.raises(LocalAwsError, match=r"ended while starting(.|\n)*invalid int value"):
        aws.start()
    assert not aws.running


def test_another_version_of_ministack_is_refused_with_a_sentence() -> None:
    code = "import importlib.metadata as m; m.version = lambda _: '0.0.1'\nimport local.emulator.seams"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "written against ministack 1.5.33, but 0.0.1 is installed" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_environment_has_nothing_of_another_account(
    aws: LocalAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_PROFILE", "production")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "secret")
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", "https://example.com")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    environment = aws.environment()
    assert not {"AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL_STS"} & set(environment)

    done = subprocess.run(
        ["aws", "sts", "get-caller-identity", "--query", "Account"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.strip() == f'"{ACCOUNT}"', done.stderr


def test_a_client_does_not_depend_on_the_environment(aws: LocalAws, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "production")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAPRODUCTION")
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", "https://example.com")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    assert aws.client("sts").get_caller_identity()["Account"] == ACCOUNT


def test_iam_policies_are_enforced(aws: LocalAws) -> None:
    iam = aws.client("iam")
    iam.create_user(UserName="without-rights")
    key = iam.create_access_key(UserName="without-rights")["AccessKey"]
    done = subprocess.run(
        ["aws", "dynamodb", "list-tables"],
        env=aws.environment()
        | {
            "AWS_ACCESS_KEY_ID": key["AccessKeyId"],
            "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"],
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert "is not authorized to perform: dynamodb:ListTables" in done.stderr
    assert aws.client("dynamodb").list_tables()["TableNames"] is not None
    with pytest.raises(ClientError):
        aws.client("iam").get_user(UserName="nobody")

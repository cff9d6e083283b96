"""What a deployment gives back, and `make local` as a whole."""

import json
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from local import deployment
from local.aws import ROOT, LocalAws
from local.deployment import deploy, read_outputs
from local.steps import StepError
from local.up import instructions
from tests.local.processes import gone, group_of

SH = "/bin/sh"
STACK = {
    "WebSocketUrl": "wss://abc123.execute-api.us-east-1.amazonaws.com/prod",
    "TableName": "table",
    "QueueUrl": "queue",
    "DeadLetterQueueUrl": "dead",
    "TargetDeadLetterQueueUrl": "target",
    "EventBusName": "default",
}


def test_outputs_are_translated_to_this_machine() -> None:
    outputs = read_outputs(LocalAws(port=4711), STACK)
    assert outputs.web_socket_url == "ws://127.0.0.1:4711/_aws/execute-api/abc123/prod"
    assert outputs.callback_url == "http://127.0.0.1:4711/_aws/execute-api/abc123/prod"
    assert outputs.endpoint_url == "http://127.0.0.1:4711"
    assert outputs.table_name == "table"
    assert outputs.queue_url == "queue"
    assert outputs.dead_letter_queue_url == "dead"
    assert outputs.target_dead_letter_queue_url == "target"
    assert outputs.event_bus_name == "default"


def test_outputs_are_saved_flat(tmp_path: Path) -> None:
    outputs = read_outputs(LocalAws(port=4711), STACK)
    outputs.save(tmp_path / "new" / "outputs.json")
    assert json.loads((tmp_path / "new" / "outputs.json").read_text()) == {
        **STACK,
        "WebSocketUrl": outputs.web_socket_url,
        "CallbackUrl": outputs.callback_url,
        "EndpointUrl": outputs.endpoint_url,
        "StackName": "EntityPush",
    }


def test_the_instructions_are_complete_commands() -> None:
    text = instructions(read_outputs(LocalAws(port=4711), STACK), "http://127.0.0.1:1/")
    assert "aws events put-events --entries file://examples/entity-updated.json" in text


def test_the_shown_wscat_connects_with_a_token(tmp_path: Path) -> None:
    """What is shown is pasted into sh, with programs that show what they get."""
    programs = {"make": f'#!{SH}\n[ $1 = -s ] && echo "token of <$*>"', "node": f"#!{SH}"}
    programs["node_modules/.bin/wscat"] = f"#!{SH}\nprintf '%s\\n' \"$@\""
    for name, text in programs.items():
        program = tmp_path / name
        program.parent.mkdir(parents=True, exist_ok=True)
        program.write_text(text)
        program.chmod(0o755)
    shown = instructions(read_outputs(LocalAws(port=4711), STACK), "http://127.0.0.1:1/")
    command = re.search(r"^ +(?:PATH=.*)?node_modules(?:.*\\\n)*.*", shown, re.MULTILINE)
    assert command is not None
    environment = {"PATH": f"{tmp_path}:/usr/bin:/bin"}
    done = subprocess.run(
        ["sh", "-c", command[0]], cwd=tmp_path, env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines() == [
        *("-c", "ws://127.0.0.1:4711/_aws/execute-api/abc123/prod"),
        *("-H", "Authorization: Bearer token of <-s token ARGS=--user me --subscribe myEntityId>"),
    ]


def test_the_shown_variables_are_enough_for_the_aws_command(aws: LocalAws) -> None:
    text = instructions(read_outputs(aws, STACK), "http://127.0.0.1:1/")
    exports = [line for line in text.splitlines() if line.strip().startswith("export")]
    command = "aws events list-event-buses --query 'EventBuses[].Name'"
    done = subprocess.run(
        ["sh", "-c", "\n".join([*exports, command])],
        env={"PATH": aws.environment()["PATH"]},
        capture_output=True,
        text=True,
        check=False,
    )
    assert json.loads(done.stdout or "null") == ["default"], done.stderr


def test_a_missing_cdk_cli_is_a_sentence(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, aws: LocalAws
) -> None:
    monkeypatch.setattr(deployment, "ROOT", tmp_path)
    with pytest.raises(StepError, match="The CDK CLI is not in node_modules"):
        deploy(aws)


WITHOUT_DEPLOYING = """
import json, signal, sys
from pathlib import Path
# A shell has its commands in the background ignore Ctrl-C, these tests among them.
signal.signal(signal.SIGINT, signal.default_int_handler)
import local.up
from local.__main__ import main
from local.deployment import read_outputs
stack, outputs_file = sys.argv.pop(), sys.argv.pop()
local.up.OUTPUTS_FILE = Path(outputs_file)
local.up.deploy = lambda aws, context: read_outputs(aws, json.loads(stack))
main()
"""


def test_make_local_stays_until_ctrl_c_and_stops_what_it_started(tmp_path: Path) -> None:
    outputs_file = tmp_path / "outputs.json"
    command = [sys.executable, "-c", WITHOUT_DEPLOYING, "up", str(outputs_file), json.dumps(STACK)]
    environment = {"LOCAL_PORT": "0", "PYTHONPATH": f"{ROOT}:{ROOT / 'lambdas'}"}
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout is not None
    try:
        shown = _read_until(process, "Ctrl-C here stops everything.")
        outputs = json.loads(outputs_file.read_text())
        assert outputs["WebSocketUrl"] in shown
        port = int(outputs["EndpointUrl"].rsplit(":", 1)[1])
        group = group_of(port)
        assert group is not None
        assert not gone(group, within=0.7)
        assert process.poll() is None
        second = subprocess.run(
            command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=60
        )
        assert second.returncode == 1
        assert "is running in this folder already" in second.stderr
        assert json.loads(outputs_file.read_text()) == outputs, "the second took away what the first has"
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=60) == 0
    finally:
        process.kill()
        process.stdout.close()
    assert gone(group, within=2)
    assert not outputs_file.exists()
    assert not LocalAws(port).directory.exists()


def _read_until(process: "subprocess.Popen[str]", last: str) -> str:
    assert process.stdout is not None
    shown = ""
    for line in process.stdout:
        shown += line
        if line.strip() == last:
            return shown
    raise AssertionError(shown)

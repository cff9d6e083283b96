"""What a deployment gives back, and `make local` as a whole."""

import json
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
        "LocalWebSocketUrl": outputs.web_socket_url,
        "EndpointUrl": outputs.endpoint_url,
    }


def test_the_instructions_are_complete_commands() -> None:
    text = instructions(read_outputs(LocalAws(port=4711), STACK))
    assert "node_modules/.bin/wscat -c ws://127.0.0.1:4711/_aws/execute-api/abc123/prod -s websocket" in text
    assert "aws events put-events --entries file://examples/entity-updated.json" in text


def test_the_shown_variables_are_enough_for_the_aws_command(aws: LocalAws) -> None:
    text = instructions(read_outputs(aws, STACK))
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
import json, sys
from pathlib import Path
import local.up
from local.__main__ import main
from local.deployment import read_outputs
stack, outputs_file = sys.argv.pop(), sys.argv.pop()
local.up.OUTPUTS_FILE = Path(outputs_file)
local.up.deploy = lambda aws: read_outputs(aws, json.loads(stack))
main()
"""


def test_make_local_stays_until_ctrl_c_and_stops_what_it_started(tmp_path: Path) -> None:
    outputs_file = tmp_path / "outputs.json"
    command = [sys.executable, "-c", WITHOUT_DEPLOYING, "up", str(outputs_file), json.dumps(STACK)]
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        env={"LOCAL_PORT": "0"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout is not None
    try:
        shown = _read_until(process, "Ctrl-C here stops everything.")
        outputs = json.loads(outputs_file.read_text())
        assert outputs["LocalWebSocketUrl"] in shown
        port = int(outputs["EndpointUrl"].rsplit(":", 1)[1])
        group = group_of(port)
        assert group is not None
        assert not gone(group, within=0.7)
        assert process.poll() is None
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=10) == 0
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

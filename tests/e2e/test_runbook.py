"""The runbook's commands, run as they stand there against the deployed app."""

import re
import shlex

import pytest

from operations import logs, redrive
from stacks.runbook import DEFAULT_RUNBOOK
from tests.e2e.conftest import ROOT, App, eventually

RUNBOOK = (ROOT / DEFAULT_RUNBOOK).read_text(encoding="utf-8")
DEFINITIONS, *BLOCKS = re.findall(r"^```sh\n(.*?)^```", RUNBOOK, re.MULTILINE | re.DOTALL)
"""What is typed into a shell: first of all the function that finds names."""

OF_MAKE = re.compile(r'make (\w+) ARGS="([^"]*)"')
INLINE = sorted(set(re.findall(r'`make (logs|redrive) ARGS="([^"`]*)"`', RUNBOOK)))
COMMANDS = {"logs": logs.main, "redrive": redrive.main}


def typed(app: App, block: str) -> str:
    """Run commands in a shell; return what they print. Without `make`, which sets everything up first.

    Version 1 of the aws command has an address of its own for SQS, whatever the environment says.
    """
    script = OF_MAKE.sub(r'python -m operations.\1 \2 --stack "$STACK"', block)
    script = script.replace("aws sqs ", 'aws sqs --endpoint-url "$AWS_ENDPOINT_URL" ')
    return app.shell("bash", "-euo", "pipefail", "-c", DEFINITIONS + script)


def section(title: str) -> str:
    return RUNBOOK.partition(f"\n### {title}\n")[2].partition("\n### ")[0]


@pytest.mark.parametrize("block", BLOCKS)
def test_what_is_typed_into_a_shell_works(app: App, block: str) -> None:
    typed(app, block)


@pytest.mark.usefixtures("as_local")
@pytest.mark.parametrize(("command", "arguments"), INLINE)
def test_what_make_does_works(command: str, arguments: str) -> None:
    assert COMMANDS[command]([*shlex.split(arguments), "--local"]) == 0


def test_the_drill_leads_to_the_section_of_its_alarm(app: App) -> None:
    (drill,) = (block for block in BLOCKS if "set-alarm-state" in block)
    assert f"{DEFAULT_RUNBOOK}#late" in typed(app, drill)


def test_a_queue_that_nobody_takes_from_is_mended_with_the_runbook_alone(app: App) -> None:
    (look,) = re.findall(r"^```sh\n(.*?)^```", section("NotTaken"), re.MULTILINE | re.DOTALL)
    (mend,) = re.findall(r"`(aws lambda [^`]+)`", section("NotTaken"))
    with app.client() as client, app.held_back():
        client.subscribe("runbook")
        event_id = app.put_event({"entityId": "runbook"})
        assert client.hears_nothing(1)

        uuid, state, *_ = typed(app, look).split()
        assert state == "Disabled"
        typed(app, mend.replace("<UUID>", uuid))
        assert client.receive()["id"] == event_id
        assert eventually(lambda: typed(app, look).split()[1] == "Enabled")

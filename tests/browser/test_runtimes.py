"""The client in Node, Deno and Bun, with the WebSocket that each of them brings."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import IO

import pytest

from tests import left_out
from tests.e2e.conftest import App

FOLDER = Path(__file__).parent / "runtimes"
COMMANDS = {"node": ["node"], "deno": ["deno", "run", "--allow-net"], "bun": ["bun"]}


@pytest.fixture(params=COMMANDS)
def command(request: pytest.FixtureRequest) -> list[str]:
    """Return the command that runs a program; without the runtime, the test is left out."""
    name, *words = COMMANDS[request.param]
    # npm's packages have the program itself in a package of the platform.
    installed = [str(path) for path in FOLDER.glob(f"node_modules/@*/*/**/{name}")]
    program = next(iter(installed), None) or shutil.which(name)
    if not program:
        left_out.leave_out(f"the JavaScript client was not tried in {name}: make test installs it if npm can")
    return [program, *words]


def test_the_client_follows_an_entity_and_lets_the_process_end(command: list[str], app: App) -> None:
    name = f"runtimes/{Path(command[0]).name}"
    arguments = [str(FOLDER / "follow.js"), app.outputs.web_socket_url, app.token(), name]
    with subprocess.Popen([*command, *arguments], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        try:
            assert _line(process.stdout) == {"what": "state", "state": "subscribed"}
            app.put_event({"entityId": name, "message": "to every runtime"})
            assert _line(process.stdout) == {"what": "update", "message": "to every runtime"}
            assert _line(process.stdout) == {"what": "state", "state": "closed"}
            assert process.wait(10) == 0
        finally:
            process.kill()


def _line(output: IO[str]) -> dict[str, str]:
    line: dict[str, str] = json.loads(output.readline())
    return line

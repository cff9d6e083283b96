"""How the emulator runs functions."""

import io
import json
import sys
import time
import zipfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from local.aws import LocalAws
from local.emulator.interpreters import find_interpreter
from tests.local.started_emulator import FOREIGN_VARIABLE, WORKERS
from tests.local.websocket_stack import RUNTIME, WebSocketStack, ask

LOOK_AROUND = """
import importlib.util, os, sys
import beside

def handler(event, context):
    return {
        "version": list(sys.version_info[:2]),
        "virtual": sys.prefix != sys.base_prefix,
        "path": sys.path,
        "found": [name for name in ("boto3", "ministack", "pip") if importlib.util.find_spec(name)],
        "files": sorted(os.listdir(os.path.dirname(beside.__file__))),
        "environment": sorted(os.environ),
    }
"""

SLEEP = """
import os, time

def handler(event, context):
    time.sleep(event["seconds"])
    return os.getpid()
"""

FAIL = """
import os

def handler(event, context):
    if event == "die":
        os._exit(1)
    raise RuntimeError(os.getpid())
"""


Deploy = Callable[[str, dict[str, str]], None]


@pytest.fixture(scope="module")
def deploy(aws: LocalAws, api: WebSocketStack) -> Deploy:
    """Make a function of that name from these files."""
    return partial(create_function, aws, api.role)


def create_function(aws: LocalAws, role: str, name: str, files: dict[str, str]) -> None:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as packed:
        for path, content in files.items():
            packed.writestr(path, content)
    aws.client("lambda").create_function(
        FunctionName=name,
        Runtime=RUNTIME,
        Handler="index.handler",
        Role=role,
        Code={"ZipFile": archive.getvalue()},
        Timeout=20,
    )


def invoke(functions: Any, name: str, event: object = None) -> Any:
    answer = functions.invoke(FunctionName=name, Payload=json.dumps(event))
    payload = json.loads(answer["Payload"].read())
    assert "FunctionError" not in answer, payload
    return payload


@pytest.fixture(scope="module")
def surroundings(aws: LocalAws, deploy: Deploy) -> dict[str, Any]:
    """What a function sees around it."""
    deploy("look-around", {"index.py": LOOK_AROUND, "beside.py": "x = 1\n"})
    seen: dict[str, Any] = invoke(aws.client("lambda"), "look-around")
    return seen


def test_a_function_runs_on_its_declared_python(surroundings: dict[str, Any]) -> None:
    assert surroundings["version"] == list(sys.version_info[:2])
    assert not surroundings["virtual"]


def test_a_function_imports_its_bundle_and_the_standard_library_only(
    surroundings: dict[str, Any],
) -> None:
    assert surroundings["found"] == []
    assert not [entry for entry in surroundings["path"] if "-packages" in entry]


def test_a_missing_dependency_fails_as_on_aws(aws: LocalAws, deploy: Deploy) -> None:
    deploy("incomplete", {"index.py": "import boto3\n\ndef handler(e, c): pass\n"})
    with pytest.raises(AssertionError, match="No module named 'boto3'"):
        invoke(aws.client("lambda"), "incomplete")


def test_running_a_function_writes_no_bytecode(surroundings: dict[str, Any]) -> None:
    assert surroundings["files"] == ["beside.py", "index.py"]


def test_a_function_sees_nothing_of_the_developers_environment(
    surroundings: dict[str, Any],
) -> None:
    assert FOREIGN_VARIABLE not in surroundings["environment"]
    assert not {"VIRTUAL_ENV", "PYTHONPATH", "SHELL"} & set(surroundings["environment"])


def test_a_function_has_a_bounded_number_of_processes(aws: LocalAws, deploy: Deploy) -> None:
    deploy("sleeper", {"index.py": SLEEP})
    functions = aws.client("lambda")
    with ThreadPoolExecutor(5) as pool:
        calls = [pool.submit(invoke, functions, "sleeper", {"seconds": 0.3}) for _ in range(WORKERS + 3)]
        processes = {call.result() for call in calls}
    assert len(processes) == WORKERS


def test_a_handler_that_raises_keeps_its_process_and_one_that_dies_does_not(
    aws: LocalAws, deploy: Deploy
) -> None:
    deploy("failing", {"index.py": FAIL})
    functions = aws.client("lambda")

    def failure(event: object) -> str:
        answer = functions.invoke(FunctionName="failing", Payload=json.dumps(event))
        assert answer["FunctionError"] == "Unhandled"
        message: str = json.loads(answer["Payload"].read())["errorMessage"]
        return message

    process = failure(1)
    assert process.isdecimal()
    assert failure(2) == process
    assert not failure("die").isdecimal()
    assert failure(3) not in ("", process)


def test_a_silent_function_does_not_wait_for_its_logs(aws: LocalAws, deploy: Deploy) -> None:
    deploy("silent", {"index.py": "def handler(e, c): return 1\n"})
    functions = aws.client("lambda")
    invoke(functions, "silent")  # start its process
    took = []
    for _ in range(10):
        began = time.perf_counter()
        invoke(functions, "silent")
        took.append(time.perf_counter() - began)
    # MiniStack waits 50 ms for a line of log, always; a busy machine isn't slow ten times in a row.
    assert min(took) < 0.045


def test_two_clients_of_a_route_are_served_at_the_same_time(api: WebSocketStack) -> None:
    def stay(_number: int) -> tuple[float, float]:
        with api.connect() as client:
            answer = ask(client, sleep=0.7)
            return answer["began"], answer["ended"]

    with ThreadPoolExecutor(2) as pool:
        (first_began, first_ended), (second_began, second_ended) = pool.map(stay, range(2))
    assert max(first_began, second_began) < min(first_ended, second_ended)


def test_what_a_routes_function_prints_is_in_its_log_group(aws: LocalAws, api: WebSocketStack) -> None:
    with api.connect() as client:
        ask(client, log="a line for the log")
    # The stock emulator has no group at all: waiting longer than this would not help.
    events = aws.client("logs").filter_log_events(logGroupName=f"/aws/lambda/{api.function}")
    assert "a line for the log" in [event["message"].strip() for event in events["events"]]


def test_another_python_is_taken_from_the_path(tmp_path: Path) -> None:
    program = _program(tmp_path / "python3.99", "echo 3.99")
    assert find_interpreter("python3.99", str(tmp_path)) == str(program)


def test_a_version_managers_shim_without_its_python_is_passed_over(tmp_path: Path) -> None:
    _program(tmp_path / "python3.99", "exit 127")
    assert find_interpreter("python3.99", str(tmp_path)) == find_interpreter(RUNTIME, "")


def _program(path: Path, line: str) -> Path:
    path.write_text(f"#!/bin/sh\n{line}\n")
    path.chmod(0o755)
    return path

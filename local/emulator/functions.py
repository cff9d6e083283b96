"""The way a function's code runs: its interpreter, its surroundings, its number of processes."""

import functools
import shlex
import threading
from pathlib import Path
from typing import Any

from local.emulator import function_logs
from local.emulator.interpreters import find_interpreter
from local.emulator.seams import lambda_runtime, lambda_service


def install(directory: Path, search_path: str, workers: int) -> None:
    """Run functions the way Lambda does.

    Args:
        directory: a private folder, for the interpreters' start scripts.
        search_path: the PATH to look for interpreters on.
        workers: the most processes of one function.
    """
    own_interpreter(directory, search_path)
    bounded_environments(workers)
    failing_functions_stay_warm()
    logs_are_whole_and_do_not_delay_answers()


def own_interpreter(directory: Path, search_path: str) -> None:
    """Show a function only its bundle and the standard library of its declared Python.

    MiniStack runs every function on MiniStack's own interpreter, whose site-packages hold boto3 and more. So
    a dependency missing from the bundle would be found here and fail on AWS. `-S -s` leaves out every
    site-packages. `-B` keeps Python from writing bytecode, as Lambda's read-only /var/task does. Lambda's
    runtime also brings boto3. A bundle that relied on that boto3 would change with every runtime update, so
    here the bundle has to bring its own. Source: Lambda developer guide, "Working with .zip file archives for
    Python Lambda functions".
    """
    detect = lambda_runtime._detect_runtime_binary

    @functools.cache
    def start_script(runtime: str) -> str:
        python = find_interpreter(runtime, search_path)
        script = directory / runtime
        script.write_text(f'#!/bin/sh\nexec {shlex.quote(python)} -S -s -B "$@"\n')
        script.chmod(0o755)
        return str(script)

    def detect_without_packages(runtime: str) -> tuple[str, str]:
        binary, worker = detect(runtime)
        if runtime.startswith("python"):
            binary = start_script(runtime)
        return binary, worker

    lambda_runtime._detect_runtime_binary = detect_without_packages


def bounded_environments(limit: int) -> None:
    """Run invocations of one function at the same time, in a bounded number of processes.

    On AWS a burst starts as many environments as it has invocations. Here each environment is a process of
    about 50 MB, so invocations above the limit wait their turn.
    Source: Lambda developer guide, "Understanding Lambda function scaling".
    """
    execute = lambda_service._execute_function_warm
    turns: dict[str, threading.BoundedSemaphore] = {}
    turns_lock = threading.Lock()

    def execute_in_turn(function: Any, event: Any, request_id: str) -> Any:
        arn = (function.get("config") or function)["FunctionArn"]
        with turns_lock:
            turn = turns.setdefault(arn, threading.BoundedSemaphore(limit))
        with turn:
            return execute(function, event, request_id)

    lambda_service._execute_function_warm = execute_in_turn


def failing_functions_stay_warm() -> None:
    """Keep the process of a handler that raises, with its memory; MiniStack kills the process.

    Otherwise each handshake that an authorizer refuses would cost a cold start of seconds.
    Source: Lambda developer guide, "Building a custom runtime for AWS Lambda", Processing tasks: the
    runtime reports the error and gets the next event.
    """
    reported = '{"status": "error", "error": str(e), "trace"'
    survived = '{"status": "ok", "failed": True, "error": str(e), "trace"'
    lambda_runtime._PYTHON_WORKER_SCRIPT = lambda_runtime._PYTHON_WORKER_SCRIPT.replace(reported, survived)
    invoke = lambda_runtime.Worker.invoke

    def invoke_and_stay(worker: Any, *arguments: Any, **options: Any) -> dict[str, Any]:
        response: dict[str, Any] = invoke(worker, *arguments, **options)
        return {**response, "status": "error"} if response.get("failed") else response

    lambda_runtime.Worker.invoke = invoke_and_stay


def logs_are_whole_and_do_not_delay_answers() -> None:
    """Let a worker say when its handler has printed all, and answer then.

    MiniStack waits 50 ms for a first line, and 5 ms for another one. On a busy machine, lines that come later
    are told with the worker's next invocation, or never. On AWS they come within seconds, whatever follows.
    Source: Lambda developer guide, "Sending Lambda function logs to CloudWatch Logs" (logs are collected
    outside of the invocation).
    """
    answered = "        _real_stdout.flush()\n\nrun()"
    script = lambda_runtime._PYTHON_WORKER_SCRIPT
    assert script.count(answered) == 1, "another MiniStack: see how its workers answer"
    said = f"        sys.stderr.write({function_logs.END!r} + chr(10)); sys.stderr.flush()\n"
    lambda_runtime._PYTHON_WORKER_SCRIPT = script.replace(answered, said + answered)
    drain = lambda_runtime.Worker._drain_stderr_bounded

    def collect(worker: Any, *waits: Any, **more_waits: Any) -> str:
        if worker.config.get("Runtime", "").startswith("python"):
            return function_logs.collect(worker._stderr_queue)
        drained: str = drain(worker, *waits, **more_waits)
        return drained

    lambda_runtime.Worker._drain_stderr_bounded = collect

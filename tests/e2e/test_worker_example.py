"""The example worker, as a process of its own: it follows all orders until Ctrl-C."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from local.aws import ROOT
from operations import deployment
from tests.e2e.conftest import App

WORKER = """
import signal, sys
from pathlib import Path
from operations import deployment
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell ignores it for what runs in the background
deployment.LOCAL_OUTPUTS = Path(sys.argv[1])
from examples.worker import main
sys.exit(main(["--local"]))
"""
"""The worker, whose local AWS is that of the tests."""


@contextmanager
def killed_at_the_end(process: "subprocess.Popen[str]") -> Iterator[None]:
    """Kill a process whatever comes, so that a failed test does not wait for it."""
    try:
        yield
    finally:
        process.kill()


@pytest.mark.usefixtures("as_local")
def test_the_worker_prints_what_becomes_of_orders_until_ctrl_c(app: App) -> None:
    command = [sys.executable, "-u", "-c", WORKER, str(deployment.LOCAL_OUTPUTS)]
    with (
        subprocess.Popen(
            command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        ) as worker,
        killed_at_the_end(worker),
    ):
        assert worker.stdout
        lines = iter(worker.stdout.readline, "")
        assert "following" in next(lines)
        app.put_event({"entityId": "customers/7", "message": {"state": "moved"}})
        app.put_event({"entityId": "orders/7", "message": {"state": "paid"}})
        assert next(lines) == "orders/7: {'state': 'paid'}\n"
        worker.send_signal(signal.SIGINT)
        told, _ = worker.communicate(timeout=20)
        assert told == "Stopped.\n"
        assert worker.returncode == 0

"""The example worker, as a process of its own: it follows all orders until Ctrl-C."""

import signal
import subprocess
import sys

import pytest

from local.aws import ROOT
from operations import deployment
from tests.e2e.conftest import App

WORKER = """
import sys
from pathlib import Path
from operations import deployment
deployment.LOCAL_OUTPUTS = Path(sys.argv[1])
from examples.worker import main
sys.exit(main(["--local"]))
"""
"""The worker, whose local AWS is that of the tests."""


@pytest.mark.usefixtures("as_local")
def test_the_worker_prints_what_becomes_of_orders_until_ctrl_c(app: App) -> None:
    command = [sys.executable, "-u", "-c", WORKER, str(deployment.LOCAL_OUTPUTS)]
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as worker:
        assert worker.stdout
        lines = iter(worker.stdout.readline, "")
        assert "following" in next(lines)
        app.put_event({"entityId": "customers/7", "message": {"state": "moved"}})
        app.put_event({"entityId": "orders/7", "message": {"state": "paid"}})
        assert next(lines) == "orders/7: {'state': 'paid'}\n"
        worker.send_signal(signal.SIGINT)
        assert list(lines) == ["Stopped.\n"]
        assert worker.wait(10) == 0

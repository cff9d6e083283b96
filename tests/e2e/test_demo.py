"""`make demo`, as a newcomer runs it (the environment is made already)."""

import subprocess
import sys

from tests.e2e.conftest import ROOT, App


def test_the_demo_works_and_cleans_up(app: App) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "local", "demo"],
        cwd=ROOT,
        env={
            **app.aws.environment(),
            **{"LOCAL_PORT": "0", "AWS_ENDPOINT_URL": "", "PYTHONPATH": f"{ROOT}:{ROOT / 'lambdas'}"},
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    for line in (
        *("< 401", '"type":"subscribed"', '"code":"forbidden"', "The example worked!"),
        *('"recovered":true,"updates":[{', "it has missed nothing: paid shipped"),
        *('"type":"unsubscribed"', "nothing arrived"),
    ):
        assert line in done.stdout

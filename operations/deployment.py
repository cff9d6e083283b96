"""Finding a deployment: its outputs, AWS clients for its place, and how a command tells that it failed."""

import argparse
import functools
import json
import os
import socket
import sys
import urllib.parse
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError, NoRegionError
from entity_push.runtime.aws_errors import AwsError

from operations import environments, local_addresses
from operations.environments import Environment, EnvironmentFileError
from operations.unconfigured import NO_CREDENTIALS, NO_REGION
from stacks.contract import DEFAULT_CONSTRUCT, DEFAULT_STACK_NAME, name_prefix

_URL = "WebSocketUrl"
"""The output that every `EntityPush` has."""

LOCAL_OUTPUTS = Path(__file__).resolve().parents[1] / ".local" / "outputs.json"


Main = Callable[..., int]
"""A command: takes its arguments, by default those of the process; returns its exit status."""


class DeploymentError(Exception):
    """The deployment can't be found; the message has a remedy."""


@dataclass(frozen=True)
class Deployment:
    """A deployed `EntityPush`.

    Attributes:
        outputs: the deployment's outputs, under their names in the app's own stack.
        session: credentials and Region.
        endpoint_url: the local AWS's address; None on AWS.
        stack: the stack's name.
    """

    outputs: Mapping[str, str]
    session: boto3.Session
    endpoint_url: str | None = None
    stack: str = ""

    def client(self, service: str) -> Any:
        """Return a boto3 client of a service, for the place of the deployment."""
        make: Any = self.session.client  # the name is known at run time only, so no overload applies
        # A proxy of the environment is not the way to this machine.
        config = Config(proxies={}) if self.endpoint_url else None
        return make(service, endpoint_url=self.endpoint_url, config=config)

    def connections(self) -> Any:
        """Return a boto3 client of the API's `@connections`, which knows each open connection by its id."""
        make: Any = self.session.client
        config = Config(proxies={}) if self.endpoint_url else None
        return make("apigatewaymanagementapi", endpoint_url=self.outputs["CallbackUrl"], config=config)


def command(
    name: str,
    refused: str,
    *,
    sentences: Sequence[type[Exception]] = (),
    refusals: Sequence[type[Exception]] = (),
) -> Callable[[Main], Main]:
    """Let a command's failure be a sentence and the exit status 1. Any other exception stays a traceback.

    Args:
        name: the command's name, which the sentence begins with.
        refused: the sentence for what AWS refuses, with `{}` in the place of AWS's error.
        sentences: further errors whose own message is the sentence, beside `DeploymentError`.
        refusals: further errors that are told as AWS's are.
    """
    told_as_they_are: tuple[type[Exception], ...] = (DeploymentError, *sentences)
    told_as_refusals: tuple[type[Exception], ...] = (ClientError, BotoCoreError, AwsError, *refusals)

    def told(main: Main) -> Main:
        @functools.wraps(main)
        def run(arguments: Sequence[str] | None = None) -> int:
            try:
                status = main(arguments)
                sys.stdout.flush()
            except BrokenPipeError:
                # Who reads has seen enough, as `head` has. Python flushes once more at its end.
                os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
                return 1
            except told_as_they_are as error:
                why = str(error)
            except told_as_refusals as error:
                why = refused.format(error)
            else:
                return status
            print(f"{name}: {why}", file=sys.stderr)
            return 1

        return run

    return told


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options that name a deployment. Without any, the local one is meant while it is up."""
    group = parser.add_argument_group(
        "which deployment",
        "With none of these: the local AWS while `make local` is up, else your account. "
        "`make … ENV=staging` takes them from environments/staging.json.",
    )
    group.add_argument("--local", action="store_true", help="the local AWS that `make local` keeps up")
    group.add_argument("--stack", help=f"the stack's name in your account (default: {DEFAULT_STACK_NAME})")
    group.add_argument(
        "--construct",
        default=DEFAULT_CONSTRUCT,
        help="the id of the EntityPush in a stack of another app, or its path below the stack",
    )
    group.add_argument("--region", help="the stack's Region (default: that of your AWS configuration)")
    group.add_argument("--profile", help="a profile of your AWS configuration")


def find(arguments: argparse.Namespace) -> Deployment:
    """Return the deployment that the arguments name.

    Without arguments, a running local deployment is taken, and standard error says so. A deployment for
    trying out is more often meant than the account, and a mistake harms it less.

    Raises:
        DeploymentError: the deployment can't be found, or the credentials don't allow to look.
    """
    try:
        environment = environments.chosen()
    except EnvironmentFileError as error:
        raise DeploymentError(str(error)) from error
    in_account = any((arguments.stack, arguments.region, arguments.profile, environment.name))
    if arguments.local and in_account:
        raise DeploymentError(
            "--local says which deployment alone: leave --stack, --region, --profile and ENV out."
        )
    if arguments.local:
        return _local(arguments.construct)
    if not in_account and LOCAL_OUTPUTS.exists():
        print("(the local AWS is meant, since it is up; your account with --stack)", file=sys.stderr)
        return _local(arguments.construct)
    return _deployed(arguments, environment)


def outputs_of(outputs: Mapping[str, str], construct: str) -> dict[str, str]:
    """Return the outputs of one construct, without its prefix.

    Args:
        outputs: the outputs of the stack that it is in.
        construct: its id, or its path below the stack.

    Raises:
        DeploymentError: there is none with this id.
    """
    prefix = name_prefix(construct.split("/"))
    if prefix + _URL not in outputs:
        found = sorted(
            name.removesuffix(_URL) or DEFAULT_CONSTRUCT for name in outputs if name.endswith(_URL)
        )
        raise DeploymentError(
            f"The stack has no EntityPush with the id {construct}. Say which with --construct; "
            f"it has: {', '.join(found) or 'none'}."
        )
    return {name.removeprefix(prefix): value for name, value in outputs.items() if name.startswith(prefix)}


def _local(construct: str) -> Deployment:
    try:
        outputs = json.loads(LOCAL_OUTPUTS.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise DeploymentError("No local AWS is running. Start one in another terminal: make local") from error
    url = urllib.parse.urlsplit(outputs["EndpointUrl"])
    with socket.socket() as client:
        if client.connect_ex((url.hostname, url.port)):
            raise DeploymentError(
                f"Nothing answers at {outputs['EndpointUrl']}, which .local/{LOCAL_OUTPUTS.name} names: a "
                "`make local` was killed. Start it again, or remove the file to mean your account."
            )
    session = boto3.Session("test", "test", region_name="us-east-1")
    found = outputs_of(outputs, construct)
    return Deployment(found, session, outputs["EndpointUrl"], outputs.get("StackName", DEFAULT_STACK_NAME))


def _deployed(arguments: argparse.Namespace, environment: Environment) -> Deployment:
    stack = arguments.stack or environment.settings.get("stackName") or DEFAULT_STACK_NAME
    try:
        session = boto3.Session(
            region_name=arguments.region or environment.region or os.environ.get("AWS_REGION"),
            profile_name=arguments.profile or environment.profile,
        )
        stacks = session.client("cloudformation").describe_stacks(StackName=stack)["Stacks"]
    except NoRegionError as error:
        raise DeploymentError(NO_REGION) from error
    except NoCredentialsError as error:
        raise DeploymentError(NO_CREDENTIALS) from error
    except (ClientError, BotoCoreError) as error:
        # AWS CloudFormation API Reference, DescribeStacks: the error of a stack that does not exist.
        absent = isinstance(error, ClientError) and error.response["Error"]["Code"] == "ValidationError"
        raise DeploymentError(
            f"The stack {stack} {'was not found' if absent else 'could not be looked up'} ({error}). Check "
            "--stack, --region and your credentials, or use --local."
        ) from error
    outputs = {item["OutputKey"]: item["OutputValue"] for item in stacks[0].get("Outputs", [])}
    if endpoint := local_addresses.endpoint_url():
        outputs = local_addresses.translated(outputs, endpoint)
    return Deployment(outputs_of(outputs, arguments.construct), session, endpoint, stack)


def may_change(found: Deployment, what: str, *, said_yes: bool) -> bool:
    """Ask before something in an account that can't be undone; return whether it is wanted.

    Args:
        found: the deployment.
        what: what is to be done, such as `Rotate the secret`.
        said_yes: whether the command line has the answer already.
    """
    question = f"{what} of the stack {found.stack} in {found.session.region_name}?"
    return bool(found.endpoint_url) or may(question, said_yes=said_yes)


def may(question: str, *, said_yes: bool) -> bool:
    """Ask a question on the terminal; return whether the answer is yes.

    Args:
        question: the question.
        said_yes: whether the command line has the answer already.
    """
    if said_yes:
        return True
    if not sys.stdin.isatty():
        print(f"{question} There is no terminal to ask in: say --yes.", file=sys.stderr)
        return False
    print(f"{question} Type yes: ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip() == "yes"

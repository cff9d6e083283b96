"""The CDK CLI, after a look at what would stop it minutes later: `python -m operations.cdk deploy`.

Settings of the environment's file come before the options, which therefore win.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import boto3
import botocore.session
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError

from operations import environments, home, local_addresses
from operations.environments import Environment, EnvironmentFileError
from operations.home import HomeError
from operations.unconfigured import NO_CREDENTIALS, NO_REGION

IN_ACCOUNT = ("bootstrap", "deploy", "destroy", "diff")
"""Commands that need credentials."""

METADATA_SECONDS = 1
"""How long each of two questions to a machine's own credentials may take: elsewhere, nobody answers."""

CONNECT_SECONDS = 2
READ_SECONDS = 5


class NotReadyError(Exception):
    """The command could not succeed; the message has a remedy."""


def command_line(
    command: str, options: Sequence[str], environment: Environment, *, terminal: bool
) -> list[str]:
    """Return the command line of the CDK CLI.

    Args:
        command: the CLI's command.
        options: options for it, from the user.
        environment: the settings to begin with.
        terminal: whether somebody can answer the CLI's questions.

    Raises:
        NotReadyError: something would be deleted, and nobody can be asked.
    """
    settings = [word for item in environment.context.items() for word in ("-c", "=".join(item))]
    words = ["cdk", command, *settings, *options]
    if environment.profile and _profile(options) is None:
        words += ["--profile", environment.profile]
    if terminal:
        return words
    if command == "destroy" and not {"--force", "-f"} & set(options):
        raise NotReadyError(
            "There is no terminal in which the CDK could ask whether to delete the deployment. "
            'If it is to be deleted: make destroy ARGS="--force"'
        )
    if command == "deploy" and not any(option.startswith("--require-approval") for option in options):
        _say("no terminal: rights that the deployment widens are not asked about. `make diff` shows them.")
        words += ["--require-approval", "never"]
    return words


def check_account(environment: Environment, profile: str | None) -> str:
    """Find credentials and the account they are of; return the Region.

    Args:
        environment: the account and Region that are meant.
        profile: the profile that the user names.

    Raises:
        NotReadyError: there are none, AWS refuses them, or they are of another account.
    """
    try:
        session = _session(profile or environment.profile, environment.region)
        if not session.region_name:
            raise NotReadyError(NO_REGION)
        if session.get_credentials() is None:
            raise NoCredentialsError
        config = Config(
            connect_timeout=CONNECT_SECONDS, read_timeout=READ_SECONDS, retries={"total_max_attempts": 1}
        )
        caller = session.client("sts", config=config).get_caller_identity()
    except NoCredentialsError as error:
        raise NotReadyError(NO_CREDENTIALS) from error
    except (BotoCoreError, ClientError) as error:
        raise NotReadyError(f"The AWS credentials are of no use: {error}") from error
    if environment.account not in (None, caller["Account"]):
        raise NotReadyError(
            f"environments/{environment.name}.json is for the account {environment.account}, and these "
            f"credentials are of {caller['Account']} ({caller['Arn']})."
        )
    _say(f"account {caller['Account']}, Region {session.region_name}, as {caller['Arn']}")
    return session.region_name


def _profile(options: Sequence[str]) -> str | None:
    """Return the profile that the user names, as `--profile p` or `--profile=p`."""
    parser = argparse.ArgumentParser(prog="make", add_help=False, allow_abbrev=False)
    parser.add_argument("--profile")
    profile: str | None = parser.parse_known_args(options)[0].profile
    return profile


def _session(profile: str | None, region: str | None) -> boto3.Session:
    core = botocore.session.Session(profile=profile)
    core.set_config_variable("metadata_service_timeout", METADATA_SECONDS)
    core.set_config_variable("metadata_service_num_attempts", 1)
    # boto3 reads AWS_DEFAULT_REGION only, and the CDK prefers AWS_REGION.
    return boto3.Session(botocore_session=core, region_name=region or os.environ.get("AWS_REGION"))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command of the CDK CLI in the place of this process, or say why not."""
    command, *options = sys.argv[1:] if arguments is None else arguments
    try:
        home.check()
        environment = environments.chosen()
        words = command_line(
            command, options, environment, terminal=sys.stdin.isatty() and sys.stdout.isatty()
        )
        if command in IN_ACCOUNT and not {"--help", "-h"} & set(options):
            region = check_account(environment, _profile(options))
            os.environ["AWS_REGION"] = os.environ["AWS_DEFAULT_REGION"] = region
    except (NotReadyError, EnvironmentFileError, HomeError) as error:
        _say(str(error))
        return 1
    endpoint = local_addresses.endpoint_url()
    if command == "deploy" and endpoint and not {"--outputs-file", "-O"} & set(options):
        return _deploy_locally(words, endpoint)
    return os.execvp(words[0], words)  # noqa: S606  (Ctrl-C is the CDK's to handle)


def _deploy_locally(words: Sequence[str], endpoint: str) -> int:
    """Run the CDK CLI, and tell where clients connect on the local AWS: the CLI tells AWS's own URL."""
    with tempfile.TemporaryDirectory() as folder:
        told = Path(folder) / "outputs.json"
        status = subprocess.call([*words, "--outputs-file", str(told)])
        stacks = json.loads(told.read_text(encoding="utf-8")) if told.exists() else {}
    for stack, outputs in stacks.items():
        for name, url in local_addresses.translated(outputs, endpoint).items():
            if name.endswith("WebSocketUrl"):
                _say(f"on the local AWS at {endpoint}, {stack}.{name} is {url}")
    return status


def _say(text: str) -> None:
    print(f"entity-push: {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())

"""Finding a deployment: its outputs, and clients that talk to where it is."""

import argparse
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

LOCAL_OUTPUTS = Path(__file__).resolve().parents[1] / ".local" / "outputs.json"


class DeploymentError(Exception):
    """The deployment can't be found; the message says what to do."""


@dataclass(frozen=True)
class Deployment:
    """A deployed stack.

    Attributes:
        outputs: the stack's outputs.
        session: credentials and Region.
        endpoint_url: the local AWS; None on AWS.
    """

    outputs: Mapping[str, str]
    session: boto3.Session
    endpoint_url: str | None = None

    def client(self, service: str) -> Any:
        """Return a client of a service, where the deployment is."""
        make: Any = self.session.client  # the name is known at run time only, so no overload applies
        return make(service, endpoint_url=self.endpoint_url)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what says which deployment is meant."""
    parser.add_argument("--stack", default="EntityPush", help="the stack's name (default: %(default)s)")
    parser.add_argument(
        "--local", action="store_true", help="the local AWS that `make local` keeps up, not the account"
    )
    parser.add_argument("--region", help="the stack's Region (default: that of your AWS configuration)")
    parser.add_argument("--profile", help="a profile of your AWS configuration")


def find(arguments: argparse.Namespace) -> Deployment:
    """Return the deployment that the arguments name.

    Raises:
        DeploymentError: it is not there, or the credentials don't allow to look.
    """
    return _local() if arguments.local else _deployed(arguments)


def _local() -> Deployment:
    try:
        outputs = json.loads(LOCAL_OUTPUTS.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise DeploymentError("No local AWS is running. Start one in another terminal: make local") from error
    session = boto3.Session("test", "test", region_name="us-east-1")
    return Deployment(outputs, session, outputs["EndpointUrl"])


def _deployed(arguments: argparse.Namespace) -> Deployment:
    try:
        session = boto3.Session(region_name=arguments.region, profile_name=arguments.profile)
        stacks = session.client("cloudformation").describe_stacks(StackName=arguments.stack)["Stacks"]
    except (ClientError, BotoCoreError) as error:
        raise DeploymentError(
            f"The stack {arguments.stack} was not found ({error}). Check --stack, --region and your "
            "credentials, or use --local."
        ) from error
    outputs = {item["OutputKey"]: item["OutputValue"] for item in stacks[0].get("Outputs", [])}
    return Deployment(outputs, session)

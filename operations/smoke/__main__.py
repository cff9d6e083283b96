"""Deploy, check what only real AWS shows, print a table, remove: `make smoke ENV=staging`."""

import argparse
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence

from operations import cdk, deployment, environments
from operations.cdk import NotReadyError
from operations.environments import Environment, EnvironmentFileError
from operations.minting import MintingError, TokenSigner
from operations.smoke import alarms, frames, handshakes, pushes, stage
from operations.smoke.check import Check, Seen, Target, run
from operations.visible import visible
from stacks.contract import DEFAULT_STACK_NAME

BEFORE_THE_UPDATE = (*handshakes.CHECKS, *frames.CHECKS, *pushes.CHECKS, *alarms.CHECKS)

MOST_CONNECTIONS = 3

SETTINGS = {
    "connectionsPerUser": str(MOST_CONNECTIONS),
    "encryption": "customer",  # so that every policy of a key is needed
    "eventBus": "own",
    "retainData": "false",
}
"""Settings of the deployment, over those of the environment."""

DESCRIPTION = """\
Deploy a stack of its own, check what only real AWS shows, print what was expected and what was seen, and
remove the stack. It takes about half an hour. The role with which API
Gateway writes logs stays.
"""

COST = (
    "about $0.20: a key and alarms for an hour ($0.01), and a few hundred requests and minutes of functions"
)


def table(seen: Sequence[Seen]) -> str:
    """Return what was expected and seen as lines; the source of what differs."""
    lines = []
    for each in seen:
        lines.append(
            f"{'ok     ' if each.is_right else 'DIFFERS'}  {each.seconds:5.0f} s  {each.check.name}: "
            f"{visible(each.what)}"
        )
        if not each.is_right:
            lines += [f"{'':18}expected: {each.check.expects}", f"{'':18}why: {each.check.why}"]
    wrong = sum(not each.is_right for each in seen)
    return "\n".join([*lines, f"{len(seen)} checks, of which {wrong} differ"])


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status: 1 if anything differs, or could not be done."""
    chosen = _parse(arguments)
    try:
        environment = environments.chosen()
        region = cdk.check_account(environment, None)
        os.environ["AWS_REGION"] = os.environ["AWS_DEFAULT_REGION"] = region  # the CDK's, and ours
        name = f"{environment.settings.get('stackName', DEFAULT_STACK_NAME)}-smoke"
        if not _may_begin(name, region, said_yes=chosen.yes):
            return 1
        return _smoke(environment, name, keep=chosen.keep)
    except (EnvironmentFileError, NotReadyError, MintingError, subprocess.CalledProcessError) as error:
        print(f"smoke: {error}", file=sys.stderr)
        return 1


def _smoke(environment: Environment, name: str, *, keep: bool) -> int:
    settings = {**SETTINGS, "stackName": name}
    seen: list[Seen] = []
    try:
        _cdk("deploy", environment, settings)
        target = _target(environment, name)
        seen += _told(BEFORE_THE_UPDATE, target)
        _cdk("deploy", environment, settings | stage.LEFT_OUT)
        seen += _told(stage.CHECKS, target)
    finally:
        print(table(seen), flush=True)
        if not keep:
            _cdk("destroy", environment, settings, "--force")
    return int(not all(each.is_right for each in seen))


def _told(checks: Sequence[Check], target: Target) -> list[Seen]:
    seen = []
    for each in run(checks, target):
        print(f"{'ok' if each.is_right else 'DIFFERS'}: {each.check.name}", flush=True)
        seen.append(each)
    return seen


def _cdk(command: str, environment: Environment, settings: Mapping[str, str], *options: str) -> None:
    """Run the CDK CLI.

    Raises:
        CalledProcessError: it failed, and has said why.
    """
    context = [word for item in settings.items() for word in ("-c", "=".join(item))]
    words = cdk.command_line(command, [*context, *options], environment, terminal=False)
    subprocess.run(words, check=True)


def _target(environment: Environment, name: str) -> Target:
    place = [
        f"--{option}={value}" for option in ("region", "profile") if (value := getattr(environment, option))
    ]
    parser = argparse.ArgumentParser()
    deployment.add_arguments(parser)
    found = deployment.find(parser.parse_args([f"--stack={name}", *place]))
    return Target(found, TokenSigner.of(found.outputs, found.client("secretsmanager")), MOST_CONNECTIONS)


def _may_begin(name: str, region: str, *, said_yes: bool) -> bool:
    question = f"Deploy {name} in {region}, check it, and remove it? It costs {COST}."
    return deployment.may(question, said_yes=said_yes)


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make smoke", description=DESCRIPTION)
    parser.add_argument("--yes", action="store_true", help="do not ask")
    parser.add_argument("--keep", action="store_true", help="do not remove the stack: make destroy does")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())

"""The app on this machine: `python -m local up` (stays) or `python -m local demo` (shows)."""

import signal

# Loading takes a second, and Ctrl-C in that second should end this without a traceback.
if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
    signal.signal(signal.SIGINT, signal.SIG_DFL)

import argparse
import sys
from typing import NoReturn

from local.aws import LocalAwsError
from local.demo import DemoError, demo
from local.steps import StepError, say
from local.up import up
from operations import environments, home
from operations.environments import EnvironmentFileError
from operations.home import HomeError


def main() -> None:
    """Run the command of the command line. A failure is a sentence and exit code 1."""
    chosen = _parse()
    command: str = chosen.command
    if signal.getsignal(signal.SIGINT) is signal.SIG_DFL:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    # SIGTERM stops the emulator, as Ctrl-C does.
    signal.signal(signal.SIGTERM, _leave)
    try:
        home.check()
        context = environments.chosen().context | dict(chosen.context)
        {"up": up, "demo": demo}[command](context)
    except (LocalAwsError, StepError, EnvironmentFileError, HomeError) as error:
        sys.exit(f"\n{error}")
    except DemoError as error:
        sys.exit(f"\nThe demo failed: {error}")
    except KeyboardInterrupt:
        say("\nStopped.")
        # Ctrl-C is the regular end of `up`, but an interruption of `demo`.
        sys.exit(0 if command == "up" else 128 + signal.SIGINT)


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m local",
        description="The whole app on this machine: an AWS emulator and the real CDK CLI.",
        epilog="LOCAL_PORT=<port> chooses another port than 4600; 0 takes any free one.",
    )
    commands = parser.add_subparsers(dest="command", required=True)
    for name, what in (
        ("up", "start, deploy, show how to try it, stay until Ctrl-C"),
        ("demo", "start, deploy, show an update on its way, stop"),
    ):
        command = commands.add_parser(name, help=what, description=what)
        command.add_argument(
            *("-c", "--context"),
            type=_setting,
            action="append",
            default=[],
            metavar="NAME=VALUE",
            help="a setting, as for make deploy",
        )
    return parser.parse_args()


def _setting(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not name or not equals:
        raise argparse.ArgumentTypeError(f"{text!r} is not of the form name=value")
    return name, value


def _leave(_signal: int, _frame: object) -> NoReturn:
    sys.exit(128 + signal.SIGTERM)


if __name__ == "__main__":
    main()

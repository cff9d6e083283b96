"""The app on this machine: `python -m local up` (stays) or `python -m local demo` (shows)."""

import argparse
import signal
import sys
from typing import NoReturn

from local.aws import LocalAwsError
from local.demo import DemoError, demo
from local.steps import StepError, say
from local.up import up


def main() -> None:
    """Run the command of the command line. A failure is a sentence and exit code 1."""
    command = _parse().command
    # SIGTERM stops the emulator, as Ctrl-C does.
    signal.signal(signal.SIGTERM, _leave)
    try:
        {"up": up, "demo": demo}[command]()
    except (LocalAwsError, StepError) as error:
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
    commands.add_parser("up", help="start, deploy, show how to try it, stay until Ctrl-C")
    commands.add_parser("demo", help="start, deploy, show an update on its way, stop")
    return parser.parse_args()


def _leave(_signal: int, _frame: object) -> NoReturn:
    sys.exit(128 + signal.SIGTERM)


if __name__ == "__main__":
    main()

"""Run the emulator: `python -m local.emulator --port 4600 --directory .local/aws`."""

import argparse
import os
import signal
import sys
import threading
from pathlib import Path


def main() -> None:
    """Read the command line, prepare the process, serve."""
    arguments = _parse()
    directory: Path = arguments.directory.resolve()
    search_path = os.environ.get("PATH", os.defpath)
    if arguments.until_stdin_closes:
        _die_when_stdin_closes()
    _replace_environment(arguments.port, directory, auth=not arguments.no_auth)
    # The import comes last: MiniStack reads its settings from the environment while it is imported.
    from local.emulator.server import Settings, serve  # noqa: PLC0415

    serve(Settings(arguments.port, directory, search_path, arguments.workers))


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m local.emulator", description=__doc__)
    parser.add_argument("--port", type=int, default=4600, help="on 127.0.0.1 (default: 4600)")
    parser.add_argument("--directory", type=Path, default=Path(".local/aws"), help="for all that it writes")
    parser.add_argument("--no-auth", action="store_true", help="do not enforce IAM policies")
    parser.add_argument("--workers", type=int, default=4, help="processes per function")
    parser.add_argument(
        "--until-stdin-closes",
        action="store_true",
        help="kill this process group when standard input ends, so when the parent is gone",
    )
    return parser.parse_args()


def _replace_environment(port: int, directory: Path, *, auth: bool) -> None:
    """Replace the caller's environment by one with the emulator's variables only.

    Functions inherit the emulator's environment. On AWS they see none of a developer's variables, profiles or
    proxies.
    """
    temporary = directory / "tmp"
    temporary.mkdir(parents=True, exist_ok=True)
    os.environ.clear()
    os.environ.update(
        PATH=os.defpath,
        HOME=str(directory),
        TMPDIR=str(temporary),
        LANG="en_US.UTF-8",  # language and time zone are as in Lambda
        TZ=":UTC",
        GATEWAY_PORT=str(port),
        BIND_HOST="127.0.0.1",
        AWS_ENDPOINT_URL=f"http://127.0.0.1:{port}",
        AWS_CONFIG_FILE=os.devnull,
        AWS_SHARED_CREDENTIALS_FILE=os.devnull,
        AUTH=str(auth).lower(),
        STATE_DIR=str(directory / "state"),
        S3_DATA_DIR=str(directory / "s3"),
        IOT_MTLS_ENABLED="0",  # would open a second port
        LAMBDA_ACCOUNT_CONCURRENCY="0",  # invocations wait for a function's processes instead
    )


def _die_when_stdin_closes() -> None:
    """Kill this process group once the parent has ended, in whatever way.

    The parent holds the other end of standard input and never writes. The kernel closes that end even after
    SIGKILL. So the watch needs no polling, and works alike on Linux and macOS.
    """

    def watch() -> None:
        while os.read(sys.stdin.fileno(), 1):
            pass
        if os.getpgrp() == os.getpid():
            os.killpg(os.getpid(), signal.SIGKILL)
        os._exit(1)

    threading.Thread(target=watch, daemon=True, name="parent-watch").start()


if __name__ == "__main__":
    main()

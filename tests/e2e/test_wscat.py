"""wscat from npm in a terminal, as the README has people use it."""

import json
import os
import pty
import re
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from tests.e2e.conftest import ROOT, App, eventually


class Terminal:
    """A terminal in which a command runs: what is typed, and what is shown."""

    def __init__(self, descriptor: int):
        self._descriptor = descriptor
        self._shown = b""
        threading.Thread(target=self._read, daemon=True).start()

    def type(self, line: str) -> None:
        """Type a line and Enter."""
        os.write(self._descriptor, line.encode() + b"\r")

    def shows(self, text: str) -> str:
        """Wait until a line with the text is shown; return it."""

        def line() -> str | None:
            plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", self._shown.decode(errors="replace"))
            return next((shown for shown in re.split(r"[\r\n]+", plain) if text in shown), None)

        found = eventually(line)
        assert isinstance(found, str)
        return found

    def _read(self) -> None:
        while True:
            try:
                self._shown += os.read(self._descriptor, 65536)
            except OSError:  # the command has ended
                return


@contextmanager
def wscat(app: App) -> Iterator[Terminal]:
    """Run wscat in a terminal, connected to the app; end it as Ctrl-C does."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [ROOT / "node_modules/.bin/wscat", "--connect", app.outputs.web_socket_url, "-s", "websocket"],
        env={**app.aws.environment(), "TERM": "xterm"},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    os.close(theirs)
    try:
        yield Terminal(ours)
        os.write(ours, b"\x03")
        process.wait(10)
    finally:
        process.kill()
        process.wait()
        os.close(ours)


def test_wscat_subscribes_gets_the_example_and_leaves(app: App) -> None:
    eventually(lambda: not app.items())
    with wscat(app) as terminal:
        terminal.shows("Connected")
        terminal.type('{"action":"subscribe","entityId":"myEntityId"}')
        terminal.shows('"type":"subscribed"')
        assert len(app.items()) == 2
        app.put_example()
        pushed = terminal.shows('< {"type":"Entity Updated"')
        frame = json.loads(pushed[pushed.index("{") : pushed.rindex("}") + 1])
        assert frame["type"] == "Entity Updated"
        assert frame["entityId"] == "myEntityId"
        assert frame["message"] == "The example worked!"
    eventually(lambda: not app.items())

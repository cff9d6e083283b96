"""wscat from npm in a terminal, as the README has people use it."""

import json
import os
import pty
import re
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

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
        found = eventually(lambda: self.has_shown(text))
        assert isinstance(found, str)
        return found

    def has_shown(self, text: str) -> str | None:
        """Return the first line with the text that was shown by now, if there is one."""
        plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", self._shown.decode(errors="replace"))
        return next((line for line in re.split(r"[\r\n]+", plain) if text in line), None)

    def _read(self) -> None:
        while True:
            try:
                self._shown += os.read(self._descriptor, 65536)
            except OSError:  # the command has ended
                return


@contextmanager
def wscat(app: App, *options: str) -> Iterator[Terminal]:
    """Run wscat in a terminal, connected to the app; end it as Ctrl-C does.

    Args:
        app: the deployed app.
        *options: what follows the URL on the command line.
    """
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [ROOT / "node_modules/.bin/wscat", "-c", app.outputs.web_socket_url, *options],
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


def pushed(line: str) -> dict[str, Any]:
    """Return the frame that a line of wscat shows."""
    frame: dict[str, Any] = json.loads(line[line.index("{") : line.rindex("}") + 1])
    return frame


def users(app: App) -> set[str]:
    """Return whose connection items are in the table."""
    return {item["userId"]["S"] for item in app.items() if "connectedAt" in item}


def test_wscat_subscribes_gets_the_example_and_leaves(app: App) -> None:
    eventually(lambda: not app.items())
    token = app.token(subscribe=["myEntityId"])
    with wscat(app, "-s", "websocket", "-H", f"Authorization: Bearer {token}") as terminal:
        terminal.shows("Connected")
        terminal.type('{"action":"subscribe","entityId":"myEntityId"}')
        terminal.shows('"type":"subscribed"')
        assert "CHANNEL#entity/myEntityId" in {item["pk"]["S"] for item in app.items()}
        app.put_example()
        frame = pushed(terminal.shows('< {"type":"Entity Updated"'))
        assert frame["type"] == "Entity Updated"
        assert frame["entityId"] == "myEntityId"
        assert frame["message"] == "The example worked!"
    eventually(lambda: not app.items())


def test_what_one_wscat_says_to_everyone_both_show_and_ctrl_c_removes_their_items(app: App) -> None:
    eventually(lambda: not app.items())
    alice, bob = (("-H", f"Authorization: Bearer {app.token(user)}") for user in ("alice", "bob"))
    with wscat(app, *bob) as listens:
        listens.shows("Connected")
        assert users(app) == {"bob"}
        with wscat(app, *alice) as speaks:
            speaks.shows("Connected")
            assert users(app) == {"alice", "bob"}
            speaks.type('{"action":"onMessage","message":"Hello everyone"}')
            for terminal in (speaks, listens):
                frame = pushed(terminal.shows('< {"type":"Broadcast"'))
                assert (frame["message"], frame["from"]) == ("Hello everyone", "alice")
        eventually(lambda: users(app) == {"bob"})
    eventually(lambda: not app.items())


def test_a_session_of_the_published_system_goes_as_it_went_there(app: App) -> None:
    """The token is the second subprotocol, as Postman sends it; then subscribe, unsubscribe, notification."""
    with wscat(app, "-s", "websocket", "-s", app.token("myuserid")) as terminal:
        terminal.shows("Connected")
        terminal.type('{"action":"subscribe","entityId":"myTestEntityId"}')
        terminal.shows('< {"type":"subscribed","entityId":"myTestEntityId"')
        app.put_event({"entityId": "myTestEntityId", "message": "The example worked!"}, source="CLI")
        frame = pushed(terminal.shows('< {"type":"Entity Updated"'))
        assert (frame["entityId"], frame["message"]) == ("myTestEntityId", "The example worked!")
        terminal.type('{"action":"unsubscribe","entityId":"myTestEntityId"}')
        terminal.shows('< {"type":"unsubscribed","entityId":"myTestEntityId","wasSubscribed":true')
        app.put_event({"entityId": "myTestEntityId", "message": "too late"}, source="CLI")
        app.put_example("send-user-push-notification")
        frame = pushed(terminal.shows('< {"type":"User Push Notification"'))
        assert (frame["message"], frame["callback"]) == ("The example worked!", "https://example.com/")
        assert not terminal.has_shown("too late")

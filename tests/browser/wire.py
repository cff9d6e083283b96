"""The WebSockets of a page as they were on the wire, read from DevTools' events."""

import json
from dataclasses import dataclass, field
from typing import Any

from tests.browser.chromium import Event
from tests.contract import check_client_frame, check_server_frame


@dataclass
class Socket:
    """One WebSocket of a page.

    Attributes:
        opened: when the server accepted it, in seconds by Chromium's clock; None if it did not.
        closed: when it ended; None if it has not.
        sent: the frames that the page has sent, with their times.
        received: the frames that the page has got, with their times.
    """

    opened: float | None = None
    closed: float | None = None
    sent: list[tuple[float, dict[str, Any]]] = field(default_factory=list)
    received: list[tuple[float, dict[str, Any]]] = field(default_factory=list)

    @property
    def actions(self) -> list[str]:
        """The actions of the frames that the page has sent."""
        return [frame["action"] for _, frame in self.sent]

    def times(self, action: str) -> list[float]:
        """Return when the page sent frames with an action."""
        return [at for at, frame in self.sent if frame["action"] == action]


def sockets(events: list[Event]) -> list[Socket]:
    """Return a page's WebSockets, in the order in which they were made. asyncapi.yaml has their frames."""
    found: dict[str, Socket] = {}
    for method, told in events:
        if not method.startswith("Network.webSocket"):
            continue
        socket = found.setdefault(told["requestId"], Socket())
        match method.removeprefix("Network.webSocket"):
            case "HandshakeResponseReceived":
                socket.opened = told["timestamp"] if told["response"]["status"] == 101 else None
            case "Closed":
                socket.closed = told["timestamp"]
            case "FrameSent" if told["response"]["opcode"] == 1:
                socket.sent.append(_frame(told))
                check_client_frame(socket.sent[-1][1])
            case "FrameReceived" if told["response"]["opcode"] == 1:
                socket.received.append(_frame(told))
                check_server_frame(socket.received[-1][1])
    return list(found.values())


def _frame(told: dict[str, Any]) -> tuple[float, dict[str, Any]]:
    return told["timestamp"], json.loads(told["response"]["payloadData"])

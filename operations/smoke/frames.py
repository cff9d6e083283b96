"""What API Gateway takes from clients, and how it refuses the rest."""

from operations.smoke.check import Check, Target
from operations.smoke.connection import Socket

QUOTAS = '"Amazon API Gateway quotas", WebSocket'

OVER_ONE_FRAME = "x" * 40_000
OVER_A_MESSAGE = "x" * (128 * 1024 + 1)


def _pong(target: Target) -> str:
    with Socket(target.url, target.token()) as socket:
        return str(socket.ask({"action": "ping"}))


def _binary(target: Target) -> str:
    with Socket(target.url, target.token()) as socket:
        socket.send(b"\x00")
        return socket.end()


def _in_small_frames(target: Target) -> str:
    with Socket(target.url, target.token()) as socket:
        socket.send({"action": "ping", "padding": OVER_ONE_FRAME}, at_once=False)
        return str(socket.receive())


def _in_one_frame(target: Target) -> str:
    with Socket(target.url, target.token()) as socket:
        socket.send(OVER_ONE_FRAME)
        return socket.end()


def _too_long(target: Target) -> str:
    with Socket(target.url, target.token()) as socket:
        socket.send(OVER_A_MESSAGE, at_once=False)
        return socket.end()


CHECKS = (
    Check(
        "a ping",
        "{'type': 'pong'}",
        'API Gateway Developer Guide, "Set up a mock integration": it answers by itself',
        _pong,
    ),
    Check("a binary frame", "1003", 'API Gateway Developer Guide, "Binary media types"', _binary),
    Check(
        "a message of 40 KB in frames of 32 KB",
        "{'type': 'pong'}",
        f"{QUOTAS}: frame size 32 KB, message size 128 KB",
        _in_small_frames,
    ),
    Check(
        "a message of 40 KB in one frame", "1009", f"{QUOTAS}: frame size 32 KB", _in_one_frame, here=False
    ),
    Check("a message over 128 KB", "1009", f"{QUOTAS}: message size 128 KB", _too_long),
)

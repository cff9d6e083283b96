"""Who gets in, and with which status others do not."""

from contextlib import ExitStack

from operations.smoke.check import Check, Target
from operations.smoke.connection import Socket, status

PLACES = ("header", "subprotocol", "query")

AUTHORIZERS = 'API Gateway Developer Guide, "Use API Gateway Lambda authorizers"'


def _in_each_place(target: Target) -> str:
    return ", ".join(str(status(target.url, target.token(), place=place)) for place in PLACES)


def _forged(target: Target) -> str:
    return str(status(target.url, target.token()[:-4] + "AAAA"))


def _room(target: Target) -> str:
    return str(status(target.url, target.token(), query="roomId=elsewhere"))


def _too_many(target: Target) -> str:
    with ExitStack() as stack:
        for _ in range(target.most_connections):
            stack.enter_context(Socket(target.url, target.token("many")))
        return str(status(target.url, target.token("many")))


CHECKS = (
    Check(
        "a token in each of its three places",
        "101, 101, 101",
        f"{AUTHORIZERS}: without identity sources, the authorizer runs for every handshake",
        _in_each_place,
    ),
    Check(
        "a handshake without a token",
        "401",
        f'{AUTHORIZERS}: an authorizer that fails with "Unauthorized" gives 401',
        lambda target: str(status(target.url)),
    ),
    Check("a token with another signature", "401", "the same", _forged),
    Check(
        "a room without a grant",
        "403",
        'API Gateway Developer Guide, "$connect": the status of the integration is that of the handshake',
        _room,
    ),
    Check("one connection more than a user may have", "429", "the same", _too_many),
)

"""Nobody in who doesn't belong, and nobody longer than they belong."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from itertools import combinations
from typing import Any

import jwt
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

from operations import rotate, token
from stacks.settings import Settings
from tests.e2e.client import PLACES, Client, Place, status_of_handshake
from tests.e2e.conftest import App, eventually
from tests.forged_tokens import forgeries

Connect = Callable[..., Client]

OPENED = 101

RECONNECT = 1000
"""The close code of all closes that the server makes."""

EXPIRED_AND_CLOSED_SECONDS = 180
"""At most a minute, until the next run, and a slow machine's share."""

AUTHORIZERS = 4
"""How many processes the local AWS runs one function in; each remembers the secret by itself."""


def handshake(app: App, given: str, place: Place | tuple[Place, ...] = "header") -> int:
    """Ask for a connection with a token, and leave; return the handshake's status."""
    return status_of_handshake(app.outputs.web_socket_url, given, place)


def test_without_a_token_the_answer_is_401(app: App) -> None:
    for subprotocols in ((), ("websocket",)):
        with pytest.raises(InvalidStatus) as refusal, Client(app.outputs.web_socket_url, subprotocols):
            pass
        assert refusal.value.response.status_code == 401


@pytest.mark.parametrize("place", PLACES)
def test_a_token_is_taken_in_each_place_alone(app: App, place: Place) -> None:
    with app.client(place=place, subscribe=["orders/1"]) as client:
        client.subscribe("orders/1")
        assert client.socket.subprotocol == ("websocket" if place == "subprotocol" else None)


@pytest.mark.parametrize("places", list(combinations(PLACES, 2)), ids="+".join)
def test_a_token_in_two_places_is_refused(app: App, places: tuple[Place, ...]) -> None:
    assert handshake(app, app.token(), places) == 401


@pytest.mark.parametrize("place", PLACES)
def test_every_forged_token_is_refused(app: App, place: Place) -> None:
    signer = app.signer
    forged = forgeries(signer.secret, signer.issuer, signer.audience)
    # The emulator refuses a request line or header of over 16 KB by itself, API Gateway 10 KB.
    assert max(map(len, forged.values())) < 16_000
    with ThreadPoolExecutor(8) as pool:
        statuses = dict(
            zip(forged, pool.map(partial(handshake, app, place=place), forged.values()), strict=True)
        )
    assert {name: status for name, status in statuses.items() if status != 401} == {}
    assert handshake(app, app.token(), place) == OPENED, "the place works, with a good token"


@pytest.mark.usefixtures("as_local")
def test_what_make_token_prints_opens_a_connection_with_its_grants(
    connect: Connect, capsys: pytest.CaptureFixture[str]
) -> None:
    assert token.main(["--user", "alice", "--subscribe", "orders/*"]) == 0
    client = connect(token=capsys.readouterr().out.strip())
    client.subscribe("orders/7/lines")
    assert client.ask({"action": "subscribe", "entityId": "orders"})["code"] == "forbidden"


def test_a_subscription_without_a_grant_is_forbidden_and_leaves_nothing(app: App, connect: Connect) -> None:
    allowed, without_grants = connect(subscribe=["mine/*"]), connect(subscribe=[], publish=["*"])
    for client in (allowed, without_grants):
        answer = client.ask({"action": "subscribe", "entityId": "theirs/1", "requestId": 7})
        assert (answer["type"], answer["code"], answer["requestId"]) == ("error", "forbidden", 7)
    assert "theirs/1" not in str(app.items())
    allowed.subscribe("mine/1")
    app.put_event({"entityId": "theirs/1", "message": 1})
    app.put_event({"entityId": "mine/1", "message": 2})
    assert allowed.receive()["message"] == 2
    assert allowed.hears_nothing(0.5)
    assert without_grants.hears_nothing(0.1)


def test_one_users_connections_are_limited_and_another_users_are_not(app: App) -> None:
    limit = Settings().connections_per_user
    with ExitStack() as stack:
        clients = [stack.enter_context(app.client(user="crowd")) for _ in range(limit)]
        for _ in range(2):
            assert handshake(app, app.token("crowd")) == 429
        assert handshake(app, app.token("somebody else")) == OPENED
        clients[0].socket.close()
        eventually(lambda: handshake(app, app.token("crowd")) == OPENED)
        clients[1].subscribe("crowd")  # who was refused has taken nothing with it
    eventually(lambda: handshake(app, app.token("crowd")) == OPENED)


def test_nothing_outlives_the_token(app: App, connect: Connect) -> None:
    short, expires = _short_lived(app)
    ends, stays = connect(token=short, user="ends"), connect()
    for client in (ends, stays):
        client.subscribe("expiry")
    app.put_event({"entityId": "expiry", "message": "in time"})
    assert [client.receive()["message"] for client in (ends, stays)] == ["in time", "in time"]
    assert time.time() < expires, "the machine is too slow for a token this short"

    time.sleep(max(0.0, expires - time.time()) + 0.1)
    assert handshake(app, short) == 401
    for action in ("subscribe", "unsubscribe"):
        assert ends.ask({"action": action, "entityId": "expiry"})["code"] == "token_expired"
    app.put_event({"entityId": "expiry", "message": "too late"})
    assert stays.receive()["message"] == "too late"
    assert _close_code(ends) == RECONNECT, "and no update before that"
    assert ends.closing[-1] == {"type": "closing", "code": "token_expired", "reconnect": True}
    eventually(lambda: "ends" not in str(app.items()))
    assert stays.ask({"action": "ping"}) == {"type": "pong"}


def test_a_client_is_warned_before_its_tokens_end_and_told_why_it_is_closed(
    app: App, connect: Connect
) -> None:
    short, expires = _short_lived(app)
    client = connect(token=short)
    app.run_expire()
    client.receive_closing(10)
    assert client.closing == [{"type": "closing", "code": "token_expires", "reconnect": True}]
    assert client.ask({"action": "subscribe", "entityId": "warned"})["type"] == "subscribed", "it still works"
    successor = connect(user="warned")
    successor.subscribe("warned")
    time.sleep(max(0.0, expires - time.time()) + 0.1)
    app.run_expire()
    assert _close_code(client) == RECONNECT
    # The run of the minute may have been between, in another worker.
    codes = [frame["code"] for frame in client.closing]
    assert list(dict.fromkeys(codes)) == ["token_expires", "token_expired"]
    assert successor.hears_nothing(0.1)
    assert successor.closing == []


def _close_code(client: Client) -> int | None:
    """Return the code with which a client is closed, which gets no other frame than why."""
    with pytest.raises(ConnectionClosed) as closed:
        client.receive(EXPIRED_AND_CLOSED_SECONDS)
    return closed.value.rcvd.code if closed.value.rcvd else None


def _short_lived(app: App) -> tuple[str, int]:
    """Return a token of some seconds, and when it expires."""
    made = app.token("ends", minutes=0.4)
    claims = jwt.decode(made, options={"verify_signature": False})
    return made, int(claims["exp"])


@pytest.fixture
def rotated(app: App, as_local: None) -> Iterator[Callable[[], None]]:
    """Rotates the secret; afterwards, every process of the authorizer knows the last one."""
    del as_local

    def rotate_once() -> None:
        assert rotate.main([]) == 0
        app.read_secret()

    yield rotate_once
    eventually(lambda: _all(app, app.token(), OPENED), 60)


def test_rotating_once_shuts_nobody_out_and_twice_revokes(app: App, rotated: Callable[[], None]) -> None:
    first = app.token()
    with app.client(token=first) as stays:
        rotated()
        second = app.token()
        # At once, but for the forged tokens of other tests, which have used up the early reads of the secret.
        eventually(lambda: _all(app, second, OPENED), 60)
        assert _all(app, first, OPENED)
        rotated()
        third = app.token()

        def revoked() -> bool:
            return _all(app, third, OPENED) and _all(app, first, 401)

        eventually(revoked, 120)
        assert _all(app, second, OPENED)
        stays.subscribe("e1")


def _all(app: App, given: str, status: int) -> bool:
    """Tell whether several handshakes at once, so that every process takes part, all have this status."""
    with ThreadPoolExecutor(2 * AUTHORIZERS) as pool:
        statuses = set(pool.map(lambda _: handshake(app, given), range(3 * AUTHORIZERS)))
    return statuses == {status}


def test_no_log_holds_a_token_and_every_refusal_has_its_reason(app: App) -> None:
    signer = app.signer
    forged = forgeries(signer.secret, signer.issuer, signer.audience)
    tokens = [app.token(), forged["wrong key"], forged["exp past"], forged["truncated signature"]]
    for given in tokens:
        for place in PLACES:
            handshake(app, given, place)

    def logged() -> str | None:
        text = "\n".join(_logs(app))
        return text if all(f'"reason":"{name}"' in text for name in ("signature", "expired")) else None

    text = eventually(logged)
    for given in tokens:
        payload, signature = given.split(".")[1:]
        assert payload[:40] not in text
        assert signature[:20] not in text
    assert signer.secret not in text


def _logs(app: App) -> Iterator[str]:
    """Yield every line that every function has logged."""
    logs: Any = app.aws.client("logs")
    for groups in logs.get_paginator("describe_log_groups").paginate():
        for group in groups["logGroups"]:
            pages = logs.get_paginator("filter_log_events").paginate(logGroupName=group["logGroupName"])
            yield from (event["message"] for page in pages for event in page["events"])

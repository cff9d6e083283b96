"""Keeping a connection: tokens, pauses, rotation, life signs, and the end at any moment."""

import asyncio
import json

import entity_push_client as ep
import pytest

from tests.unit.client.conftest import Run, Stage, taken
from tests.unit.client.fakes import FakeSocket, settle, subscribed, update


def test_nothing_is_connected_before_something_is_asked_for(run: Run) -> None:
    async def play(stage: Stage) -> None:
        await settle()
        assert (stage.server.sockets, stage.push.state.name) == ([], "idle")
        stage.push.subscribe("orders/42")
        await settle()
        assert len(stage.server.sockets) == 1
        assert stage.states == ["connecting", "connected"]

    run(play)


def test_each_connect_has_a_new_token_and_a_failure_is_told(run: Run) -> None:
    failures: list[ep.HandshakeError | None] = []

    async def token(failure: ep.HandshakeError | None) -> str:
        failures.append(failure)
        return f"token-{len(failures)}"

    async def play(stage: Stage) -> None:
        refused = ep.HandshakeError("refused", 401)
        stage.server.refusals = [refused]
        stage.client(token=token).subscribe("orders/42")
        await stage.clock.pass_time(0.3)
        await stage.cut()
        await stage.clock.pass_time(0.3)
        await stage.clock.pass_time(1)
        assert failures == [None, refused, None]
        assert stage.server.tokens == ["token-1", "token-2", "token-3"]
        assert [error.code for error in stage.errors] == ["connection_failed", "connection_lost"]

    run(play)


def test_pauses_double_until_the_server_has_answered(run: Run) -> None:
    async def play(stage: Stage) -> None:
        stage.server.refusals = [ep.HandshakeError("refused", 500) for _ in range(9)]
        subscription = stage.push.subscribe("orders/42")
        pauses = []
        for _ in range(9):
            await settle()
            assert stage.push.state.name == "waiting"
            assert stage.push.state.until is not None
            pauses.append(stage.push.state.until - stage.clock.now)
            await stage.clock.pass_time(pauses[-1])
        assert pauses == [0.25, 0.5, 1, 2, 4, 8, 15, 15, 15]
        await stage.cut()  # the server had not answered
        assert stage.push.state.until == stage.clock.now + 15
        await stage.clock.pass_time(15)
        await stage.answer("e.4")
        await stage.cut()
        assert stage.push.state.until == stage.clock.now + 0.25
        assert subscription.state.name == "stale"

    run(play)


def test_a_token_function_that_fails_or_hangs_is_called_again(run: Run) -> None:
    calls = 0

    async def token(_failure: ep.HandshakeError | None) -> str:
        nonlocal calls
        calls += 1
        if calls == 1:
            raise OSError("no network")
        if calls == 2:
            await asyncio.Future()
        return "good"

    async def play(stage: Stage) -> None:
        stage.client(token=token).subscribe("orders/42")
        await stage.clock.pass_time(0.3)
        assert calls == 2
        await stage.clock.pass_time(61)
        assert (calls, stage.server.tokens) == (3, ["good"])
        assert [error.code for error in stage.errors] == ["token_failed", "token_failed"]

    run(play)


@pytest.mark.parametrize("gives", [ep.GiveUpError("signed out"), None])
def test_a_token_function_that_gives_up_stops_everything(run: Run, gives: Exception | None) -> None:
    async def token(_failure: ep.HandshakeError | None) -> str:
        if gives:
            raise gives
        return None  # type: ignore[return-value]  # a mistake of the application

    async def play(stage: Stage) -> None:
        subscription = stage.client(token=token).subscribe("orders/42")
        with pytest.raises(ep.FailedError):
            await subscription.ready()
        with pytest.raises(ep.FailedError):
            await anext(subscription)
        await stage.clock.pass_time(3600)
        assert (stage.server.tokens, stage.push.state.name) == ([], "failed")
        with pytest.raises(ep.FailedError):
            stage.push.subscribe("orders/43")

    run(play)


def test_a_handshake_that_hangs_is_given_up(run: Run) -> None:
    async def play(stage: Stage) -> None:
        stage.server.hangs = True
        stage.push.subscribe("orders/42")
        await stage.clock.pass_time(29)
        assert stage.states == ["connecting"]
        await stage.clock.pass_time(1)
        assert stage.states == ["connecting", "waiting"]

    run(play)


def test_a_connection_that_opens_too_late_is_closed(run: Run) -> None:
    async def play(stage: Stage) -> None:
        opened = FakeSocket()

        async def connect(_url: str, _token: str | None) -> ep.Socket:
            try:
                await asyncio.Future()
            except asyncio.CancelledError:
                stage.server.sockets.append(opened)
            return opened

        stage.client(connect=connect).subscribe("orders/42")
        await stage.clock.pass_time(30)
        assert opened.closed

    run(play)


def test_a_rotation_leaves_no_gap(run: Run) -> None:
    async def play(stage: Stage) -> None:
        order = await stage.live()
        old = stage.server.socket
        await stage.clock.pass_time(0.9 * 110 * 60)
        assert len(stage.server.sockets) == 2
        await stage.send(update(5), on=old)
        assert await taken(order) == ["e.5"]
        await stage.send(update(7))
        assert not old.closed
        question = await stage.answer("e.6", update(5), update(6))
        assert question["since"] == "e.4"
        assert await taken(order) == ["e.6", "e.7"]
        assert old.closed
        assert stage.states == ["connecting", "connected"]
        assert order.state.name == "subscribed"

    run(play)


def test_a_rotation_waits_for_open_questions_of_the_old_connection(run: Run) -> None:
    async def play(stage: Stage) -> None:
        await stage.live()
        old = stage.server.socket
        await stage.clock.pass_time(0.9 * 110 * 60 - 1)
        publishing = asyncio.ensure_future(stage.push.publish("orders/42", 1))
        await settle()
        (asked,) = old.take()
        await stage.clock.pass_time(1)
        await stage.answer("e.4")
        assert not old.closed
        await stage.send({"type": "published", "id": "event", "requestId": asked["requestId"]}, on=old)
        assert (await publishing).id == "event"
        await settle()
        assert old.closed

    run(play)


def test_a_pattern_begins_anew_once_the_old_connection_is_closed(run: Run) -> None:
    async def play(stage: Stage) -> None:
        pattern = await stage.live("orders/*")
        order = stage.push.subscribe("orders/42")
        await settle()
        await stage.answer("e.4")
        old = stage.server.socket
        await stage.clock.pass_time(0.9 * 110 * 60)
        asked_pattern, asked_order = stage.server.socket.take()
        await stage.send(update(5), subscribed(asked_pattern, None), update(5), update(6))
        await stage.send(update(6), update(7), on=old)
        assert await taken(pattern) == ["e.5", "e.6", "e.7"]
        await stage.send(subscribed(asked_order, "e.4"))
        assert old.closed
        assert await taken(pattern) == [("reset", None)]
        assert await taken(order) == [("reset", None), "e.5", "e.6", "e.7"]

    run(play)


@pytest.mark.parametrize("code", ["token_expires", "made_up_tomorrow"])
def test_a_warning_opens_the_next_connection_first(run: Run, code: str) -> None:
    async def play(stage: Stage) -> None:
        await stage.live()
        old = stage.server.socket
        await stage.send({"type": "closing", "code": code, "reconnect": True})
        assert len(stage.server.sockets) == 2
        assert not old.closed
        await stage.answer("e.4")
        assert old.closed

    run(play)


def test_a_close_for_good_is_told(run: Run) -> None:
    async def play(stage: Stage) -> None:
        order = await stage.live()
        await stage.send({"type": "closing", "code": "gone_for_good", "reconnect": False})
        with pytest.raises(ep.FailedError) as failed:
            await anext(order)
        assert failed.value.code == "gone_for_good"
        await stage.clock.pass_time(3600)
        assert (len(stage.server.sockets), stage.push.state.name) == (1, "failed")

    run(play)


def test_a_close_for_good_counts_during_a_rotation(run: Run) -> None:
    async def play(stage: Stage) -> None:
        await stage.live()
        old = stage.server.socket
        await stage.clock.pass_time(0.9 * 110 * 60)
        assert len(stage.server.sockets) == 2
        await stage.send({"type": "closing", "code": "gone_for_good", "reconnect": False}, on=old)
        assert stage.push.state.name == "failed"

    run(play)


def test_an_expired_token_is_replaced(run: Run) -> None:
    async def play(stage: Stage) -> None:
        await stage.live()
        stage.push.subscribe("orders/43")
        await settle()
        (question,) = stage.server.socket.take()
        expired = {"type": "error", "code": "token_expired", "message": "It has ended."}
        await stage.send({**expired, "requestId": question["requestId"]})
        assert stage.server.socket.closed
        await stage.clock.pass_time(0.25)
        (question,) = stage.server.socket.take()
        assert question["entityIds"] == ["orders/42", "orders/43"]
        assert question["since"] == {"orders/42": "e.4"}

    run(play)


def test_silence_is_broken_by_a_ping_and_a_dead_connection_is_left(run: Run) -> None:
    async def play(stage: Stage) -> None:
        await stage.live()
        await stage.clock.pass_time(3000)
        assert len(stage.server.sockets) == 1  # pongs came
        stage.server.socket.pongs = False
        await stage.send(update(5))
        await stage.clock.pass_time(489)
        assert not stage.server.socket.closed
        await stage.clock.pass_time(1.5)
        assert len(stage.server.sockets) == 2

    run(play)


def test_after_a_sleep_of_hours_the_connection_is_tried_at_once(run: Run) -> None:
    async def play(stage: Stage) -> None:
        order = await stage.live()
        stage.server.socket.pongs = False
        await stage.clock.pass_time(60)
        await stage.clock.suspend(300)
        await stage.clock.pass_time(10.3)
        assert len(stage.server.sockets) == 2
        await stage.answer("e.5", update(5))
        assert await taken(order) == ["e.5"]

    run(play)


def test_white_space_around_a_frame_is_as_nothing(run: Run) -> None:
    async def play(stage: Stage) -> None:
        order = await stage.live()
        await stage.send(f"\n {json.dumps(update(5))} \n")
        assert await taken(order) == ["e.5"]

    run(play)


@pytest.mark.parametrize(
    "garbage",
    ["no JSON", '{"type":"pong"} and more', {"type": "Entity Updated"}, {**update(5), "cursor": 5}],
)
def test_a_garbled_frame_ends_the_connection_and_nothing_is_lost(run: Run, garbage: object) -> None:
    async def play(stage: Stage) -> None:
        order = await stage.live()
        await stage.send(garbage)
        assert [error.code for error in stage.errors] == ["invalid_frame"]
        await stage.clock.pass_time(0.3)
        await stage.answer("e.5", update(5))
        assert await taken(order) == ["e.5"]

    run(play)


@pytest.mark.parametrize(
    "unknown", [{"type": "made_up"}, {}, [1], "null", {"type": "subscribed", "requestId": "9"}]
)
def test_an_unknown_frame_changes_nothing(run: Run, unknown: object) -> None:
    async def play(stage: Stage) -> None:
        order = await stage.live()
        await stage.send(unknown, update(5))
        assert await taken(order) == ["e.5"]
        assert not stage.errors

    run(play)


@pytest.mark.parametrize("seconds", [0, 0.1, 0.25, 20])
def test_it_can_be_closed_at_any_moment(run: Run, seconds: float) -> None:
    async def play(stage: Stage) -> None:
        stage.server.refusals = [ep.HandshakeError("refused", 500)]
        order = stage.push.subscribe("orders/42")
        publishing = asyncio.ensure_future(stage.push.publish("orders/42", 1))
        iterating = asyncio.ensure_future(anext(order))
        if seconds:
            await stage.clock.pass_time(seconds)
        await asyncio.gather(stage.push.close(), stage.push.close())
        with pytest.raises(StopAsyncIteration):
            await iterating
        with pytest.raises((ep.ClosedError, ep.OutcomeUnknownError)):
            await publishing
        assert (stage.push.state.name, order.state.name) == ("closed", "closed")
        with pytest.raises(ep.ClosedError):
            stage.push.subscribe("orders/42")

    run(play)


def test_a_fault_of_the_client_itself_is_told(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    async def play(stage: Stage) -> None:
        monkeypatch.setattr("entity_push_client.client.Session", lambda *_a, **_k: 1 / 0)
        order = stage.push.subscribe("orders/42")
        with pytest.raises(ep.FailedError, match="ZeroDivisionError"):
            await anext(order)
        stage.server.sockets.clear()

    run(play)

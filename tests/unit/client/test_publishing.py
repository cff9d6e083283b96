"""Publishing: an id for each message, and no message twice without it."""

import asyncio
from typing import Any

import entity_push_client as ep
import pytest

from tests.unit.client.conftest import Run, Stage
from tests.unit.client.fakes import settle

Publishing = asyncio.Future[ep.Published]


async def _publish(stage: Stage, message: Any = 1) -> tuple[Publishing, dict[str, Any]]:
    publishing = asyncio.ensure_future(stage.push.publish("orders/42", message))
    await settle()
    (frame,) = stage.server.socket.take()
    return publishing, frame


def _published(frame: dict[str, Any], *, knows_ids: bool) -> dict[str, Any]:
    own = {"ownId": frame["id"]} if knows_ids else {}
    return {
        "type": "published",
        "entityId": "orders/42",
        "id": "event",
        **own,
        "requestId": frame["requestId"],
    }


def _error(frame: dict[str, Any], code: str) -> dict[str, Any]:
    return {"type": "error", "code": code, "message": "Oh.", "requestId": frame["requestId"]}


async def _knows_ids(stage: Stage) -> None:
    publishing, frame = await _publish(stage)
    await stage.send(_published(frame, knows_ids=True))
    assert (await publishing).own_id == frame["id"]


def test_frames_for_entities_rooms_and_everyone(run: Run) -> None:
    async def play(stage: Stage) -> None:
        works = [
            stage.push.publish("orders/42", {"a": 1}, id="mine"),
            stage.push.publish("rooms/r1", "é"),
            stage.push.publish(ep.Channel.EVERYONE, None),
        ]
        publishing = [asyncio.ensure_future(work) for work in works]
        await settle()
        frames = stage.server.socket.take()
        ids = {frame.pop("id") for frame in frames}
        assert len(ids) == 3
        assert "mine" in ids
        for frame in frames:
            await stage.send({"type": "published", "id": "event", "requestId": frame.pop("requestId")})
        assert frames == [
            {"action": "publish", "entityId": "orders/42", "message": {"a": 1}},
            {"action": "publish", "entityId": "rooms/r1", "message": "é"},
            {"action": "onMessage", "message": None},
        ]
        assert await asyncio.gather(*publishing) == [ep.Published("event", None)] * 3

    run(play)


def test_a_message_waits_for_a_connection(run: Run) -> None:
    async def play(stage: Stage) -> None:
        stage.server.refusals = [ep.HandshakeError("refused", 500)]
        publishing = asyncio.ensure_future(stage.push.publish("orders/42", 1))
        await stage.clock.pass_time(0.25)
        (frame,) = stage.server.socket.take()
        await stage.send(_published(frame, knows_ids=False))
        assert (await publishing).id == "event"

    run(play)


def test_a_lost_answer_is_unknown_unless_the_server_knows_ids(run: Run) -> None:
    async def play(stage: Stage) -> None:
        publishing, _ = await _publish(stage)
        await stage.cut()
        with pytest.raises(ep.OutcomeUnknownError) as unknown:
            await publishing
        assert unknown.value.code == "unknown_outcome"
        await stage.clock.pass_time(0.3)
        assert stage.server.socket.take() == []
        await _knows_ids(stage)
        publishing, first = await _publish(stage)
        await stage.cut()
        await stage.clock.pass_time(0.3)
        (again,) = stage.server.socket.take()
        assert again["id"] == first["id"]
        await stage.send(_published(again, knows_ids=True))
        assert (await publishing).id == "event"

    run(play)


@pytest.mark.parametrize("code", ["internal_error", "not_published"])
def test_an_error_that_may_pass_is_repeated_only_with_ids(run: Run, code: str) -> None:
    async def play(stage: Stage) -> None:
        publishing, frame = await _publish(stage)
        await stage.send(_error(frame, code))
        with pytest.raises(ep.OutcomeUnknownError) as unknown:
            await publishing
        assert unknown.value.code == code
        await _knows_ids(stage)
        publishing, frame = await _publish(stage)
        await stage.send(_error(frame, code))
        assert stage.server.socket.take() == []
        await stage.clock.pass_time(0.25)
        (again,) = stage.server.socket.take()
        await stage.send(_published(again, knows_ids=True))
        assert (await publishing).id == "event"

    run(play)


def test_an_answer_in_the_place_of_the_server_leaves_the_outcome_unknown(run: Run) -> None:
    async def play(stage: Stage) -> None:
        publishing, _ = await _publish(stage)
        await stage.send({"message": "Internal server error", "connectionId": "c", "requestId": "not ours"})
        with pytest.raises(ep.OutcomeUnknownError, match="Internal server error") as unknown:
            await publishing
        assert unknown.value.code == "unknown_outcome"

    run(play)


def test_silence_is_unknown_and_the_connection_is_tried(run: Run) -> None:
    async def play(stage: Stage) -> None:
        publishing, _ = await _publish(stage)
        stage.server.socket.pongs = False
        await stage.clock.pass_time(10)
        with pytest.raises(ep.OutcomeUnknownError):
            await publishing
        await stage.clock.pass_time(10.5)
        assert stage.server.sockets[0].closed

    run(play)


def test_silence_with_ids_is_asked_once_more_and_then_elsewhere(run: Run) -> None:
    async def play(stage: Stage) -> None:
        await _knows_ids(stage)
        publishing, first = await _publish(stage)
        await stage.clock.pass_time(10)
        (second,) = stage.server.socket.take()
        await stage.clock.pass_time(10.3)
        assert len(stage.server.sockets) == 2
        (third,) = stage.server.socket.take()
        assert first["id"] == second["id"] == third["id"]
        await stage.send(_published(third, knows_ids=True))
        assert (await publishing).id == "event"

    run(play)


def test_a_message_is_not_repeated_when_its_id_may_be_forgotten(run: Run) -> None:
    async def play(stage: Stage) -> None:
        await _knows_ids(stage)
        publishing, _ = await _publish(stage)
        stage.server.refusals = [ep.HandshakeError("refused", 500) for _ in range(30)]
        await stage.cut()
        await stage.clock.pass_time(600)
        assert stage.server.socket.take() == []
        with pytest.raises(ep.OutcomeUnknownError):
            await publishing

    run(play)


@pytest.mark.parametrize("code", ["token_expired", "connection_gone"])
def test_what_was_surely_not_followed_is_sent_again(run: Run, code: str) -> None:
    async def play(stage: Stage) -> None:
        publishing, frame = await _publish(stage)
        await stage.send(_error(frame, code))
        await stage.clock.pass_time(0.3)
        assert len(stage.server.sockets) == 2
        (again,) = stage.server.socket.take()
        await stage.send(_published(again, knows_ids=False))
        assert (await publishing).id == "event"

    run(play)


def test_a_refusal_has_the_code(run: Run) -> None:
    async def play(stage: Stage) -> None:
        publishing, frame = await _publish(stage)
        await stage.send(_error(frame, "forbidden"))
        with pytest.raises(ep.RefusedError) as refused:
            await publishing
        assert (refused.value.code, refused.value.about) == ("forbidden", "orders/42")

    run(play)


def test_what_can_not_be_sent_is_refused_at_once(run: Run) -> None:
    async def play(stage: Stage) -> None:
        with pytest.raises(ep.RefusedError) as refused:
            await stage.push.publish("orders/42", "x" * 128_000)
        assert refused.value.code == "frame_too_large"
        for message in (float("nan"), object()):
            with pytest.raises((TypeError, ValueError)):
                await stage.push.publish("orders/42", message)
        publishing, frame = await _publish(stage, "é" * 30_000)  # in several WebSocket frames
        assert frame["message"] == "é" * 30_000
        await stage.send(_published(frame, knows_ids=False))
        await publishing

    run(play)


def test_a_cancelled_message_is_forgotten(run: Run) -> None:
    async def play(stage: Stage) -> None:
        await _knows_ids(stage)
        publishing, _ = await _publish(stage)
        publishing.cancel()
        await settle()
        await stage.cut()
        await stage.clock.pass_time(1)
        assert stage.server.socket.take() == []

    run(play)

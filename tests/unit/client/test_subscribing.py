"""Subscriptions: what is asked, how one is shared, and what its consumer is given."""

import asyncio

import entity_push_client as ep
import pytest

from tests.unit.client.conftest import Run, Stage, taken
from tests.unit.client.fakes import settle, subscribed, update


def test_what_is_wanted_at_once_is_asked_in_frames_of_25(run: Run) -> None:
    async def play(stage: Stage) -> None:
        for number in range(60):
            stage.push.subscribe(f"orders/{number}")
        stage.push.subscribe("orders/*")
        stage.push.subscribe(ep.Channel.USER)
        await settle()
        pattern, user, *several = stage.server.socket.take()
        assert (pattern["entityId"], user["channel"]) == ("orders/*", "user")
        assert [len(frame["entityIds"]) for frame in several] == [25, 25, 10]
        assert not any("since" in frame for frame in several)

    run(play)


def test_the_server_is_asked_once_however_many_ask(run: Run) -> None:
    async def play(stage: Stage) -> None:
        first = await stage.live()
        await stage.send(update(5))
        second = stage.push.subscribe("orders/42")
        assert await taken(second) == [("reset", None)]
        await stage.send(update(6))
        assert (await taken(first), await taken(second)) == (["e.5", "e.6"], ["e.6"])
        first.close()
        await stage.send(update(7))
        assert await taken(second) == ["e.7"]
        assert stage.server.socket.take() == []
        second.close()
        third = stage.push.subscribe("orders/42")  # in the same turn: nothing is left
        await settle()
        assert stage.server.socket.take() == []
        third.close()
        await settle()
        (left,) = stage.server.socket.take()
        assert (left["action"], left["entityId"]) == ("unsubscribe", "orders/42")

    run(play)


def test_a_late_subscription_is_told_the_latest_update(run: Run) -> None:
    async def play(stage: Stage) -> None:
        await stage.live()
        await stage.send(update(5))
        reset = await anext(stage.push.subscribe("orders/42"))
        assert isinstance(reset, ep.Reset)
        assert (reset.cursor, reset.latest and reset.latest.message) == ("e.5", 5)

    run(play)


def test_subscribing_waits_for_the_answer_to_unsubscribe(run: Run) -> None:
    async def play(stage: Stage) -> None:
        (await stage.live()).close()
        await settle()
        (left,) = stage.server.socket.take()
        again = stage.push.subscribe("orders/42")
        await stage.send(update(5))
        assert stage.server.socket.take() == []
        await stage.send({"type": "unsubscribed", "wasSubscribed": True, "requestId": left["requestId"]})
        question = await stage.answer("e.5")
        assert question["action"] == "subscribe"
        assert await taken(again) == [("reset", None)]

    run(play)


def test_unsubscribing_while_subscribing_asks_one_thing_after_the_other(run: Run) -> None:
    async def play(stage: Stage) -> None:
        order = stage.push.subscribe("orders/42")
        await settle()
        order.close()
        await settle()
        (question,) = stage.server.socket.take()
        await stage.send(subscribed(question, "e.4"))
        (left,) = stage.server.socket.take()
        assert left["action"] == "unsubscribe"
        with pytest.raises(StopAsyncIteration):
            await anext(order)
        with pytest.raises(ep.ClosedError):
            await order.ready()

    run(play)


def test_an_answer_that_does_not_come_is_asked_for_once_more_and_then_elsewhere(run: Run) -> None:
    async def play(stage: Stage) -> None:
        stage.push.subscribe("orders/42")
        await stage.clock.pass_time(9.9)
        assert len(stage.server.socket.take()) == 1
        await stage.clock.pass_time(0.2)
        assert len(stage.server.socket.take()) == 1
        assert len(stage.server.sockets) == 1
        await stage.clock.pass_time(10.3)
        assert len(stage.server.sockets) == 2
        assert len(stage.server.socket.take()) == 1

    run(play)


def test_a_hole_is_asked_about_after_a_short_wait(run: Run) -> None:
    async def play(stage: Stage) -> None:
        order = await stage.live()
        await stage.send(update(6))
        await stage.clock.pass_time(0.19)
        assert stage.server.socket.take() == []
        await stage.clock.pass_time(0.01)
        assert (await stage.answer("e.6", update(5), update(6)))["since"] == "e.4"
        assert await taken(order) == ["e.5", "e.6"]

    run(play)


def test_pages_are_asked_for_one_after_the_other(run: Run) -> None:
    async def play(stage: Stage) -> None:
        order = await stage.live()
        await stage.cut()
        await stage.clock.pass_time(0.3)
        await stage.answer("e.5", update(5), more=True)
        assert order.state == ep.SubscriptionState("stale")
        assert (await stage.answer("e.6", update(6)))["since"] == "e.5"
        assert order.state == ep.SubscriptionState("subscribed")
        assert await taken(order) == ["e.5", "e.6"]

    run(play)


@pytest.mark.parametrize("code", ["forbidden", "too_many_subscriptions", "invalid_entity_id"])
def test_a_refusal_ends_the_subscription_and_is_not_asked_again(run: Run, code: str) -> None:
    async def play(stage: Stage) -> None:
        order = stage.push.subscribe("orders/42")
        await settle()
        (question,) = stage.server.socket.take()
        await stage.send(
            {"type": "error", "code": code, "message": "No.", "requestId": question["requestId"]}
        )
        with pytest.raises(ep.RefusedError) as refused:
            async for _ in order:
                pass
        assert (refused.value.code, str(refused.value), refused.value.about) == (code, "No.", "orders/42")
        with pytest.raises(ep.RefusedError):
            await order.ready()
        assert order.state.name == "refused"
        await stage.cut()
        await stage.clock.pass_time(0.3)
        assert stage.server.socket.take() == []

    run(play)


def test_errors_inside_answers_are_each_for_their_entity(run: Run) -> None:
    async def play(stage: Stage) -> None:
        orders = [stage.push.subscribe(f"orders/{number}") for number in range(4)]
        await settle()
        (question,) = stage.server.socket.take()
        error = {"type": "error", "message": "Oh."}
        answers = [
            {**error, "code": "forbidden", "entityId": "orders/0"},
            {**error, "code": "internal_error", "entityId": "orders/1"},
            subscribed({"entityId": "orders/2", "requestId": ""}, "e.4"),
            {**error, "code": "invalid_cursor", "entityId": "orders/3"},
        ]
        await stage.send({"type": "answers", "answers": answers, "requestId": question["requestId"]})
        assert [order.state.name for order in orders] == ["refused", "subscribing", "subscribed", "refused"]
        assert stage.server.socket.take() == []
        await stage.clock.pass_time(0.25)
        assert (await stage.answer("e.9"))["entityId"] == "orders/1"
        assert orders[1].state.name == "subscribed"

    run(play)


def test_a_cursor_that_is_not_taken_is_left_out(run: Run) -> None:
    async def play(stage: Stage) -> None:
        order = stage.push.subscribe("orders/42", since="e.4")
        await settle()
        (question,) = stage.server.socket.take()
        assert question["since"] == "e.4"
        error = {"type": "error", "code": "invalid_cursor", "message": "No cursor."}
        await stage.send({**error, "requestId": question["requestId"]})
        assert "since" not in await stage.answer("f.1")
        assert await taken(order) == [("reset", None)]

    run(play)


@pytest.mark.parametrize("sentence", ["Internal server error", "Too Many Requests"])
def test_an_answer_that_names_no_question_makes_all_be_asked_again_later(run: Run, sentence: str) -> None:
    async def play(stage: Stage) -> None:
        order = stage.push.subscribe("orders/42")
        await settle()
        (first,) = stage.server.socket.take()
        await stage.send({"message": sentence, "connectionId": "c", "requestId": "not ours"})
        assert stage.server.socket.take() == []
        await stage.clock.pass_time(0.25)
        assert await stage.answer("e.4") == first
        assert [(error.code, str(error)) for error in stage.errors] == [("gateway_error", sentence)]
        assert await taken(order) == [("reset", None)]

    run(play)


def test_a_cursor_of_before_goes_on_without_a_reset(run: Run) -> None:
    async def play(stage: Stage) -> None:
        order = stage.push.subscribe("orders/42", since="e.4")
        assert order.cursor == "e.4"
        await settle()
        await stage.answer("e.5", update(5))
        await stage.send(update(6))
        assert order.cursor == "e.4"  # nothing was taken yet
        assert await taken(order) == ["e.5", "e.6"]
        assert order.cursor == "e.6"
        with pytest.raises(ValueError, match="not a cursor"):
            stage.push.subscribe("orders/43", since="yesterday")

    run(play)


def test_what_was_closed_before_the_connection_was_lost_is_asked_for_as_something_new(run: Run) -> None:
    async def play(stage: Stage) -> None:
        (await stage.live()).close()
        await settle()
        (left,) = stage.server.socket.take()
        assert left["action"] == "unsubscribe"
        await stage.cut()  # before the answer
        order = stage.push.subscribe("orders/42", since="e.4")
        await stage.clock.pass_time(0.3)
        assert (await stage.answer("e.5", update(5)))["since"] == "e.4"
        assert await taken(order) == ["e.5"]

    run(play)


def test_what_was_closed_while_its_question_was_to_be_asked_again_is_forgotten(run: Run) -> None:
    async def play(stage: Stage) -> None:
        first, _second = stage.push.subscribe("orders/42"), stage.push.subscribe("orders/43")
        await settle()
        (question,) = stage.server.socket.take()
        answers = [
            {"type": "error", "code": "internal_error", "message": "Oh.", "entityId": "orders/42"},
            subscribed({"entityId": "orders/43", "requestId": ""}, "e.4"),
        ]
        await stage.send({"type": "answers", "answers": answers, "requestId": question["requestId"]})
        first.close()
        await stage.clock.pass_time(0.25)
        assert stage.server.socket.take() == []
        order = stage.push.subscribe("orders/42", since="e.4")
        await settle()
        assert (await stage.answer("e.5", update(5)))["since"] == "e.4"
        assert await taken(order) == ["e.5"]

    run(play)


def test_a_slow_consumer_gets_a_reset_in_the_place_of_what_it_missed(run: Run) -> None:
    async def play(stage: Stage) -> None:
        states = iter(["first", "second"])

        async def get_state() -> str:
            return next(states)

        stage.client(max_held=3)
        order = stage.push.subscribe("orders/42", get_state=get_state)
        await settle()
        await stage.answer("e.4")
        assert await taken(order) == [("reset", "first")]
        await stage.send(*map(update, range(5, 9)))
        reset = await anext(order)
        assert isinstance(reset, ep.Reset)
        assert (reset.state, reset.cursor, reset.latest and reset.latest.cursor) == ("second", "e.8", "e.8")
        await stage.send(update(9))
        assert await taken(order) == ["e.9"]
        assert stage.server.socket.take() == []

    run(play)


def test_a_state_that_fails_is_fetched_again_and_updates_wait(run: Run) -> None:
    async def play(stage: Stage) -> None:
        outcomes = iter([OSError("no network"), ValueError("odd"), "the state"])

        async def get_state() -> str:
            outcome = next(outcomes)
            if isinstance(outcome, Exception):
                raise outcome
            return str(outcome)

        order = stage.push.subscribe("orders/42", get_state=get_state)
        await settle()
        await stage.answer("e.4")
        await stage.send(update(5))
        iterating = asyncio.ensure_future(anext(order))
        await stage.clock.pass_time(0.25)
        assert not iterating.done()
        await stage.clock.pass_time(0.5)
        assert (await iterating).state == "the state"  # type: ignore[union-attr]
        assert await taken(order) == ["e.5"]
        assert [error.code for error in stage.errors] == ["get_state_failed", "get_state_failed"]

    run(play)


def test_a_state_may_give_up(run: Run) -> None:
    async def play(stage: Stage) -> None:
        async def get_state() -> str:
            raise ep.GiveUpError("no such order")

        order = stage.push.subscribe("orders/42", get_state=get_state)
        await settle()
        await stage.answer("e.4")
        with pytest.raises(ep.FailedError, match="no such order"):
            await anext(order)
        await settle()
        assert stage.server.socket.take()[0]["action"] == "unsubscribe"

    run(play)


def test_a_state_of_before_a_newer_reset_is_not_shown(run: Run) -> None:
    async def play(stage: Stage) -> None:
        states = [asyncio.get_running_loop().create_future() for _ in range(2)]
        waiting = iter(states)
        order = stage.push.subscribe("orders/42", get_state=lambda: next(waiting))
        await settle()
        await stage.answer("e.4")
        iterating = asyncio.ensure_future(anext(order))
        await settle()
        await stage.send(update(5))
        await stage.cut()
        await stage.clock.pass_time(0.3)
        await stage.answer("f.1")
        states[0].set_result("old")
        await settle()
        assert not iterating.done()
        states[1].set_result("new")
        reset = await iterating
        assert (isinstance(reset, ep.Reset) and reset.state, reset.cursor) == ("new", "f.1")
        assert await taken(order) == []

    run(play)


def test_a_cancelled_iteration_loses_nothing(run: Run) -> None:
    async def play(stage: Stage) -> None:
        calls = 0

        async def get_state() -> int:
            nonlocal calls
            calls += 1
            if calls == 1:
                await asyncio.Future()
            return calls

        order = stage.push.subscribe("orders/42", get_state=get_state)
        await settle()
        await stage.answer("e.4")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(anext(order), 0.01)
        assert await taken(order) == [("reset", 2)]
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(anext(order), 0.01)
        await stage.send(update(5))
        assert await taken(order) == ["e.5"]

    run(play)


def test_a_hung_state_does_not_hold_the_end_up(run: Run) -> None:
    async def play(stage: Stage) -> None:
        order = stage.push.subscribe("orders/42", get_state=asyncio.Event().wait)
        await settle()
        await stage.answer("e.4")
        iterating = asyncio.ensure_future(anext(order))
        await settle()
        order.close()
        with pytest.raises(StopAsyncIteration):
            await iterating

    run(play)


def test_two_tasks_do_not_share_an_iteration(run: Run) -> None:
    async def play(stage: Stage) -> None:
        order = stage.push.subscribe("orders/42")
        iterating = asyncio.ensure_future(anext(order))
        await settle()
        with pytest.raises(RuntimeError):
            await anext(order)
        iterating.cancel()

    run(play)


def test_a_message_that_is_not_as_expected_is_told_and_the_next_follows(run: Run) -> None:
    async def play(stage: Stage) -> None:
        order = await stage.live(parse=lambda message: 10 // message)
        await stage.send({**update(5), "message": 0}, {**update(6), "message": 5})
        with pytest.raises(ep.InvalidMessageError) as invalid:
            await anext(order)
        assert (invalid.value.code, invalid.value.frame["cursor"]) == ("parse_failed", "e.5")
        change = await anext(order)
        assert isinstance(change, ep.Update)
        assert (change.message, change.cursor) == (2, "e.6")

    run(play)


def test_an_entity_and_a_pattern_are_served_by_one_frame(run: Run) -> None:
    async def play(stage: Stage) -> None:
        pattern, everything = await stage.live("orders/*"), await stage.live("*")
        order = await stage.live()
        other = await stage.live("orders2/1")
        await stage.send(update(5), update(5), update(5, entity_id="orders2/1"), update(7))
        assert await taken(order) == ["e.5"]
        assert await taken(pattern) == ["e.5", "e.7"]
        assert len(await taken(everything)) == 3
        assert await taken(other) == ["e.5"]

    run(play)


def test_channels_and_rooms_are_subscriptions_as_others(run: Run) -> None:
    async def play(stage: Stage) -> None:
        user, everyone = stage.push.subscribe(ep.Channel.USER), stage.push.subscribe(ep.Channel.EVERYONE)
        room = stage.push.subscribe("rooms/r1")
        await settle()
        questions = stage.server.socket.take()
        assert [q.get("channel") or q["entityId"] for q in questions] == ["user", "everyone", "rooms/r1"]
        await stage.send(*(subscribed(question, "e.4") for question in questions))
        frame = {name: value for name, value in update(5).items() if name != "entityId"}
        await stage.send({**frame, "type": "User Push Notification"}, {**frame, "type": "Broadcast"})
        await stage.send(update(5, entity_id="rooms/r1"))
        for one in (user, everyone, room):
            assert await taken(one) == [("reset", None), "e.5"]
        user.close()
        everyone.close()
        await settle()
        (left,) = stage.server.socket.take()  # a connection stays in its user's channel
        assert (left["action"], left["channel"]) == ("unsubscribe", "everyone")

    run(play)


def test_states_are_told_and_a_callback_that_raises_stops_nobody(run: Run) -> None:
    async def play(stage: Stage) -> None:
        told: list[str] = []

        def on_state(state: ep.SubscriptionState) -> None:
            told.append(state.name)
            raise ZeroDivisionError

        async with stage.push.subscribe("orders/42", on_state=on_state) as order:
            await settle()
            await stage.answer("e.4")
            await order.ready()
            await stage.cut()
            await stage.clock.pass_time(0.3)
            await stage.answer("e.4")
        assert told == ["subscribed", "stale", "subscribed", "closed"]

    run(play)


@pytest.mark.parametrize("end", ["refused", "closed"])
def test_a_subscription_that_ends_may_close_another_one(run: Run, end: str) -> None:
    async def play(stage: Stage) -> None:
        def on_state(state: ep.SubscriptionState) -> None:
            if state.name == end:
                other.close()

        first = stage.push.subscribe("orders/42", on_state=on_state)
        other = stage.push.subscribe("orders/42")
        await settle()
        (question,) = stage.server.socket.take()
        if end == "refused":
            error = {"type": "error", "code": "forbidden", "message": "No."}
            await stage.send({**error, "requestId": question["requestId"]})
            assert stage.push.state.name == "connected"
        else:
            await stage.push.close()
            assert stage.push.state.name == "closed"
        assert (first.state.name, other.state.name) == (end, "closed")

    run(play)

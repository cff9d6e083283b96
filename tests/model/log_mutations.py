"""Mutations of the log's code: each breaks one of its rules, and the model has to notice.

The rules by number are in docs/explanation/data-model.md.
"""

import contextlib
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any
from unittest import mock

from entity_push.protocol.catch_up import CatchUp
from entity_push.protocol.cursors import Cursor
from entity_push.protocol.events import Event, OwnId
from entity_push.protocol.frames import Frame
from entity_push.routes import replay
from entity_push.table import history, keys, log
from entity_push.table.calls import call
from entity_push.table.history import Appended, History, Tail
from entity_push.table.log import Life, Log, Segment, Stored
from entity_push.table.memory import Memory
from entity_push.table.no_history import NoHistory

from tests.model.log_world import REPLAY_SECONDS, LogWorld

LogMutation = Callable[[LogWorld], "contextlib.AbstractContextManager[Any]"]


def _instead(owner: Any, name: str, other: Any) -> "contextlib.AbstractContextManager[Any]":
    return mock.patch.object(owner, name, other)


# The put itself


@contextlib.contextmanager
def a_segment_is_put_without_condition(world: LogWorld) -> Iterator[None]:
    def change(name: str, parameters: dict[str, Any]) -> None:
        if name == "put_item" and parameters["Item"]["sk"]["S"].startswith(keys.LOG):
            parameters.pop("ConditionExpression")

    world.change = change
    yield


def a_segment_has_the_key_of_its_last_number(_world: LogWorld) -> Any:
    def key(channel: str, segment: Segment) -> dict[str, Any]:
        return keys.segment(channel, segment.epoch, max(segment.last, segment.first))

    to_item = Segment.to_item
    return _instead(
        Segment, "to_item", lambda self, channel: {**to_item(self, channel), **key(channel, self)}
    )


def a_life_begins_without_condition(world: LogWorld) -> Any:
    def change(name: str, parameters: dict[str, Any]) -> None:
        if name == "put_item" and parameters["Item"]["sk"]["S"] == keys.LIFE:
            parameters.pop("ConditionExpression")

    return _instead(world, "change", change)


def an_expired_life_counts_as_living(_world: LogWorld) -> Any:
    life = Log.life

    async def living(self: Log, channel: str) -> Life | None:
        found = await life(self, channel)
        return Life(found.epoch, 2**33) if found else None

    return _instead(Log, "life", living)


# Rule 1


def a_segment_expires_with_its_own_age(world: LogWorld) -> Any:
    def change(_name: str, parameters: dict[str, Any]) -> None:
        for put in [parameters, *(action.get("Put", {}) for action in parameters.get("TransactItems", []))]:
            if "at" in put.get("Item", {}):
                at = int(put["Item"]["at"]["N"]) // 1000
                put["Item"]["ttl"] = {"N": str(at + REPLAY_SECONDS)}

    return _instead(world, "change", change)


def a_segment_expires_with_its_life(_world: LogWorld) -> Any:
    return _instead(log, "MARGIN_SECONDS", 0)


def a_segment_does_not_carry_the_highest_version(_world: LogWorld) -> Any:
    segment = History._segment

    def forgetful(self: History, known: Memory, updates: Sequence[Stored]) -> Segment:
        return segment(self, Memory(known.epoch, known.ends, known.at, known.last), updates)

    return _instead(History, "_segment", forgetful)


# Rules 2 to 4


@contextlib.contextmanager
def a_life_is_never_refreshed(_world: LogWorld) -> Iterator[None]:
    async def alone(self: Log, channel: str, segment: Segment) -> Segment | None:
        return await self.append(channel, segment)

    with _instead(Log, "append_and_refresh", alone):
        yield


async def _refresh(channel: str, segment: Segment) -> None:
    await call(
        "transact_write_items",
        TransactItems=[
            {"Put": {"TableName": "table", "Item": {**keys.connection("-"), "ttl": {"N": "0"}}}},
            {
                "Update": {
                    "TableName": "table",
                    "Key": keys.life(channel),
                    "UpdateExpression": "SET #ttl = :ends",
                    "ConditionExpression": "epoch = :epoch AND #ttl <= :ends",
                    "ExpressionAttributeNames": {"#ttl": "ttl"},
                    "ExpressionAttributeValues": {
                        ":epoch": {"S": segment.epoch},
                        ":ends": {"N": str(segment.life_ends)},
                    },
                }
            },
        ],
    )


def a_life_is_refreshed_before_the_put(_world: LogWorld) -> Any:
    async def apart(self: Log, channel: str, segment: Segment) -> Segment | None:
        await _refresh(channel, segment)
        return await self.append(channel, segment)

    return _instead(Log, "append_and_refresh", apart)


def a_life_is_refreshed_after_the_put(_world: LogWorld) -> Any:
    async def apart(self: Log, channel: str, segment: Segment) -> Segment | None:
        found = await self.append(channel, segment)
        if found is None:
            await _refresh(channel, segment)
        return found

    return _instead(Log, "append_and_refresh", apart)


@contextlib.contextmanager
def a_memory_is_trusted_for_ever(_world: LogWorld) -> Iterator[None]:
    with _instead(history, "TRUST_SECONDS", 1e9), _instead(history, "FORGOTTEN_SECONDS", 1e9):
        yield


# Rule 5


def off_deletes_the_life(_world: LogWorld) -> Any:
    async def delete(_self: NoHistory, channel: str) -> None:
        await call("delete_item", TableName="table", Key=keys.life(channel))

    return _instead(NoHistory, "seal", delete)


def off_ends_nothing(_world: LogWorld) -> Any:
    async def nothing(_self: NoHistory, _channel: str) -> None:
        pass

    return _instead(NoHistory, "seal", nothing)


def a_seal_expires_with_its_life(_world: LogWorld) -> Any:
    to_item = Segment.to_item

    def early(self: Segment, channel: str) -> dict[str, Any]:
        ends = {"ttl": {"N": str(self.life_ends - REPLAY_SECONDS)}} if self.is_seal else {}
        return {**to_item(self, channel), **ends}

    return _instead(Segment, "to_item", early)


# Rules 6 and 7


@contextlib.contextmanager
def _judging(judge: Callable[..., list[Stored]]) -> Iterator[None]:
    with _instead(history, "_judge", judge):
        yield


def versions_go_before_ids(_world: LogWorld) -> Any:
    judge = history._judge

    def versions_first(
        known: Memory, todo: dict[Any, Event], stored: Mapping[Any, Stored], appended: Appended
    ) -> list[Stored]:
        for identity, event in list(todo.items()):
            if history._superseded(event.version, known.version):
                appended.superseded.append(event)
                del todo[identity]
        return judge(known, todo, stored, appended)

    return _judging(versions_first)


def a_neighbour_in_the_batch_counts_as_stored(_world: LogWorld) -> Any:
    judge = history._judge

    def hasty(
        known: Memory, todo: dict[Any, Event], stored: Mapping[Any, Stored], appended: Appended
    ) -> list[Stored]:
        part = judge(known, todo, stored, appended)
        highest = max((update.version for update in part if update.version is not None), default=None)
        for identity, event in list(todo.items()):
            if stored[identity] not in part and history._superseded(event.version, highest):
                appended.superseded.append(event)
                del todo[identity]
        return part

    return _judging(hasty)


def a_loser_does_not_judge_versions_anew(_world: LogWorld) -> Any:
    async def after_others(_self: History, _channel: str, known: Memory, _refusals: int) -> Memory:
        known.version = None
        return known

    return _instead(History, "_after_others", after_others)


def a_loser_does_not_learn_the_winners_ids(_world: LogWorld) -> Any:
    put = History._put

    async def ignorant(self: History, channel: str, known: Memory, segment: Segment) -> bool:
        done = await put(self, channel, known, segment)
        if not done:
            known._numbers.clear()
            known._times.clear()
        return done

    return _instead(History, "_put", ignorant)


# Rule 8


def nobody_looks_back(_world: LogWorld) -> Any:
    async def nothing(_self: History, _channel: str, _known: Memory, _events: Iterable[Event]) -> None:
        pass

    return _instead(History, "_look_back", nothing)


def the_look_back_trusts_the_events_time(_world: LogWorld) -> Any:
    return _instead(history, "_first_delivered", lambda event: event.time - history.SLACK_SECONDS)


def the_look_back_trusts_the_time_of_sending(_world: LogWorld) -> Any:
    return _instead(history, "_first_delivered", lambda event: event.sent_at / 1000 - history.SLACK_SECONDS)


def the_look_back_has_no_five_minutes_for_an_own_id(_world: LogWorld) -> Any:
    def short(event: Event) -> float:
        return min(event.time, event.sent_at / 1000) - 60

    return _instead(history, "_first_delivered", short)


def a_lapsed_memory_keeps_its_ids_and_skips_to_the_tail(world: LogWorld) -> Any:
    async def skip(self: History, channel: str, known: Memory) -> Memory:
        tail = await self._log.tail(channel, known.epoch)
        if tail is None or tail.is_seal:
            return await self._read(channel)
        if tail.last > known.last:
            known.last = tail.first - 1
            known.add(tail)
        known.at = world.clock.time()
        return known

    return _instead(History, "_read_on", skip)


# Rules 9 to 12


def a_catch_up_does_not_read_the_segment_that_holds_its_place(_world: LogWorld) -> Any:
    async def since(
        self: History, channel: str, cursor: Cursor, tail: Tail
    ) -> AsyncIterator[tuple[int, Frame]]:
        found = self._log.between(channel, cursor.epoch, cursor.sequence + 1, tail.sequence, at_a_time=2)
        async for segment in found:
            for numbered in segment.numbered(cursor.sequence):
                yield numbered

    return _instead(History, "since", since)


def a_catch_up_reads_the_tail_alone(_world: LogWorld) -> Any:
    async def since(
        _self: History, _channel: str, cursor: Cursor, tail: Tail
    ) -> AsyncIterator[tuple[int, Frame]]:
        assert tail.segment
        for number, frame in tail.segment.numbered(cursor.sequence):
            yield number, frame

    return _instead(History, "since", since)


def a_memory_is_kept_before_the_put(_world: LogWorld) -> Any:
    append = Log.append

    async def early(self: History, channel: str, known: Memory, segment: Segment) -> bool:
        known.add(segment)
        self._memories.keep(channel, known)
        found = await append(self._log, channel, segment)
        return found is None

    return _instead(History, "_put", early)


def own_ids_mean_nothing(_world: LogWorld) -> Any:
    return _instead(Memory, "repeats", lambda _self, _event, _seconds: False)


def anybodys_own_id_counts(_world: LogWorld) -> Any:
    def of_anybody(event: Event | Stored) -> OwnId | None:
        return ("", "", event.frame["ownId"]) if event.sender else None

    stack = contextlib.ExitStack()
    stack.enter_context(_instead(Event, "own_id", property(of_anybody)))
    stack.enter_context(_instead(Stored, "own_id", property(of_anybody)))
    return stack


def recovered_is_told_without_a_look_at_the_numbers(_world: LogWorld) -> Any:
    async def catch_up(past: Any, channel: str, since: Cursor | None, **_others: Any) -> CatchUp:
        tail = await past.tail(channel, begin=True)
        if since is None or since.epoch != tail.cursor.epoch:
            return CatchUp(tail.cursor)
        updates = [frame async for _, frame in past.since(channel, since, tail)]
        return CatchUp(tail.cursor, recovered=True, updates=updates)

    return _instead(replay, "catch_up", catch_up)


LOG_MUTATIONS: list[LogMutation] = [
    a_segment_is_put_without_condition,
    a_segment_has_the_key_of_its_last_number,
    a_life_begins_without_condition,
    an_expired_life_counts_as_living,
    a_segment_expires_with_its_own_age,
    a_segment_expires_with_its_life,
    a_segment_does_not_carry_the_highest_version,
    a_life_is_never_refreshed,
    a_life_is_refreshed_before_the_put,
    a_life_is_refreshed_after_the_put,
    a_memory_is_trusted_for_ever,
    off_deletes_the_life,
    off_ends_nothing,
    a_seal_expires_with_its_life,
    versions_go_before_ids,
    a_neighbour_in_the_batch_counts_as_stored,
    a_loser_does_not_judge_versions_anew,
    a_loser_does_not_learn_the_winners_ids,
    nobody_looks_back,
    the_look_back_trusts_the_events_time,
    the_look_back_trusts_the_time_of_sending,
    the_look_back_has_no_five_minutes_for_an_own_id,
    a_lapsed_memory_keeps_its_ids_and_skips_to_the_tail,
    a_catch_up_does_not_read_the_segment_that_holds_its_place,
    a_catch_up_reads_the_tail_alone,
    a_memory_is_kept_before_the_put,
    own_ids_mean_nothing,
    anybodys_own_id_counts,
    recovered_is_told_without_a_look_at_the_numbers,
]

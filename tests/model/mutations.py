"""Mutations: ways to break the code, each of which the model has to notice."""

import contextlib
import threading
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from typing import Any
from unittest import mock

from entity_push.protocol.catch_up import CatchUp
from entity_push.protocol.channels import EVERYONE, everyone_list, is_entity, subscriber_lists
from entity_push.protocol.events import Event
from entity_push.push.batch import Numbers
from entity_push.routes import replay
from entity_push.runtime.json_client import Call
from entity_push.table import subscribers as subscribers_module
from entity_push.table.calls import at_once
from entity_push.table.connections import Connection
from entity_push.table.history import Appended
from entity_push.table.keys import Item
from entity_push.table.subscribers import NEVER, Page, Subscribers
from entity_push.table.subscriptions import Outcome, Subscribed
from entity_push_client.changes import Frame
from entity_push_client.ordering import EntityOrder

from tests.model.world import TABLE, World

Mutation = Callable[[World], "contextlib.AbstractContextManager[Any]"]


class _ReadsEarly:
    """Numbers that read the subscribers before they store, and the subscribers as read then."""

    def __init__(self, subscribers: Subscribers, numbers: Numbers):
        self._subscribers, self._numbers = subscribers, numbers
        self._seen: dict[str, list[Page]] = {}

    async def append(self, events: Sequence[Event]) -> Appended:
        channel = events[0].channel
        self._seen[channel] = [page async for page in self._subscribers.pages(channel)]
        return await self._numbers.append(events)

    async def pages(self, channel: str, **_from: Any) -> AsyncIterator[Page]:
        for page in self._seen[channel]:
            yield page


@contextlib.contextmanager
def push_reads_subscribers_before_it_stores(world: World) -> Iterator[None]:
    def early(subscribers: Subscribers, numbers: Numbers) -> tuple[Any, Any]:
        both = _ReadsEarly(subscribers, numbers)
        return both, both

    world.push_parts = early
    world.start_workers()
    yield


@contextlib.contextmanager
def subscribe_reads_history_before_it_subscribes(world: World) -> Iterator[None]:
    module = world.routes["subscribe"]
    subscribe = module._subscribe
    asked = threading.local()  # each actor has a thread of its own

    def later(connection: Connection, channels: list[str]) -> Subscribed:
        asked.arguments, asked.left = (connection, channels), len(channels)
        return Subscribed(dict.fromkeys(channels, Outcome.SUBSCRIBED), may_begin=True)

    class Early(replay.Retelling):
        def of(self, *arguments: Any, **others: Any) -> CatchUp:
            told = super().of(*arguments, **others)
            asked.left -= 1
            if not asked.left:
                subscribe(*asked.arguments)
            return told

    module._subscribe, module.Retelling = later, Early
    yield


@contextlib.contextmanager
def subscriptions_are_put_whether_or_not_there_is_a_connection(world: World) -> Iterator[None]:
    def change(_name: str, parameters: dict[str, Any]) -> None:
        for action in parameters.get("TransactItems", ()):
            if "Update" in action and action["Update"]["Key"]["sk"]["S"] == "CONNECTION":
                condition = action["Update"]["ConditionExpression"]
                action["Update"]["ConditionExpression"] = condition.replace(
                    "attribute_exists(pk)", "(attribute_exists(pk) OR attribute_not_exists(pk))"
                )

    world.dynamodb.change = change
    yield


@contextlib.contextmanager
def several_are_written_one_by_one(world: World) -> Iterator[None]:
    transact = world.dynamodb.transact_write_items

    def halves(TransactItems: list[dict[str, Any]]) -> None:  # noqa: N803 - AWS's name
        of_connection = "Update" in TransactItems[0] and TransactItems[0]["Update"]["Key"]["sk"]["S"]
        if of_connection != "CONNECTION":
            transact(TransactItems=TransactItems)
            return
        transact(TransactItems=TransactItems[:1])
        transact(TransactItems=TransactItems[1:])

    world.dynamodb.transact_write_items = halves  # type: ignore[attr-defined]
    yield


@contextlib.contextmanager
def lists_and_logs_are_read_eventually_consistent(world: World) -> Iterator[None]:
    def change(name: str, parameters: dict[str, Any]) -> None:
        if name == "query":  # were a connection's own item read so, too, hardly a client could subscribe
            parameters.pop("ConsistentRead", None)

    world.dynamodb.change = change
    yield


@contextlib.contextmanager
def what_is_left_unread_has_no_more(_world: World) -> Iterator[None]:
    with mock.patch.object(replay, "_unread", lambda since: CatchUp(since, recovered=True)):
        yield


def _with_lists(change: Callable[[str, list[str]], list[str]]) -> "contextlib.AbstractContextManager[Any]":
    """Change the lists of subscribers that a push reads."""
    return mock.patch.object(
        subscribers_module, "subscriber_lists", lambda channel: change(channel, subscriber_lists(channel))
    )


@contextlib.contextmanager
def push_forgets_a_level_of_patterns(_world: World) -> Iterator[None]:
    with _with_lists(lambda channel, lists: lists[:-1] if is_entity(channel) else lists):
        yield


@contextlib.contextmanager
def push_forgets_one_of_everyones_lists(_world: World) -> Iterator[None]:
    forgotten = everyone_list("connection-1")
    with _with_lists(
        lambda channel, lists: [name for name in lists if channel != EVERYONE or name != forgotten]
    ):
        yield


@contextlib.contextmanager
def merging_drops_what_lies_beyond_the_frontier(_world: World) -> Iterator[None]:
    async def read(calls: Iterable[Call]) -> list[Item]:
        answers = await at_once(calls)
        ends = [answer["LastEvaluatedKey"]["sk"]["S"] for answer in answers if "LastEvaluatedKey" in answer]
        for answer in answers if ends else ():
            answer["Items"] = [item for item in answer["Items"] if item["sk"]["S"] <= min(ends)]
        return answers

    with mock.patch.object(subscribers_module, "at_once", read):
        yield


class _NeverExpiring(Subscribers):
    """Subscribers whose right to updates never ends."""

    async def pages(self, channel: str, *, after: str | None = None) -> AsyncIterator[Page]:
        async for page in super().pages(channel, after=after):
            yield Page(dict.fromkeys(page.subscribers, NEVER), last=page.last)


@contextlib.contextmanager
def push_ignores_the_ttl(world: World) -> Iterator[None]:
    world.push_parts = lambda _subscribers, numbers: (_NeverExpiring(TABLE), numbers)
    world.start_workers()
    yield


@contextlib.contextmanager
def the_client_does_not_ask_for_what_fills_a_hole(_world: World) -> Iterator[None]:
    with mock.patch.object(EntityOrder, "has_hole", property(lambda _order: False)):
        yield


@contextlib.contextmanager
def the_client_shows_frames_in_any_order(_world: World) -> Iterator[None]:
    pushed = EntityOrder.pushed

    def at_once(order: EntityOrder, frame: Frame, _waits: bool) -> bool:
        if "cursor" in frame and order._held:  # whatever leads up to it
            order._next = frame["cursor"]
        return pushed(order, frame, False)

    with mock.patch.object(EntityOrder, "pushed", at_once):
        yield


@contextlib.contextmanager
def the_client_believes_every_answer(_world: World) -> Iterator[None]:
    answered = EntityOrder.answered

    def complete(order: EntityOrder, question: Any, answer: Frame) -> None:
        answered(order, question, answer | {"recovered": True})

    with (
        mock.patch.object(EntityOrder, "answered", complete),
        mock.patch.object(EntityOrder, "_go_on", _goes_on_anyhow),
    ):
        yield


def _goes_on_anyhow(order: EntityOrder, updates: list[Frame], life: str, number: int) -> bool:
    del updates
    order._go_to(life, number)
    return True


MUTATIONS: dict[Mutation, int] = {
    push_reads_subscribers_before_it_stores: 4,
    subscribe_reads_history_before_it_subscribes: 2,
    subscriptions_are_put_whether_or_not_there_is_a_connection: 1,
    several_are_written_one_by_one: 22,
    what_is_left_unread_has_no_more: 4,
    lists_and_logs_are_read_eventually_consistent: 9,
    push_forgets_a_level_of_patterns: 1,
    push_forgets_one_of_everyones_lists: 2,
    merging_drops_what_lies_beyond_the_frontier: 2,
    push_ignores_the_ttl: 0,
    the_client_does_not_ask_for_what_fills_a_hole: 0,
    the_client_shows_frames_in_any_order: 1,
    the_client_believes_every_answer: 0,
}
"""With a seed whose search notices each within a few dozen examples. Other seeds may take hundreds."""

"""Ways to break the code, each of which the model has to notice."""

import contextlib
import json
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from entity_push import frames, replay, routes
from entity_push.cursors import Cursor
from entity_push.events import Event, Update
from entity_push.frames import CatchUp, Frame
from entity_push.table import keys
from entity_push.table.history import History
from entity_push.table.subscriptions import Page, Subscriptions

from tests.model.world import World

Mutation = Callable[[World], "contextlib.AbstractContextManager[Any]"]


class _ReadsEarly:
    """A history that looks at the subscribers before it stores, and subscriptions that show what it saw."""

    def __init__(self, subscriptions: Subscriptions, history: History):
        self._subscriptions, self._history = subscriptions, history
        self._seen: dict[str, list[Page]] = {}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._subscriptions, name)

    def append(self, events: Sequence[Event]) -> list[Update]:
        channel = events[0].channel
        self._seen[channel] = list(self._subscriptions.subscribers(channel))
        return self._history.append(events)

    def subscribers(self, channel: str, **_from: Any) -> Iterator[Page]:
        return iter(self._seen[channel])


@contextlib.contextmanager
def push_reads_subscribers_before_it_stores(world: World) -> Iterator[None]:
    def early(subscriptions: Subscriptions, history: History) -> tuple[Any, Any]:
        both = _ReadsEarly(subscriptions, history)
        return both, both

    world.push_parts = early
    world.start_workers()
    yield


@contextlib.contextmanager
def subscribe_reads_history_before_it_subscribes(world: World) -> Iterator[None]:
    module = world.routes["subscribe"]

    @routes.message_route
    def handler(request: routes.Request) -> Frame:
        entity_id, channel = request.entity()
        past = module.catch_up(module.history, channel, module._since(request))
        already = module._subscribe(request, channel)
        return frames.subscribed(entity_id, already_subscribed=already, catch_up=past)

    module.handler = handler
    yield


@contextlib.contextmanager
def reads_are_eventually_consistent(world: World) -> Iterator[None]:
    def change(_name: str, parameters: dict[str, Any]) -> None:
        parameters.pop("ConsistentRead", None)
        for wanted in parameters.get("RequestItems", {}).values():
            if isinstance(wanted, dict):
                wanted.pop("ConsistentRead", None)

    world.dynamodb.change = change
    yield


@contextlib.contextmanager
def no_marker_is_written(world: World) -> Iterator[None]:
    def change(_name: str, parameters: dict[str, Any]) -> None:
        for action in parameters.get("TransactItems", ()):
            if "Put" in action and action["Put"]["Item"]["sk"]["S"].startswith(keys.EVENT):
                put = action.pop("Put")
                action["Delete"] = {
                    "TableName": put["TableName"],
                    "Key": {name: put["Item"][name] for name in ("pk", "sk")},
                }

    world.dynamodb.change = change
    yield


@contextlib.contextmanager
def the_head_moves_without_condition(world: World) -> Iterator[None]:
    def change(_name: str, parameters: dict[str, Any]) -> None:
        for action in parameters.get("TransactItems", ()):
            if "Update" in action and action["Update"]["Key"]["sk"]["S"] == "HEAD":
                action["Update"].pop("ConditionExpression")
                action["Update"]["ExpressionAttributeValues"].pop(":old", None)

    world.dynamodb.change = change
    yield


@contextlib.contextmanager
def replay_does_not_look_at_the_numbers(world: World) -> Iterator[None]:
    def catch_up(past: replay.Past, channel: str, since: Cursor | None) -> CatchUp:
        answer = replay.catch_up(past, channel, since)
        head = past.begin(channel)
        if since is None or since.epoch != head.epoch or since.sequence >= head.sequence or answer.recovered:
            return answer
        updates = [json.loads(wire) for _, wire in past.since(channel, since, head)]
        return CatchUp(head.cursor, recovered=True, updates=updates)

    world.routes["subscribe"].catch_up = catch_up
    yield


MUTATIONS: list[Mutation] = [
    push_reads_subscribers_before_it_stores,
    subscribe_reads_history_before_it_subscribes,
    reads_are_eventually_consistent,
    no_marker_is_written,
    the_head_moves_without_condition,
    replay_does_not_look_at_the_numbers,
]

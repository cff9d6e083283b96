"""What the server is asked to push once, however many of the application's subscriptions want it."""

import asyncio
from typing import Any

from entity_push_client.changes import Change, Reset, Update
from entity_push_client.errors import EntityPushError
from entity_push_client.names import Name, in_frame, is_pattern
from entity_push_client.options import Options
from entity_push_client.ordering import EntityOrder
from entity_push_client.pattern_order import PatternOrder
from entity_push_client.states import SubscriptionWord
from entity_push_client.subscription import Subscription


class Topic:
    """An entity, a pattern, or a channel that every connection is in from the start.

    Attributes:
        name: the entity id, the pattern, or the channel.
        named: how frames name it.
        order: what is shown, and in which order.
        subscriptions: the application's subscriptions.
        waiting: the timer of a hole, while late frames may still fill it.
        failures: how often in a row the server failed to answer.
    """

    def __init__(self, name: Name, options: Options, since: str | None):
        self.name, self.named = name, in_frame(name)
        self.subscriptions: list[Subscription[Any, Any]] = []
        self.waiting: asyncio.Task[None] | None = None
        self.failures = 0
        self.order: EntityOrder | PatternOrder
        if is_pattern(name):
            most = options.max_pattern_entities
            self.order = PatternOrder(self.show, most_held=options.max_held, most_entities=most)
        else:
            self.order = EntityOrder(self.show, since=since, most_held=options.max_held)

    @property
    def wanted(self) -> bool:
        """Whether anybody wants it."""
        return bool(self.subscriptions)

    def show(self, change: Change[None, Any]) -> None:
        """Give a change to all subscriptions."""
        for subscription in self.subscriptions:
            subscription.mailbox.put(change)

    def beginning(self) -> Reset[None, Any] | None:
        """Return the reset to go on from now; None if one will come by itself."""
        if not self.order.known:
            return None
        latest = self.order.latest
        return Reset(None, None if latest is None else Update(latest, True), self.order.cursor)

    def turn(self, word: SubscriptionWord) -> None:
        """Tell all subscriptions a new state."""
        for subscription in list(self.subscriptions):
            subscription.turn(word)

    def end(self, word: SubscriptionWord, error: EntityPushError | None) -> None:
        """End all subscriptions.

        Args:
            word: their last state.
            error: what their iterations raise; None to end quietly.
        """
        ended, self.subscriptions = self.subscriptions, []
        for subscription in ended:
            subscription.end(word, error)

"""All topics of a client, and the way of a pushed frame to those that it is for."""

from collections.abc import Container, Iterator
from typing import Any

from entity_push_client.changes import Frame
from entity_push_client.options import Options
from entity_push_client.topic import EVERYONE, USER, Topic, is_pattern

CHANNELS = {USER: {"channel": "user"}, EVERYONE: {"channel": "everyone"}}


class Topics:
    """The topics that the client follows, or is about to leave.

    Args:
        options: the client's settings.
    """

    def __init__(self, options: Options):
        self._options = options
        self._entities: dict[str, Topic] = {}
        self._patterns: dict[str, Topic] = {}
        self._channels: dict[str, Topic] = {}

    def __iter__(self) -> Iterator[Topic]:
        """Return all: patterns first, as the protocol asks, and then what they may cover."""
        return iter([*self._patterns.values(), *self._channels.values(), *self._entities.values()])

    def _kind(self, named: Frame) -> tuple[dict[str, Topic], str]:
        if "channel" in named:
            return self._channels, named["channel"]
        kind = self._patterns if is_pattern(named) else self._entities
        return kind, named["entityId"]

    def find(self, named: Frame) -> Topic | None:
        """Return the topic that is named so, if there is one."""
        kind, key = self._kind(named)
        return kind.get(key)

    def add(self, name: str, named: Frame, since: str | None) -> Topic:
        """Return a new topic.

        Raises:
            ValueError: `since` is no cursor.
        """
        kind, key = self._kind(named)
        topic = kind[key] = Topic(name, named, self._options, since)
        return topic

    def remove(self, topic: Topic) -> None:
        """Forget a topic."""
        kind, key = self._kind(topic.named)
        if kind.get(key) is topic:
            del kind[key]

    def pushed(self, frame: Frame, kind: Any, asked: Container[Topic]) -> Topic | None:
        """Take a pushed frame; return the topic that may have a question now.

        Args:
            frame: the frame.
            kind: its type.
            asked: the topics whose answer is awaited on the connection that it came from.

        Raises:
            KeyError, TypeError, ValueError: the frame is garbled.
        """
        if kind == "Entity Updated":
            entity_id = frame["entityId"]
            topic = self._entities.get(entity_id)
            if self._patterns:
                for pattern, below in self._patterns.items():
                    if below.subscriptions and entity_id.startswith(pattern[:-1]):
                        below.order.pushed(frame, below in asked)
        else:
            topic = self._channels.get("user" if kind == "User Push Notification" else "everyone")
        if topic is not None and topic.subscriptions and topic.order.pushed(frame, topic in asked):
            return topic
        return None

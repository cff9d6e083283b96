"""All topics of a client, and the way of a pushed frame to those that it is for."""

from collections.abc import Container, Iterator
from typing import Any

from entity_push_client.changes import Frame
from entity_push_client.names import Channel, Name, is_pattern
from entity_push_client.options import Options
from entity_push_client.topic import Topic


class Topics:
    """The topics that the client follows, or is about to leave.

    Args:
        options: the client's settings.
    """

    def __init__(self, options: Options):
        self._options = options
        self._entities: dict[str, Topic] = {}
        self._patterns: dict[str, Topic] = {}
        self._channels: dict[Channel, Topic] = {}

    def __iter__(self) -> Iterator[Topic]:
        """Return all: patterns first, as the protocol asks, and then what they may cover."""
        return iter([*self._patterns.values(), *self._channels.values(), *self._entities.values()])

    def _kind(self, name: Name) -> dict[Any, Topic]:
        if isinstance(name, Channel):
            return self._channels
        return self._patterns if is_pattern(name) else self._entities

    def find(self, name: Name) -> Topic | None:
        """Return the topic that is named so, if there is one."""
        return self._kind(name).get(name)

    def add(self, name: Name, since: str | None) -> Topic:
        """Return a new topic.

        Raises:
            ValueError: `since` is no cursor.
        """
        topic = self._kind(name)[name] = Topic(name, self._options, since)
        return topic

    def remove(self, topic: Topic) -> None:
        """Forget a topic."""
        if self.find(topic.name) is topic:
            del self._kind(topic.name)[topic.name]

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
            topic = self._channels.get(Channel.USER if kind == "User Push Notification" else Channel.EVERYONE)
        if topic is not None and topic.subscriptions and topic.order.pushed(frame, topic in asked):
            return topic
        return None

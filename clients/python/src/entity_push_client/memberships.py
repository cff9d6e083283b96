"""Which topics one connection is subscribed to, and the questions that bring it there."""

import asyncio
from collections.abc import Callable, Iterable, Sequence

from entity_push_client.changes import Frame
from entity_push_client.conversation import ENDS_CONNECTION, PASSING, Conversation
from entity_push_client.errors import ConnectionLostError, EntityPushError, RefusedError, ServerError
from entity_push_client.names import Channel, Name
from entity_push_client.options import Options
from entity_push_client.ordering import Question
from entity_push_client.timers import Timers
from entity_push_client.topic import Topic

MOST_TOGETHER = 25
"""The entities that one frame may name."""


class Memberships:
    """One connection's subscriptions. At most one question about a topic is open at a time.

    Args:
        options: the client's settings.
        timers: the connection's timers.
        conversation: the connection's questions.
        end: ends the connection, for a reason.
        attend: is called with a topic after each answer about it.
        told: tells the application of an error.

    Attributes:
        asked: the topics whose answer to `subscribe` is awaited.
        inside: the topics that the connection is subscribed to.
        quiet: is set while no answer to `subscribe` is awaited.
    """

    def __init__(
        self,
        options: Options,
        timers: Timers,
        conversation: Conversation,
        *,
        end: Callable[[EntityPushError], None],
        attend: Callable[[Topic], None],
        told: Callable[[EntityPushError], None],
    ):
        self._options, self._timers, self._conversation = options, timers, conversation
        self._end, self._attend, self._told = end, attend, told
        self.asked: dict[Topic, Question] = {}
        self.inside: set[Topic] = set()
        self._leaving: set[Topic] = set()
        self.quiet = asyncio.Event()

    def __contains__(self, topic: Topic) -> bool:
        """Tell whether the server may think that this connection is subscribed."""
        return topic in self.asked or topic in self.inside or topic in self._leaving

    def settle(self, topics: Iterable[Topic]) -> None:
        """Ask for what topics need: to be subscribed, caught up with, or left."""
        together: list[Topic] = []
        for topic in topics:
            if topic in self.asked or topic in self._leaving:
                continue  # the answer comes here again
            if topic.wanted:
                if topic not in self.inside or topic.order.must_ask:
                    if topic.order.is_pattern or isinstance(topic.name, Channel):
                        self._subscribe([topic])
                    else:
                        together.append(topic)
            elif topic in self.inside:
                self._leave(topic)
        for start in range(0, len(together), MOST_TOGETHER):
            self._subscribe(together[start : start + MOST_TOGETHER])
        self._note()

    def lost(self) -> None:
        """Take note that the connection has ended."""
        for topic, question in self.asked.items():
            topic.order.unanswered(question)
        self.asked.clear()
        self.inside.clear()
        self._leaving.clear()

    def _note(self) -> None:
        if self.asked:
            self.quiet.clear()
        else:
            self.quiet.set()

    def _subscribe(self, topics: Sequence[Topic]) -> None:
        for topic in topics:
            self.asked[topic] = topic.order.ask()
        since = {topic: self.asked[topic].since for topic in topics}
        if len(topics) == 1:
            (topic,) = topics
            frame = {"action": "subscribe", **topic.named}
            if since[topic] is not None:
                frame["since"] = since[topic]
            self._conversation.ask(frame, lambda answer: self._answered(topic, answer))
            return
        cursors = {topic.name: cursor for topic, cursor in since.items() if cursor is not None}
        frame = {"action": "subscribe", "entityIds": [topic.name for topic in topics]}
        if cursors:
            frame["since"] = cursors
        self._conversation.ask(frame, lambda answer: self._several_answered(topics, answer))

    def _several_answered(self, topics: Sequence[Topic], answer: Frame) -> None:
        if answer["type"] == "error":  # it does not say which entity is at fault: each is asked for alone
            self._told(server_error(answer))
            for topic in topics:
                self._give_back(topic)
                self._subscribe([topic])
            return
        answers = answer["answers"]
        if len(answers) != len(topics):
            raise ValueError(f"{len(answers)} answers to a question about {len(topics)} entities")
        for topic, one in zip(topics, answers, strict=True):
            code = one.get("code") if one["type"] == "error" else None
            if code in ENDS_CONNECTION:
                self._end(ConnectionLostError(f"The server says: {one.get('message')}", str(code)))
                return
            if code in PASSING:
                self._told(server_error(one, topic.name))
                self._again_later(topic)
            else:
                self._answered(topic, one)

    def _again_later(self, topic: Topic) -> None:
        """Ask about one of several again, after a pause. Until then, its frames are held."""
        topic.failures += 1

        def ask_again() -> None:
            self._give_back(topic)
            self.settle([topic])
            self._attend(topic)

        self._timers.after(self._options.pause(topic.failures), ask_again)

    def _give_back(self, topic: Topic) -> None:
        if question := self.asked.pop(topic, None):
            topic.order.unanswered(question)

    def _answered(self, topic: Topic, answer: Frame) -> None:
        if answer["type"] == "error":
            self._failed(topic, answer)
            return
        question = self.asked.pop(topic)
        topic.failures = 0
        self.inside.add(topic)
        topic.order.answered(question, answer)
        self._attend(topic)
        self._note()

    def _failed(self, topic: Topic, answer: Frame) -> None:
        self._told(server_error(answer, topic.name))
        question = self.asked[topic]
        self._give_back(topic)
        if answer["code"] == "invalid_cursor" and question.since is not None:
            topic.order.forget()
        else:
            self.inside.discard(topic)
            topic.end("refused", RefusedError(answer["code"], answer["message"], str(topic.name)))
        self._attend(topic)
        self._note()

    def _leave(self, topic: Topic) -> None:
        self.inside.discard(topic)
        topic.order.forget()
        if topic.name is Channel.USER:  # a connection can't leave its user's channel
            self._attend(topic)
            return
        self._leaving.add(topic)
        self._conversation.ask(
            {"action": "unsubscribe", **topic.named}, lambda answer: self._left(topic, answer)
        )

    def _left(self, topic: Topic, answer: Frame) -> None:
        if answer["type"] == "error":
            self._told(server_error(answer, topic.name))
        self._leaving.discard(topic)
        self._attend(topic)


def server_error(frame: Frame, about: Name = "") -> ServerError:
    """Return an error frame as an exception."""
    named = str(about or frame.get("entityId", frame.get("channel", "")))
    return ServerError(str(frame.get("code")), str(frame.get("message")), named)

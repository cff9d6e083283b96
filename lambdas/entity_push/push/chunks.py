"""A chunk: some of an update's subscribers, on the queue as a message of its own.

An update with more than one page of subscribers is split into chunks, so that many workers push it at once;
and a chunk is also what a retry is: the connections that failed, and nobody else.
"""

import itertools
import json
import random
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Self

from entity_push.protocol import strict_json
from entity_push.protocol.events import UnusableEventError, Update

CHUNK_SIZE = 1000
"""Connection ids in one chunk: enough to be worth an invocation, few enough to spread over workers."""

MAX_ATTEMPTS = 8
"""Invocations that try a connection, over about two minutes; each of them tries several times itself."""

LONGEST_DELAY_SECONDS = 60

MAX_ID_BYTES = 1000
"""A sort key has at most 1,024 bytes ("Quotas in Amazon DynamoDB")."""

MAX_CHANNEL_BYTES = 1100
"""With a user id of up to 256 characters of 4 bytes each; a partition key has at most 2,048."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """An update for some of its channel's subscribers.

    Attributes:
        update: what is pushed.
        subscribers: to whom: by connection id, when the right to updates ends, in seconds since 1970.
        attempt: how many invocations have failed to reach them.
    """

    update: Update
    subscribers: dict[str, int]
    attempt: int = 0

    def to_message(self) -> str:
        """Return the body of the chunk's queue message."""
        fields = {"subscribers": self.subscribers, "attempt": self.attempt}
        return _dumps({"chunk": {**_fields_of(self.update), **fields}})

    @classmethod
    def from_message(cls, message: Mapping[str, Any]) -> Self:
        """Read a chunk from its queue message.

        Raises:
            UnusableEventError: it is not a chunk of this form.
        """
        match message["chunk"]:
            case {"subscribers": dict(subscribers), "attempt": int(attempt)} if (
                _are_times(subscribers) and 0 <= attempt <= 100
            ):
                return cls(_update_in(message["chunk"]), subscribers, attempt)
        raise UnusableEventError("the message is not a chunk of a form that this version reads")

    def only(self, connection_ids: Iterable[str]) -> Self:
        """Return the same for some of them."""
        return replace(self, subscribers={name: self.subscribers[name] for name in connection_ids})

    def again(self, connection_ids: Iterable[str]) -> Self:
        """Return the next attempt, for those that failed."""
        return replace(self.only(connection_ids), attempt=self.attempt + 1)


@dataclass(frozen=True, slots=True)
class Rest:
    """An update for the subscribers that one invocation had no time to split into chunks.

    Attributes:
        update: what is pushed.
        after: the subscriber after which to go on, in the table's order.
        before: how many subscribers were reached before.
    """

    update: Update
    after: str
    before: int

    def to_message(self) -> str:
        """Return the body of the queue message."""
        fields = {"after": self.after, "before": self.before}
        return _dumps({"rest": {**_fields_of(self.update), **fields}})

    @classmethod
    def from_message(cls, message: Mapping[str, Any]) -> Self:
        """Read it from its queue message.

        Raises:
            UnusableEventError: it is not of this form.
        """
        match message["rest"]:
            case {"after": str(after), "before": int(before)} if _are_ids(after) and before >= 0:
                return cls(_update_in(message["rest"]), after, before)
        raise UnusableEventError("the message is not a rest of a form that this version reads")


def _dumps(message: Any) -> str:
    """Return a message's body: ASCII, since SQS refuses some characters."""
    return json.dumps(message, separators=(",", ":"))


def _fields_of(update: Update) -> dict[str, Any]:
    return {
        "channel": update.channel,
        "eventId": update.event_id,
        "frame": update.frame.decode(),
        "sentAt": update.sent_at,
        "sequence": update.sequence,
    }


def _update_in(fields: Mapping[str, Any]) -> Update:
    match fields:
        case {
            "channel": str(channel),
            "eventId": str(event_id),
            "frame": str(frame),
            "sentAt": int(sent_at),
            "sequence": int(sequence),
        } if (
            _are_ids(event_id)
            and _are_ids(channel, most=MAX_CHANNEL_BYTES)
            and 0 <= sent_at < 2**53
            and 0 <= sequence < 2**53
        ):
            return Update(channel, event_id, _wire(frame), sent_at, sequence)
    raise UnusableEventError("the message's update is not of a form that this version reads")


def _wire(frame: str) -> bytes:
    """Return a frame as bytes on the wire: clients are promised JSON objects, and nothing else.

    Raises:
        UnusableEventError: it is not one.
    """
    try:
        if isinstance(strict_json.loads(frame), dict):
            return frame.encode()
    except (strict_json.NotJSONError, UnicodeEncodeError) as error:
        raise UnusableEventError(f"the message's frame can't be read by clients: {error}") from error
    raise UnusableEventError("the message's frame is not a JSON object")


def _are_times(subscribers: dict[str, Any]) -> bool:
    # A bool is an int, too.
    return all(type(expires) is int for expires in subscribers.values()) and _are_ids(*subscribers)


def _are_ids(*texts: str, most: int = MAX_ID_BYTES) -> bool:
    """Tell whether texts fit into keys: ours do, but others may be allowed to write to the queue, too."""
    try:
        return all(1 <= len(text.encode()) <= most for text in texts)
    except UnicodeEncodeError:
        return False


def split(chunk: Chunk) -> Iterator[Chunk]:
    """Yield a chunk of any size in parts that fit the queue; nothing if it is for nobody."""
    left = iter(chunk.subscribers.items())
    while some := dict(itertools.islice(left, CHUNK_SIZE)):
        yield replace(chunk, subscribers=some)


def delay_seconds(attempt: int) -> int:
    """Return how long a retry waits in the queue: twice as long each time, with jitter.

    Those that failed together must not come back together.
    """
    longest = min(LONGEST_DELAY_SECONDS, 2**attempt)
    return random.randint((longest + 1) // 2, longest)  # noqa: S311 - not for secrets

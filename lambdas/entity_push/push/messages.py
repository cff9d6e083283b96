"""Messages on the queue: EventBridge events, chunks, and rests.

A chunk is an update for some of its subscribers. An update with more than one page of subscribers is split
into chunks, so that many workers push the update at once. A retry is a chunk, too: the connections that
failed, and no others. A rest is an update for the subscribers that an invocation had no time to split.
"""

import itertools
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Self

from entity_push.protocol import strict_json
from entity_push.protocol.dead_letter_reasons import Reason, UnusableMessageError
from entity_push.protocol.events import Event, EventOfSeveral, Update, is_short, parse_event

if TYPE_CHECKING:  # rules cost a cold start, and most deployments have none
    from entity_push.protocol.event_rules import EventRule

CHUNK_SIZE = 1000
"""Connections in one chunk: enough to be worth an invocation, few enough to spread over workers."""

NO_RULES: Mapping[str, "EventRule"] = {}

MAX_EXCUSED = 1000
"""More rounds are not counted: the queue keeps no message for so long."""

MAX_ID_BYTES = 1000
"""The longest id in a sort key, which has at most 1,024 bytes ("Quotas in Amazon DynamoDB")."""

MAX_CHANNEL_BYTES = 1100
"""The longest channel: a user's, whose id has up to 256 characters of 4 bytes each. A partition key has at
most 2,048 bytes."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """An update for some of its channel's subscribers.

    Attributes:
        update: the update to push.
        subscribers: the end of the right to updates, in seconds since 1970, by connection id.
        rounds: the number of rounds (`retries`) that have failed to reach the subscribers.
        excused: the number of rounds that ended without the subscribers' fault: no time was left, credentials
            failed, or the endpoint was silent.
    """

    update: Update
    subscribers: dict[str, int]
    rounds: int = 0
    excused: int = 0

    @property
    def has_failed(self) -> bool:
        """Whether it is not the first round of its subscribers."""
        return self.rounds + self.excused > 0

    def to_message(self) -> str:
        """Return the body of the chunk's queue message."""
        fields = {"subscribers": self.subscribers, "attempt": self.rounds, "excused": self.excused}
        return _dumps({"chunk": {**_fields_of(self.update), **fields}})

    @classmethod
    def from_message(cls, message: Mapping[str, Any]) -> Self:
        """Read a chunk from its queue message.

        Raises:
            UnusableMessageError: the message is not a chunk of this form.
        """
        match message["chunk"]:
            case {"subscribers": dict(subscribers), "attempt": int(rounds)} if (
                _are_times(subscribers) and 0 <= rounds <= 100
            ):
                excused = message["chunk"].get("excused", 0)  # earlier versions did not count them
                if type(excused) is int and 0 <= excused <= MAX_EXCUSED:
                    return cls(_update_in(message["chunk"]), subscribers, rounds, excused)
        raise UnusableMessageError(
            Reason.INVALID_CHUNK, "the message is not a chunk of a form that this version reads"
        )

    def only(self, connection_ids: Iterable[str]) -> Self:
        """Return the chunk for some of its subscribers."""
        return replace(self, subscribers={name: self.subscribers[name] for name in connection_ids})

    def again(self, connection_ids: Iterable[str]) -> Self:
        """Return the chunk for the next round, for the connections that failed."""
        return replace(self.only(connection_ids), rounds=self.rounds + 1)

    def excuse(self, connection_ids: Iterable[str]) -> Self:
        """Return the chunk for the next round, for connections whose fault it was not."""
        return replace(self.only(connection_ids), excused=min(self.excused + 1, MAX_EXCUSED))

    def anew(self) -> Self:
        """Return the chunk for its first round."""
        return replace(self, rounds=0, excused=0)


@dataclass(frozen=True, slots=True)
class Rest:
    """An update for the subscribers that one invocation had no time to split into chunks.

    Attributes:
        update: the update to push.
        after: the connection id after which to go on, in the table's order.
        before: the number of subscribers that were split into chunks before.
    """

    update: Update
    after: str
    before: int

    def to_message(self) -> str:
        """Return the body of the rest's queue message."""
        fields = {"after": self.after, "before": self.before}
        return _dumps({"rest": {**_fields_of(self.update), **fields}})

    @classmethod
    def from_message(cls, message: Mapping[str, Any]) -> Self:
        """Read a rest from its queue message.

        Raises:
            UnusableMessageError: the message is not a rest of this form.
        """
        match message["rest"]:
            case {"after": str(after), "before": int(before)} if _are_ids(after) and before >= 0:
                return cls(_update_in(message["rest"]), after, before)
        raise UnusableMessageError(
            Reason.INVALID_CHUNK, "the message is not a rest of a form that this version reads"
        )


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
    raise UnusableMessageError(
        Reason.INVALID_CHUNK, "the message's update is not of a form that this version reads"
    )


def _wire(frame: str) -> bytes:
    """Return a frame as bytes on the wire. Every frame is a JSON object, as clients are promised.

    Raises:
        UnusableMessageError: the text is not a JSON object.
    """
    try:
        if isinstance(strict_json.loads(frame), dict):
            return frame.encode()
    except (strict_json.NotJSONError, UnicodeEncodeError) as error:
        raise UnusableMessageError(
            Reason.INVALID_CHUNK, f"the message's frame can't be read by clients: {error}"
        ) from error
    raise _unreadable("the message's frame is not a JSON object")


def _unreadable(text: str) -> UnusableMessageError:
    return UnusableMessageError(Reason.INVALID_CHUNK, text)


def _are_times(subscribers: dict[str, Any]) -> bool:
    # A bool is an int, too.
    return all(type(expires) is int for expires in subscribers.values()) and _are_ids(*subscribers)


def _are_ids(*texts: str, most: int = MAX_ID_BYTES) -> bool:
    """Tell whether texts fit into keys. The app's own do, but others may write to the queue, too."""
    try:
        return all(1 <= len(text.encode()) <= most for text in texts)
    except UnicodeEncodeError:
        return False


def split(chunk: Chunk) -> Iterator[Chunk]:
    """Yield a chunk of any size in parts that fit the queue; no part for a chunk without subscribers."""
    left = iter(chunk.subscribers.items())
    while some := dict(itertools.islice(left, CHUNK_SIZE)):
        yield replace(chunk, subscribers=some)


class UnknownRuleError(LookupError):
    """A message came by a rule that this version lacks; a deployment may be under way."""

    def __init__(self, name: str):
        super().__init__(f"there is no rule {name!r:.50}")


def read_message(
    body: str, *, sent_at: int, rules: Mapping[str, "EventRule"] = NO_RULES
) -> Event | EventOfSeveral | Chunk | Rest:
    """Read the body of a queue message.

    Args:
        body: the body.
        sent_at: when it was put on the queue, in milliseconds since 1970.
        rules: the rules for own events, by their names.

    Raises:
        UnknownRuleError: it is an own event that came by another rule.
        UnusableMessageError: it is neither an event about a channel nor from the push function; it says why.
    """
    try:
        message = strict_json.loads(body)
    except strict_json.NotJSONError as error:
        raise UnusableMessageError(Reason.NOT_JSON, "the message is not JSON") from error
    if not isinstance(message, dict):
        raise UnusableMessageError(Reason.NOT_JSON, "the message is not a JSON object")
    # The key must be alone: a member of a service's own event must not make the event a chunk or a rest.
    if message.keys() == {"chunk"}:
        return Chunk.from_message(message)
    if message.keys() == {"rest"}:
        return Rest.from_message(message)
    if {"rule", "event"} <= message.keys() <= {"rule", "event", "entityId"}:
        return _own_event(message, sent_at, rules)
    return parse_event(message, sent_at=sent_at)


def _own_event(
    message: Mapping[str, Any], sent_at: int, rules: Mapping[str, "EventRule"]
) -> Event | EventOfSeveral:
    from entity_push.protocol.own_events import read_own_event  # noqa: PLC0415 - see TYPE_CHECKING above

    match message:
        case {"rule": str(name), "event": dict(event)}:
            if name not in rules:
                raise UnknownRuleError(name)
            return read_own_event(rules[name], event, sent_at=sent_at, entity_id=message.get("entityId"))
    raise UnusableMessageError(Reason.NOT_AN_EVENT, "the message has no rule's name, or no event")


def event_id_in(body: str) -> str | None:
    """Return the id of the event that a message is about, be it usable or not; None if it names none.

    Args:
        body: the message's body; any text.
    """
    try:
        message = strict_json.loads(body)
    except strict_json.NotJSONError:
        return None
    match message:
        case (
            {"chunk": {"eventId": str(event_id)}}
            | {"rest": {"eventId": str(event_id)}}
            | {"event": {"id": str(event_id)}}
            | {"id": str(event_id)}
        ) if is_short(event_id):
            return event_id
    return None

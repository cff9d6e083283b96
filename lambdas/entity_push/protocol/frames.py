"""Every frame that travels over a WebSocket is read or built here, and nowhere else.

Client frames are JSON objects with an `action` and, if the client wants to match answers to
questions, a `requestId` that the answer repeats. docs/reference/protocol.md is this module in prose.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NotRequired, TypedDict, Unpack

from entity_push.protocol import faults, strict_json
from entity_push.protocol.errors import ErrorCode, ProtocolError
from entity_push.protocol.ids import is_repeatable

if TYPE_CHECKING:  # most functions make neither, and both take time to import
    from entity_push.protocol.catch_up import CatchUp
    from entity_push.protocol.cursors import Cursor

Frame = dict[str, Any]
RequestId = str | int
Named = Mapping[str, str]

MAX_FRAME_BYTES = 128 * 1024
"""What PostToConnection takes ("Amazon API Gateway quotas", WebSocket message payload size)."""

MAX_ANSWER_BYTES = 32_000
"""A subscribe's answer stays below 32 KB: one WebSocket frame, and one message as API Gateway bills."""

UPDATES_ROOM = MAX_ANSWER_BYTES - 2048
"""What a subscribe's answer has for updates: the rest is for its other fields."""

MAX_FRAME_LEVELS = 100
"""How deep a client's frame may be nested: on its way its message is put into other objects."""

MAX_ERROR_BYTES = 2048
"""The largest error frame. What it repeats of the client's frame is bounded."""

MAX_REQUEST_ID_LENGTH = 128
MAX_REQUEST_ID_NUMBER = 2**53  # beyond it, JavaScript would echo another number than it sent


@dataclass(frozen=True, slots=True)
class ClientFrame:
    """A frame a client sent: a JSON object whose requestId, if any, is usable."""

    fields: Mapping[str, Any]
    request_id: RequestId | None


_LIKE_THIS = 'Send one like {"action":"ping"}.'


def parse_client_frame(text: str | None, *, most_bytes: int = MAX_FRAME_BYTES) -> ClientFrame:
    """Read what a client sent.

    Args:
        text: the frame.
        most_bytes: how many bytes of UTF-8 it may have.

    Raises:
        ProtocolError: `frame_too_large`, `invalid_json`, `invalid_frame` (not an object) or
            `invalid_request_id`.
    """
    text = text or ""
    if (size := len(text.encode(errors="surrogatepass"))) > most_bytes:
        fault = faults.too_many(size, most_bytes, "bytes")
        raise ProtocolError(ErrorCode.FRAME_TOO_LARGE, f"The frame {fault}. Send less at once.")
    try:
        fields = strict_json.loads(text, levels=MAX_FRAME_LEVELS)
    except strict_json.NotJSONError as error:
        fault = f"is not JSON: {error}" if text else "is empty"
        raise ProtocolError(ErrorCode.INVALID_JSON, f"The frame {fault}. {_LIKE_THIS}") from error
    if not isinstance(fields, dict):
        fault = f"is {faults.kind(fields)}, not an object"
        raise ProtocolError(ErrorCode.INVALID_FRAME, f"The frame {fault}. {_LIKE_THIS}")
    return ClientFrame(fields, _request_id(fields))


def _request_id(fields: Mapping[str, Any]) -> RequestId | None:
    value = fields.get("requestId")
    match value:
        case None:
            return None
        case str() if 1 <= len(value) <= MAX_REQUEST_ID_LENGTH:
            return value
        case int() if not isinstance(value, bool) and abs(value) < MAX_REQUEST_ID_NUMBER:
            return value
    fault = f"has {len(value):,} characters" if isinstance(value, str) else f"is {faults.kind(value)}"
    raise ProtocolError(
        ErrorCode.INVALID_REQUEST_ID,
        f"The requestId {fault}. It is a string of 1 to {MAX_REQUEST_ID_LENGTH} characters,"
        " or a whole number between -2^53 and 2^53.",
    )


class Pushed(TypedDict):
    """What every pushed frame is made from.

    Attributes:
        event_id: id of the EventBridge event; a client uses it to drop a frame that came twice.
        time: when the event was put, as EventBridge gives it (RFC 3339, whole seconds, UTC).
        detail: the event's detail; its `message`, any JSON value, is passed on if there is one.
        sender: the user whose client published it; None if a service put the event.
        version: the version of the entity's state; None if it has none.
        own_id: the id that the sender gave it; None if it has none.
    """

    event_id: str
    time: str
    detail: Mapping[str, Any]
    sender: str | None
    version: NotRequired[int | None]
    own_id: NotRequired[str | None]


def encode(frame: Frame) -> bytes:
    """Return a frame as the bytes that go over the wire: compact JSON in UTF-8."""
    return strict_json.for_wire(frame)


def answer(frame: Frame, request_id: RequestId | None) -> Frame:
    """Return an answer that repeats the question's requestId, if it had one."""
    return frame if request_id is None else {**frame, "requestId": request_id}


def subscribed(named: Named, *, already_subscribed: bool, catch_up: "CatchUp") -> Frame:
    """Return the answer to `subscribe`, without its requestId: from here on, updates arrive.

    Args:
        named: what the client named: an `entityId`, or a `channel`.
        already_subscribed: whether it was subscribed before.
        catch_up: what to tell of the past.
    """
    return {
        "type": "subscribed",
        **named,
        "alreadySubscribed": already_subscribed,
        "cursor": str(catch_up.cursor) if catch_up.cursor else None,
        "recovered": catch_up.recovered,
        "updates": catch_up.updates,
        "more": catch_up.more,
        "latest": catch_up.latest,
    }


def unsubscribed(named: Named, *, was_subscribed: bool) -> Frame:
    """Return the answer to `unsubscribe`, without its requestId: updates no longer arrive."""
    return {"type": "unsubscribed", **named, "wasSubscribed": was_subscribed}


def several(answers: Sequence[Frame]) -> Frame:
    """Return the answer to a frame that named several entities: one answer for each, in their order."""
    return {"type": "answers", "answers": list(answers)}


def published(named: Named, event_id: str, own_id: str | None = None) -> Frame:
    """Return the answer to `publish` and `onMessage`: EventBridge has the event, under this id.

    Args:
        named: the receiver as the client named it.
        event_id: id of the EventBridge event.
        own_id: the id that the client gave it; None if it gave none.
    """
    own = {} if own_id is None else {"ownId": own_id}
    return {"type": "published", **named, "id": event_id, **own}


def pong() -> Frame:
    """Return the answer to `ping`, which API Gateway itself gives."""
    return {"type": "pong"}


def closing(code: str, *, reconnect: bool) -> Frame:
    """Return the frame that tells of a close that the server makes.

    Args:
        code: why; see `closing_codes`.
        reconnect: whether to connect again; if not, the client stops and says so.
    """
    return {"type": "closing", "code": code, "reconnect": reconnect}


def error(problem: ProtocolError, frame: ClientFrame | None = None) -> Frame:
    """Return the answer to a frame that could not be followed; it changed nothing.

    Args:
        problem: why.
        frame: the frame, of which the answer repeats what it is about; None: it could not be read.
    """
    about = {} if frame is None else _about(frame.fields)
    said = {"type": "error", "code": str(problem.code), "message": problem.message, **about}
    return answer(said, frame.request_id if frame else None)


def _about(fields: Mapping[str, Any]) -> Frame:
    """Return the channel, room or entity that a frame names, as it names it, if that can be repeated."""
    name = next((name for name in ("channel", "roomId", "entityId") if name in fields), None)
    return {name: fields[name]} if name and is_repeatable(fields[name]) else {}


def error_about(entity_id: object, problem: ProtocolError) -> Frame:
    """Return the answer about one of several entities; it repeats the id if that is one."""
    return error(problem, ClientFrame({"entityId": entity_id}, None))


def entity_updated(entity_id: str, **pushed: Unpack[Pushed]) -> Frame:
    """Return the frame pushed to an entity's subscribers."""
    return _pushed({"type": "Entity Updated", "entityId": entity_id}, **pushed)


def user_push_notification(**pushed: Unpack[Pushed]) -> Frame:
    """Return the frame pushed to a user's connections; with the detail's `callback`, if there is one."""
    return _pushed({"type": "User Push Notification"}, "callback", **pushed)


def broadcast(**pushed: Unpack[Pushed]) -> Frame:
    """Return the frame pushed to everyone."""
    return _pushed({"type": "Broadcast"}, **pushed)


def _pushed(
    frame: Frame,
    *passed_on: str,
    event_id: str,
    time: str,
    detail: Mapping[str, Any],
    sender: str | None,
    version: int | None = None,
    own_id: str | None = None,
) -> Frame:
    fields = {name: detail[name] for name in ("message", *passed_on) if name in detail}
    others = {"from": sender, "version": version, "ownId": own_id}
    known = {name: value for name, value in others.items() if value is not None}
    return {**frame, **fields, **known, "id": event_id, "time": time}


def numbered(frame: Frame, cursor: "Cursor") -> Frame:
    """Return a frame with its number in the channel, and the cursor of a client that has seen it."""
    return {**frame, "sequence": cursor.sequence, "cursor": str(cursor)}


def without_message(frame: Frame) -> Frame:
    """Return a frame that is too large to push as one that tells at least that there is something."""
    kept = {name: value for name, value in frame.items() if name not in ("message", "callback")}
    return {**kept, "oversize": True}

"""What comes off the queue: EventBridge events, and what the push function put there itself."""

from entity_push.protocol import strict_json
from entity_push.protocol.events import Event, EventOfSeveral, UnusableEventError, parse_event
from entity_push.push.chunks import Chunk, Rest


def read_message(body: str, *, sent_at: int) -> Event | EventOfSeveral | Chunk | Rest:
    """Read the body of a queue message.

    Args:
        body: the body.
        sent_at: when it was put on the queue, in milliseconds since 1970.

    Raises:
        UnusableEventError: it is neither an event about a channel nor from the push function; it says why.
    """
    try:
        message = strict_json.loads(body)
    except strict_json.NotJSONError as error:
        raise UnusableEventError("the message is not JSON") from error
    if not isinstance(message, dict):
        raise UnusableEventError("the message is not a JSON object")
    # Alone: an event of somebody's own must not become one by what is in it.
    if message.keys() == {"chunk"}:
        return Chunk.from_message(message)
    if message.keys() == {"rest"}:
        return Rest.from_message(message)
    return parse_event(message, sent_at=sent_at)

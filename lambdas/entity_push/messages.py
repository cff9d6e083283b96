"""What comes off the queue: EventBridge events, and chunks that the push function put there itself."""

from entity_push import strict_json
from entity_push.chunks import Chunk
from entity_push.events import Event, UnusableEventError, parse_event


def read_message(body: str, *, sent_at: int) -> Event | Chunk:
    """Read the body of a queue message.

    Args:
        body: the body.
        sent_at: when it was put on the queue, in milliseconds since 1970.

    Raises:
        UnusableEventError: it is neither an event about a channel nor a chunk; it says why.
    """
    try:
        message = strict_json.loads(body)
    except strict_json.NotJSONError as error:
        raise UnusableEventError("the message is not JSON") from error
    if not isinstance(message, dict):
        raise UnusableEventError("the message is not a JSON object")
    return Chunk.from_message(message) if "chunk" in message else parse_event(message, sent_at=sent_at)

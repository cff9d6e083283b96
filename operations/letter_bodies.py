"""The body of a dead letter: a line about it for people, and the body with which it is redriven."""

import json
from dataclasses import replace

from entity_push.protocol.dead_letter_reasons import UnusableMessageError
from entity_push.protocol.events import EventOfSeveral
from entity_push.push.messages import Chunk, Rest, UnknownRuleError, read_message

_LENGTH = 100  # of the part of a message that a summary shows


def as_new(body: str, now: float) -> str:
    """Return a message's body with its age and its rounds, if it has any, begun anew.

    Args:
        body: a dead letter's body; any text.
        now: the time, in seconds since 1970.
    """
    sent_at = round(now * 1000)
    try:
        message = read_message(body, sent_at=sent_at)
    except (UnusableMessageError, UnknownRuleError):
        return body
    match message:
        case Chunk():
            return replace(message.anew(), update=replace(message.update, sent_at=sent_at)).to_message()
        case Rest():
            return replace(message, update=replace(message.update, sent_at=sent_at)).to_message()
    return body


def summary(body: str) -> str:
    """Return one line about a message. The body is a dead letter's, so it may be any text."""
    try:
        message = read_message(body, sent_at=0)
    except UnknownRuleError:
        own = json.loads(body)
        detail = json.dumps(own["event"].get("detail"))[:_LENGTH]
        return f"event {own['event'].get('id')} by the rule {own['rule']} {detail}"
    except UnusableMessageError:
        return body[:_LENGTH]
    match message:
        case Chunk(update=update, subscribers=subscribers):
            return f"event {update.event_id} for {len(subscribers)} connections of {update.channel}"
        case Rest(update=update, after=after):
            return f"event {update.event_id} for the connections of {update.channel} after {after}"
        case EventOfSeveral(event=event):
            return f"event {event['id']} {json.dumps(event['detail'])[:_LENGTH]}"
    return f"event {message.event_id} for {message.channel} {json.dumps(message.frame)[:_LENGTH]}"

"""A team's own event, read by its rule into an event about a channel."""

from collections.abc import Mapping
from typing import Any

from entity_push.protocol import frames
from entity_push.protocol.channels import EVERYONE, entity_channel, user_channel
from entity_push.protocol.dead_letter_reasons import Reason, UnusableMessageError
from entity_push.protocol.event_rules import EventRule
from entity_push.protocol.events import Event, EventOfSeveral, envelope, sender_of
from entity_push.protocol.frames import Frame, Pushed
from entity_push.protocol.ids import (
    InvalidEntityIdError,
    InvalidUserIdError,
    checked_entity_id,
    checked_user_id,
)
from entity_push.protocol.json_paths import UnfitValueError


def read_own_event(
    rule: EventRule, event: Mapping[str, Any], *, sent_at: int, entity_id: object = None
) -> Event | EventOfSeveral:
    """Return what an own event is about.

    Args:
        rule: the rule that it came by.
        event: the whole event.
        sent_at: when it was put on the queue, in milliseconds since 1970.
        entity_id: of an event of several that was split before: for which entity this message is.

    Raises:
        UnusableMessageError: the event lacks what the rule needs; the message names the rule and the path.
    """
    _, event_id, time, _ = envelope(event)
    try:
        pushed = Pushed(
            event_id=event_id,
            time=time,
            detail=rule.message_in(event),
            sender=None,
            version=rule.version_in(event),
            own_id=rule.own_id_in(event),
        )
        if entity_id is None and rule.entities is not None:
            ids = tuple(map(checked_entity_id, rule.entity_ids(event)))
            if len(ids) > 1:
                return EventOfSeveral(event, ids, rule.name)
            entity_id = ids[0]
        channel, frame = _addressed(rule, event, entity_id, pushed)
    except (UnfitValueError, InvalidEntityIdError, InvalidUserIdError) as error:
        raise UnusableMessageError(Reason.UNFIT_EVENT, f"rule {rule.name}: {error}") from error
    sender = "" if rule.own_id is None else sender_of(event)
    return Event(channel, event_id, {**frame, "rule": rule.name}, sent_at, rule.name, sender)


def _addressed(
    rule: EventRule, event: Mapping[str, Any], entity_id: object, pushed: Pushed
) -> tuple[str, Frame]:
    if rule.entities is not None:
        checked = checked_entity_id(entity_id)
        return entity_channel(checked), frames.entity_updated(checked, **pushed)
    if rule.user is not None:
        user_id = checked_user_id(rule.user.fill(event))
        return user_channel(user_id), frames.user_push_notification(**pushed)
    return EVERYONE, frames.broadcast(**pushed)

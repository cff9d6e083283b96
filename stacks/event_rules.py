"""The setting `eventRules`: which of a team's own events become updates, and how."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from aws_cdk import aws_events as events
from entity_push.protocol.events import ENTITY_UPDATED
from entity_push.protocol.ids import InvalidEntityIdError, checked_entity_id

_FIELDS = {"pattern", "entityId", "message"}
_PATH = re.compile(r"\$(\.[A-Za-z0-9_-]+)*")  # dots only (EventBridge API Reference, InputTransformer)
_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")

EVENT_RULES_RULE = (
    'a list of objects such as {"pattern":{"source":["shop"],"detail-type":["OrderShipped"]},'
    '"entityId":"orders/{$.detail.order.id}","message":"$.detail.order"}'
)


@dataclass(frozen=True, slots=True)
class EventRule:
    """Own events that become updates.

    Attributes:
        pattern: which events: an EventBridge event pattern (EventBridge User Guide, "Event patterns").
        entity_id: the entity's id, with JSON paths into the event in braces.
        message: JSON path of the update's message; None for updates without one.
    """

    pattern: Mapping[str, Any]
    entity_id: str
    message: str | None = None

    @classmethod
    def read(cls, value: Any) -> Self:
        """Read one rule of the setting.

        Raises:
            ValueError: it is not of the documented form.
        """
        match value:
            case {"pattern": dict(pattern), "entityId": str(entity_id)} if (
                pattern and not value.keys() - _FIELDS
            ):
                return cls(pattern, entity_id, value.get("message"))
        raise ValueError("it has a pattern and an entityId, maybe a message, and nothing else")

    def __post_init__(self) -> None:
        """Check the paths and the id.

        Raises:
            ValueError: one of them can't be used.
        """
        if not self.pattern:
            raise ValueError("a rule needs a pattern: without one, it would take every event")
        paths: list[object] = _PLACEHOLDER.findall(self.entity_id)
        paths += [] if self.message is None else [self.message]
        for path in paths:
            if not isinstance(path, str) or not _PATH.fullmatch(path):
                raise ValueError(f"{path!r} is no JSON path such as $.detail.order.id")
        try:
            checked_entity_id(_PLACEHOLDER.sub("x", self.entity_id))
        except InvalidEntityIdError as error:
            raise ValueError(str(error)) from error

    def target_input(self) -> events.RuleTargetInput:
        """Return what EventBridge makes of such an event: one of ours, with the same id and time.

        Source: EventBridge User Guide, "Amazon EventBridge input transformation".
        """
        entity_id = _PLACEHOLDER.sub(lambda found: events.EventField.from_path(found[1]), self.entity_id)
        message = {} if self.message is None else {"message": events.EventField.from_path(self.message)}
        return events.RuleTargetInput.from_object(
            {
                "id": events.EventField.event_id,
                "time": events.EventField.time,
                "source": events.EventField.source,
                "detail-type": ENTITY_UPDATED,
                "detail": {"entityId": entity_id, **message},
            }
        )


def read_rules(value: Any) -> tuple[EventRule, ...]:
    """Read the setting: JSON, what cdk.json has as its value, or rules.

    Raises:
        ValueError: it is not a list of such rules.
    """
    rules = json.loads(value) if isinstance(value, str) else value
    if not isinstance(rules, list | tuple):
        raise ValueError
    return tuple(rule if isinstance(rule, EventRule) else EventRule.read(rule) for rule in rules)

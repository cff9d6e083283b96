"""Rules that make updates of a team's own events (setting `eventRules`).

EventBridge hands on the whole event as data, with the rule's name; here the rule reads what it needs. So no
value in an event can be more than a value.
"""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Self

from entity_push.protocol.event_patterns import EVENT_FIELDS, checked_pattern
from entity_push.protocol.events import MAX_ENTITIES, InvalidVersionError, checked_version
from entity_push.protocol.ids import InvalidOwnIdError, checked_own_id
from entity_push.protocol.json_paths import JsonPath, Template, UnfitValueError, text_of

_NAME = re.compile(r"[A-Za-z0-9-]{1,32}")
_AUDIENCES = ("entityId", "entityIds", "userId", "broadcast")
_FIELDS = {"name", "pattern", "message", "version", "id", *_AUDIENCES}

EVENT_RULES_RULE = (
    'a list of objects such as {"name":"shipped","pattern":{"source":["shop"],'
    '"detail-type":["OrderShipped"]},"entityId":"orders/{$.detail.order.id}","message":"$.detail.order"}'
)


class InvalidRuleError(ValueError):
    """A rule is not of the documented form; the message names the rule and says why."""


@dataclass(frozen=True, slots=True)
class EventRule:
    """A rule: its events, the audience of their updates, and what the updates say.

    Attributes:
        name: tells it from the other rules of the deployment; messages on the queue carry it.
        pattern: which events: an EventBridge event pattern (EventBridge User Guide, "Event patterns").
        entities: templates of entities' ids, or a path to a list of ids; None for another audience.
        user: template of a user's id; None for another audience.
        message: path of the update's message, or paths of its members; None for updates without one.
        version: path of the update's version; None for updates without one.
        own_id: path of the id that the event's sender gives the update; None for updates without one.
        written: the rule as the setting has it.
    """

    name: str
    pattern: Mapping[str, Any]
    entities: tuple[Template, ...] | JsonPath | None
    user: Template | None
    message: JsonPath | Mapping[str, JsonPath] | None
    version: JsonPath | None
    own_id: JsonPath | None
    written: Mapping[str, Any]

    @classmethod
    def read(cls, value: Any) -> Self:
        """Read one rule of the setting.

        Raises:
            InvalidRuleError: it is not of the documented form.
        """
        if not isinstance(value, dict):
            raise InvalidRuleError(f"a rule is an object, and not {value!r:.100}")
        name = value.get("name")
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            raise InvalidRuleError(
                'a rule has a "name" of 1 to 32 letters, digits and hyphens, which no other rule has'
            )
        try:
            return cls._read(name, value)
        except ValueError as error:
            raise InvalidRuleError(f"rule {name}: {error}") from error

    @classmethod
    def _read(cls, name: str, value: Mapping[str, Any]) -> Self:
        if unknown := sorted(value.keys() - _FIELDS):
            raise ValueError(f"it has {unknown[0]!r}; a rule has {', '.join(sorted(_FIELDS))}")
        audiences = [audience for audience in _AUDIENCES if audience in value]
        if len(audiences) != 1 or ("broadcast" in value and value["broadcast"] is not True):
            raise ValueError('it has exactly one of "entityId", "entityIds", "userId", and "broadcast": true')
        return cls(
            name,
            checked_pattern(value.get("pattern")),
            _entities(value),
            _template(value["userId"]) if "userId" in value else None,
            _message(value.get("message")),
            _path(value["version"]) if "version" in value else None,
            _path(value["id"]) if "id" in value else None,
            value,
        )

    def entity_ids(self, event: Mapping[str, Any]) -> tuple[str, ...]:
        """Return the ids of the entities that an event is about, unchecked, each once.

        Raises:
            UnfitValueError: the event lacks what the rule needs.
        """
        match self.entities:
            case None:
                return ()
            case JsonPath() as path:
                found = path.find(event)
                if not isinstance(found, list) or not 1 <= len(found) <= MAX_ENTITIES:
                    raise UnfitValueError(f"{path.text} is no list of 1 to {MAX_ENTITIES} ids")
                ids = [text_of(value, f"{path.text}[{index}]") for index, value in enumerate(found)]
            case templates:
                ids = [template.fill(event) for template in templates]
        return tuple(dict.fromkeys(ids))

    def message_in(self, event: Mapping[str, Any]) -> dict[str, Any]:
        """Return the update's `message`; nothing if the rule has none, or the event lacks it."""
        if isinstance(self.message, JsonPath):
            return _found({"message": self.message}, event)
        return {} if self.message is None else {"message": _found(self.message, event)}

    def version_in(self, event: Mapping[str, Any]) -> int | None:
        """Return the update's version; None if the rule has none.

        Raises:
            UnfitValueError: the event has none, or no usable one. Without it an old state could pass as new.
        """
        if self.version is None:
            return None
        try:
            return checked_version(self.version.find(event))
        except InvalidVersionError as error:
            raise UnfitValueError(f"{self.version.text}: {error}") from error

    def own_id_in(self, event: Mapping[str, Any]) -> str | None:
        """Return the id that the event's sender gives the update; None if the rule has none.

        Raises:
            UnfitValueError: the event has none, or no usable one.
        """
        if self.own_id is None:
            return None
        try:
            return checked_own_id(self.own_id.find_text(event))
        except InvalidOwnIdError as error:
            raise UnfitValueError(f"{self.own_id.text}: {error}") from error


def read_rules(value: Any) -> tuple[EventRule, ...]:
    """Read the setting: a list of rules, or its JSON text.

    Raises:
        ValueError: it is not a list of such rules.
    """
    rules = json.loads(value) if isinstance(value, str) else value
    if not isinstance(rules, list | tuple):
        raise InvalidRuleError("it is not a list of rules")
    found = tuple(rule if isinstance(rule, EventRule) else EventRule.read(rule) for rule in rules)
    names = [rule.name.lower() for rule in found]
    for name in names:
        if names.count(name) > 1:
            raise InvalidRuleError(f"two rules have the name {name}")
    return found


def by_name(rules: Iterable[EventRule]) -> dict[str, EventRule]:
    """Return rules by their names."""
    return {rule.name: rule for rule in rules}


def _path(value: object) -> JsonPath:
    """Read a path.

    Raises:
        ValueError: it is none, or no event has what it begins with.
    """
    return _checked(JsonPath.parse(value))


def _template(value: object) -> Template:
    """Read a template, whose paths are checked likewise."""
    template = Template.parse(value)
    for part in template.parts:
        if isinstance(part, tuple):
            _checked(part[0])
    return template


def _checked(path: JsonPath) -> JsonPath:
    if path.steps and path.steps[0] not in EVENT_FIELDS:
        raise ValueError(f"no event has {path.text}; an event has {', '.join(EVENT_FIELDS)}")
    return path


def _entities(value: Mapping[str, Any]) -> tuple[Template, ...] | JsonPath | None:
    if "entityId" in value:
        return (_template(value["entityId"]),)
    several = value.get("entityIds")
    if isinstance(several, list):
        if not 1 <= len(several) <= MAX_ENTITIES:
            raise ValueError(f'"entityIds" has 1 to {MAX_ENTITIES} templates')
        return tuple(map(_template, several))
    return None if several is None else _path(several)


def _message(value: Any) -> JsonPath | Mapping[str, JsonPath] | None:
    if value is None:
        return None
    if isinstance(value, dict):
        return {name: _path(path) for name, path in value.items()}
    return _path(value)


def _found(paths: Mapping[str, JsonPath], event: Mapping[str, Any]) -> dict[str, Any]:
    found = {}
    for name, path in paths.items():
        try:
            found[name] = path.find(event)
        except UnfitValueError:
            continue
    return found

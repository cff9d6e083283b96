"""A token's grants: the entities that its bearer may subscribe and publish to.

A grant is an entity id (just that entity), `<entity id>/*` (every entity below that entity, at any depth, but
not the entity itself), or `*` (every entity). Publishing to everyone takes `#everyone`, or `*`. Everything
that no grant covers is forbidden.
"""

import functools
import json
from dataclasses import dataclass
from typing import Self

from entity_push.protocol import strict_json
from entity_push.protocol.ids import (
    BELOW,
    EVERY,
    EVERYONE_GRANT,
    InvalidEntityIdError,
    checked_entity_id,
    checked_pattern,
    is_pattern,
)

MAX_GRANTS_BYTES = 6000
"""The longest grants as a JSON string. They travel in the authorizer's answer, of which API Gateway takes
8 KB in all ("Amazon API Gateway quotas", authorizer result size)."""

GRANT_RULE = (
    'A grant is an entityId, an entityId followed by "/*" (all below it), "*" (all), or, to publish to '
    'everyone, "#everyone". '
    "Grants are a list of them, or one string with spaces between them; ids with spaces need the list."
)


class InvalidGrantError(ValueError):
    """The value is not a set of grants; the message names the rule."""


def covers(pattern: str, wanted: str) -> bool:
    """Return whether a pattern covers a wanted entity id, or everything that a wanted pattern covers.

    Args:
        pattern: a granted entity id or pattern, of the documented form.
        wanted: an entity id or a pattern, of the documented form.
    """
    if pattern in (EVERY, wanted):
        return True
    return pattern.endswith(BELOW) and wanted.startswith(pattern[:-1])


@dataclass(frozen=True, slots=True)
class Grants:
    """The rights of a token's bearer; by default none.

    Attributes:
        subscribe: ids and patterns of the entities that the bearer may subscribe to.
        publish: ids and patterns of the entities that the bearer may publish to.
    """

    subscribe: tuple[str, ...] = ()
    publish: tuple[str, ...] = ()

    def may_subscribe(self, wanted: str) -> bool:
        """Return whether the bearer may subscribe to an entity, or to all that a pattern covers."""
        return any(covers(pattern, wanted) for pattern in self.subscribe)

    def may_publish(self, wanted: str) -> bool:
        """Return whether the bearer may publish to an entity, or to everyone (`EVERYONE_GRANT`)."""
        return any(covers(pattern, wanted) for pattern in self.publish)

    @classmethod
    def from_claims(cls, subscribe: object, publish: object) -> Self:
        """Read the two claims of a token.

        Args:
            subscribe: a list of grants, or one string with spaces between them; None grants nothing.
            publish: the same, for publishing.

        Raises:
            InvalidGrantError: a claim is anything else, or both claims together are too large.
        """
        grants = cls(_patterns(subscribe), _patterns(publish))
        size = len(json.dumps(grants.to_json()))  # quoted, as in the authorizer's answer
        if size > MAX_GRANTS_BYTES:
            raise InvalidGrantError(
                f"The grants take {size} bytes, and at most {MAX_GRANTS_BYTES} fit. "
                'Grant a pattern ("orders/*") in the place of many entities.'
            )
        return grants

    def to_json(self) -> str:
        """Return the grants as a JSON text, in ASCII."""
        return json.dumps({"subscribe": self.subscribe, "publish": self.publish}, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read grants that `to_json` wrote: in this version, an older or a newer one.

        Open connections outlive a deployment by up to two hours. So an unknown kind of grant is passed over,
        and a missing kind grants nothing. The patterns were checked with the token.

        Raises:
            InvalidGrantError: the text is no JSON object.
        """
        return cls(*_stored(text))


EVERYTHING = Grants((EVERY,), (EVERY,))


@functools.lru_cache(maxsize=500)  # every frame of a connection brings the same text, of at most 6 KB
def _stored(text: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    try:
        fields = strict_json.loads(text)
    except strict_json.NotJSONError as error:
        raise InvalidGrantError(GRANT_RULE) from error
    if not isinstance(fields, dict):
        raise InvalidGrantError(GRANT_RULE)
    return _known(fields.get("subscribe")), _known(fields.get("publish"))


def _known(patterns: object) -> tuple[str, ...]:
    found = patterns if isinstance(patterns, list) else []
    return tuple(pattern for pattern in found if isinstance(pattern, str))


def _patterns(claim: object) -> tuple[str, ...]:
    if claim is None:
        return ()
    # Split at spaces only: other white space may be part of an id.
    values = list(filter(None, claim.split(" "))) if isinstance(claim, str) else claim
    if not isinstance(values, list):
        raise InvalidGrantError(GRANT_RULE)
    return tuple(_pattern(value) for value in values)


def _pattern(value: object) -> str:
    if not isinstance(value, str):
        raise InvalidGrantError(GRANT_RULE)
    if value == EVERYONE_GRANT:
        return value
    try:
        if is_pattern(value):  # of any depth: unlike a subscription, a grant costs a push nothing
            return checked_pattern(value, most_levels=len(value))
        return checked_entity_id(value)
    except InvalidEntityIdError as error:
        raise InvalidGrantError(GRANT_RULE) from error

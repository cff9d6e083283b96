"""What a client is told of a channel's past."""

from dataclasses import dataclass, field
from typing import Any

from entity_push.protocol.cursors import Cursor


@dataclass(frozen=True, slots=True)
class CatchUp:
    """What a subscribe's answer says of the channel's past.

    Attributes:
        cursor: how far the answer goes; what to send as `since` next time. None: there is no history.
        recovered: whether every update after the client's `since` is here, or follows with `more`.
        updates: those updates, in order.
        more: whether to ask again, with `cursor` as `since`.
        latest: the channel's last frame, if `updates` does not lead up to it.
    """

    cursor: Cursor | None = None
    recovered: bool = False
    updates: list[dict[str, Any]] = field(default_factory=list)
    more: bool = False
    latest: dict[str, Any] | None = None

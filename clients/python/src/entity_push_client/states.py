"""The states of a client and of a subscription."""

from dataclasses import dataclass
from typing import Literal

from entity_push_client.errors import EntityPushError

ClientWord = Literal["idle", "connecting", "connected", "waiting", "failed", "closed"]
SubscriptionWord = Literal["subscribing", "subscribed", "stale", "refused", "closed"]


@dataclass(frozen=True, slots=True)
class ClientState:
    """What a client is doing.

    Attributes:
        name: `idle` (nothing was asked for yet), `connecting`, `connected`, `waiting` (before the next
            attempt), `failed` (for good), or `closed`.
        until: when waiting ends, in seconds by the client's clock; None in other states.
        error: why it waits, or has failed; None in other states.
    """

    name: ClientWord
    until: float | None = None
    error: EntityPushError | None = None


@dataclass(frozen=True, slots=True)
class SubscriptionState:
    """What a subscription is doing.

    Attributes:
        name: `subscribing` (the server has not answered yet), `subscribed`, `stale` (there is no connection:
            updates may be missing, and will follow), `refused`, or `closed`.
        error: why it is refused, or why the client has failed; None in other states.
    """

    name: SubscriptionWord
    error: EntityPushError | None = None

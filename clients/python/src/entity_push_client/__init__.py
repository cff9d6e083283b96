"""A client of Entity Push that misses no update: asyncio, on `websockets`.

async with EntityPush(url, token=fetch_token) as push:
    async for change in push.subscribe("orders/42", get_state=fetch_order):
        ...
"""

from entity_push_client.backoff import Backoff
from entity_push_client.changes import Change, Reset, Update
from entity_push_client.client import EntityPush
from entity_push_client.clock import Clock, SystemClock
from entity_push_client.errors import (
    ClosedError,
    ConnectionLostError,
    EntityPushError,
    FailedError,
    GiveUpError,
    HandshakeError,
    InvalidMessageError,
    OutcomeUnknownError,
    RefusedError,
    ServerError,
    StateError,
    TokenError,
)
from entity_push_client.names import Channel
from entity_push_client.publishing import Published
from entity_push_client.sockets import Connect, Socket, connect
from entity_push_client.states import ClientState, SubscriptionState
from entity_push_client.subscription import Subscription
from entity_push_client.version import __version__

__all__ = [
    "Backoff",
    "Change",
    "Channel",
    "ClientState",
    "Clock",
    "ClosedError",
    "Connect",
    "ConnectionLostError",
    "EntityPush",
    "EntityPushError",
    "FailedError",
    "GiveUpError",
    "HandshakeError",
    "InvalidMessageError",
    "OutcomeUnknownError",
    "Published",
    "RefusedError",
    "Reset",
    "ServerError",
    "Socket",
    "StateError",
    "Subscription",
    "SubscriptionState",
    "SystemClock",
    "TokenError",
    "Update",
    "__version__",
    "connect",
]

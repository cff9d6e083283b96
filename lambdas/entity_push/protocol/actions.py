"""The actions of clients, one line each: the stack makes the routes from this list.

A frame `{"action":"subscribe",…}` goes to the route of that name, whose handler is a module in `lambdas/`.
"""

from typing import NamedTuple


class Handler(NamedTuple):
    """The function behind a route, with what its role may do.

    Attributes:
        module: the module in `lambdas/`.
        table: DynamoDB's actions on the table. A transaction needs those of the single writes in it
            (DynamoDB Developer Guide, "Amazon DynamoDB Transactions: How it works", IAM).
        items: what the partition keys begin with that these actions may name. A transaction's keys stand
            together: no source says whether IAM looks at each of them alone.
        bus: EventBridge's actions on the bus.
    """

    module: str
    table: tuple[str, ...] = ()
    items: tuple[str, ...] = ()
    bus: tuple[str, ...] = ()


class Action(NamedTuple):
    """What a client may ask for.

    Attributes:
        name: the frame's `action`.
        handler: answers it; None if API Gateway itself answers, with a pong.
    """

    name: str
    handler: Handler | None


CHAT_ACTIONS = ("onMessage", "message")
"""Two names of the same: chats and messengers that are written for API Gateway use either."""

_OF_SUBSCRIPTIONS = ("CONNECTION#", "CHANNEL#")

_PUBLISH = Handler("publish", table=("GetItem",), items=("CONNECTION#",), bus=("PutEvents",))

ACTIONS = (
    Action(
        "subscribe",
        Handler("subscribe", table=("UpdateItem", "PutItem", "GetItem", "Query"), items=_OF_SUBSCRIPTIONS),
    ),
    Action(
        "unsubscribe",
        Handler("unsubscribe", table=("UpdateItem", "DeleteItem", "GetItem"), items=_OF_SUBSCRIPTIONS),
    ),
    Action("publish", _PUBLISH),
    *(Action(name, _PUBLISH) for name in CHAT_ACTIONS),
    Action("ping", None),
)

ACTION_NAMES = tuple(action.name for action in ACTIONS)

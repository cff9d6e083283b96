"""What a shop's backend does for live orders: keep the state, tell of changes, hand out tokens."""

import json
import threading
from typing import Any

from operations.minting import TokenSigner

TOKEN_SECONDS = 15 * 60
STATES = ("new", "paid", "shipped", "delivered")


class UnknownOrderError(LookupError):
    """There is no such order."""


class Shop:
    """The orders, and who may see them.

    Args:
        events: an EventBridge client.
        event_bus_name: the deployment's output EventBusName.
        signer: signs tokens with the deployment's secret; docs/how-to/mint-tokens.md does it in ten lines.
    """

    def __init__(self, events: Any, event_bus_name: str, signer: TokenSigner):
        self._events, self._event_bus_name, self._signer = events, event_bus_name, signer
        self._lock = threading.Lock()
        self._orders = {str(id): {"id": str(id), "state": STATES[0], "version": 0} for id in (41, 42, 43)}

    def token(self, user: str) -> str:
        """Return a token for a user who has signed in. It allows to follow the user's orders, and no more."""
        return self._signer.token(user, subscribe=["orders/*"], seconds=TOKEN_SECONDS)

    def order(self, order_id: str) -> dict[str, Any]:
        """Return an order.

        Raises:
            UnknownOrderError: there is none with this id.
        """
        with self._lock:
            if order_id not in self._orders:
                raise UnknownOrderError(order_id)
            return dict(self._orders[order_id])

    def move_on(self, order_id: str) -> dict[str, Any]:
        """Bring an order to its next state, and tell everybody who follows it; return it.

        Raises:
            UnknownOrderError: there is none with this id.
        """
        order = self.order(order_id)
        order["state"] = STATES[(STATES.index(order["state"]) + 1) % len(STATES)]
        order["version"] += 1
        with self._lock:
            self._orders[order_id] = order
        # After the state, so that whoever is told finds it. The version lets nobody go back to an older one.
        detail = {"entityId": f"orders/{order_id}", "message": order, "version": order["version"]}
        entry = {"Source": "shop", "DetailType": "Entity Updated", "Detail": json.dumps(detail)}
        answer = self._events.put_events(Entries=[{**entry, "EventBusName": self._event_bus_name}])
        if answer["FailedEntryCount"]:
            raise RuntimeError(f"EventBridge has not taken the event: {answer['Entries'][0]['ErrorMessage']}")
        return order

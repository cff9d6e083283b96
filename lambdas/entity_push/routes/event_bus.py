"""Putting events on EventBridge."""

from collections.abc import Mapping
from typing import Any

from entity_push.protocol import strict_json
from entity_push.runtime.aws_errors import AwsError


class NotPutError(Exception):
    """EventBridge did not take the event; the message has the reason."""


class Bus:
    """An EventBridge bus.

    Args:
        client: an EventBridge client.
        name: the bus's name.
        source: the source that the events name.
    """

    def __init__(self, client: Any, name: str, source: str):
        self._client, self._name, self._source = client, name, source

    def put(self, detail_type: str, detail: Mapping[str, Any]) -> str:
        """Put an event; return the id that EventBridge gave it.

        Raises:
            NotPutError: EventBridge refused the event, or could not be reached.
        """
        entry = {
            "EventBusName": self._name,
            "Source": self._source,
            "DetailType": detail_type,
            # More escapes would take up to three times the bytes, of which an event has 1 MB at most.
            "Detail": strict_json.for_queue(detail),
        }
        try:
            (result,) = self._client.put_events(Entries=[entry])["Entries"]
        except AwsError as error:
            raise NotPutError(str(error)) from error
        if "EventId" not in result:
            raise NotPutError(f"{result.get('ErrorCode')}: {result.get('ErrorMessage')}")
        event_id: str = result["EventId"]
        return event_id

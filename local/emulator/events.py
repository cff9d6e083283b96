"""What EventBridge takes: an event whose detail is a JSON object, and no other.

MiniStack takes any text as a detail. Source: Amazon EventBridge API Reference, PutEventsRequestEntry (the
field `Detail`) and PutEventsResultEntry (the error codes).
"""

import json
from typing import Any

from local.emulator.seams import eventbridge

MALFORMED = {"ErrorCode": "MalformedDetail", "ErrorMessage": "Detail is malformed."}


def install() -> None:
    """Refuse entries of `PutEvents` whose detail is no JSON object; the others are taken."""
    put = eventbridge._put_events

    def put_events(data: dict[str, Any], **options: Any) -> Any:
        entries = data.get("Entries", [])
        usable = [entry for entry in entries if _is_object(entry.get("Detail", "{}"))]
        if len(usable) == len(entries):
            return put(data, **options)
        status, headers, body = put({**data, "Entries": usable}, **options)
        if status != 200:
            return status, headers, body
        answer = json.loads(body)
        results = iter(answer["Entries"])
        return eventbridge.json_response(
            {
                "FailedEntryCount": answer["FailedEntryCount"] + len(entries) - len(usable),
                "Entries": [next(results) if entry in usable else MALFORMED for entry in entries],
            }
        )

    eventbridge._put_events = put_events


def _is_object(detail: Any) -> bool:
    try:
        return isinstance(json.loads(detail, parse_constant=_refuse), dict)
    except (TypeError, ValueError, RecursionError):
        return False


def _refuse(constant: str) -> None:
    raise ValueError(constant)

"""The permissions of operations for which MiniStack and AWS differ."""

import json
import re
from collections.abc import Iterator
from typing import Any

from local.emulator import seams

_BATCH = "Batch"
_EQUALS = re.compile(r"([#\w.-]+)\s*=\s*(:\w+)")


def install() -> None:
    """Adapt the permissions of both services."""
    _cover_batches()
    _tell_leading_keys()


def _cover_batches() -> None:
    """Let the permission for one SQS message (send, delete, hide) cover a batch of messages.

    AWS has no permission for batches. Source: SQS Developer Guide, "Amazon SQS batch actions".
    """
    extract = seams.iam_actions.extract_iam_action

    def extract_iam_action(service: str, *request: Any) -> Any:
        action = extract(service, *request)
        if service == "sqs" and isinstance(action, str):
            return action.removesuffix(_BATCH)
        return action

    seams.iam_actions.extract_iam_action = extract_iam_action


def _tell_leading_keys() -> None:
    """Let policies look at the partition keys that a request to DynamoDB names (`dynamodb:LeadingKeys`).

    For a transaction that is all of its keys: AWS may look at each alone, and no source tells.
    Source: DynamoDB Developer Guide, "Using IAM policy conditions for fine-grained access control".
    """
    context_of = seams.iam_actions.dynamodb_service_context

    def dynamodb_service_context(body: bytes) -> dict[str, Any]:
        context: dict[str, Any] = context_of(body)
        try:
            keys = sorted(set(_leading_keys(json.loads(body or b"{}"))))
        except (AttributeError, KeyError, TypeError, ValueError):
            return context  # no request of DynamoDB's form: DynamoDB itself refuses it
        return {**context, "dynamodb:LeadingKeys": keys} if keys else context

    seams.iam_actions.dynamodb_service_context = dynamodb_service_context


def _leading_keys(request: dict[str, Any]) -> Iterator[str]:
    """Yield the partition keys that a request names."""
    for name, item in _items(request):
        table = seams.dynamodb._tables.get(name, {})
        yield from item.get(table.get("pk_name"), {}).values()
    table = seams.dynamodb._tables.get(request.get("TableName"), {})
    names = request.get("ExpressionAttributeNames", {})
    for left, right in _EQUALS.findall(request.get("KeyConditionExpression", "")):
        if names.get(left, left) == table.get("pk_name"):
            yield from request["ExpressionAttributeValues"].get(right, {}).values()


def _items(request: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the keys and the items that a request names, each after its table's name."""
    for write in request.get("TransactItems", []):
        for single in write.values():
            yield from _items(single)
    for table, wanted in request.get("RequestItems", {}).items():
        writes = [inner for write in wanted for inner in write.values()] if isinstance(wanted, list) else []
        keys = wanted["Keys"] if isinstance(wanted, dict) else []
        yield from ((table, write.get("Key") or write["Item"]) for write in writes)
        yield from ((table, key) for key in keys)
    if item := request.get("Key") or request.get("Item"):
        yield request["TableName"], item

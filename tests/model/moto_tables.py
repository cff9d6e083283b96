"""moto's tables without botocore and HTTP, which cost four times as much as moto itself."""

import base64
import json
from collections.abc import Sequence
from typing import Any

from entity_push.runtime.aws_errors import RefusedError
from entity_push.runtime.json_client import Call
from entity_push.table.calls import one_by_one
from moto.core.exceptions import JsonRESTError
from moto.core.model_instances import reset_model_data
from moto.dynamodb.models import dynamodb_backends
from moto.dynamodb.models.dynamo_type import DynamoType
from moto.dynamodb.responses import DynamoHandler

_ACCOUNT, _REGION = "123456789012", "us-east-1"


def _plain(value: Any) -> Any:
    """Return a value as moto writes it into an answer, and bytes as base64."""
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    return value.to_json() if isinstance(value, DynamoType) else str(value)


def _as_on_the_wire(value: Any) -> Any:
    """Return a copy of parameters with bytes as base64, as they go over the wire."""
    if isinstance(value, dict):
        return {name: _as_on_the_wire(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_as_on_the_wire(one) for one in value]
    return base64.b64encode(value).decode() if isinstance(value, bytes) else value


class MotoTables:
    """A DynamoDB client, as far as the functions use one, that calls moto's handlers.

    Bytes in its answers are base64, as `JsonClient` leaves them.
    """

    def at_once(self, calls: Sequence[Call]) -> Sequence[Any]:
        """Make calls, as `JsonClient.at_once` does."""
        return one_by_one(self)(calls)

    def __getattr__(self, name: str) -> Any:
        def call(**parameters: Any) -> Any:
            handler = DynamoHandler()
            handler.current_account, handler.region = _ACCOUNT, _REGION
            handler.body = _as_on_the_wire(parameters)
            try:
                result = getattr(handler, name)().result
            except JsonRESTError as error:
                raise _refused(error, name) from None
            finally:
                reset_model_data()  # moto remembers all its objects, gigabytes of them
            return json.loads(json.dumps(result, default=_plain))

        return call

    def clear(self) -> None:
        """Delete all items of all tables."""
        for table in dynamodb_backends[_ACCOUNT][_REGION].tables.values():
            table.items.clear()


def _refused(error: JsonRESTError, operation: str) -> RefusedError:
    body = json.loads(str(error.description))
    code = body.pop("__type").rpartition("#")[2]
    message = body.pop("message", "") or body.pop("Message", "")
    return RefusedError(operation, code, message, members=body)

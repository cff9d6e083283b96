"""moto's tables without botocore and HTTP, which cost four times as much as moto itself."""

import copy
import json
from typing import Any

from botocore.exceptions import ClientError
from moto.core.exceptions import JsonRESTError
from moto.core.model_instances import reset_model_data
from moto.dynamodb.models import dynamodb_backends
from moto.dynamodb.models.dynamo_type import DynamoType
from moto.dynamodb.responses import DynamoHandler

_ACCOUNT, _REGION = "123456789012", "us-east-1"


def _plain(value: Any) -> Any:
    """Return a value as moto writes it into an answer."""
    return value.to_json() if isinstance(value, DynamoType) else str(value)


class MotoTables:
    """A DynamoDB client, as far as the functions use one, that calls moto's handlers."""

    def __getattr__(self, name: str) -> Any:
        def call(**parameters: Any) -> Any:
            handler = DynamoHandler()
            handler.current_account, handler.region = _ACCOUNT, _REGION
            handler.body = copy.deepcopy(parameters)
            try:
                result = getattr(handler, name)().result
            except JsonRESTError as error:
                raise _client_error(error, name) from None
            finally:
                reset_model_data()  # moto remembers all its objects, gigabytes of them
            return json.loads(json.dumps(result, default=_plain))

        return call

    def clear(self) -> None:
        """Delete all items of all tables."""
        for table in dynamodb_backends[_ACCOUNT][_REGION].tables.values():
            table.items.clear()


def _client_error(error: JsonRESTError, operation: str) -> ClientError:
    body = json.loads(str(error.description))
    code = body.pop("__type").rpartition("#")[2]
    message = body.pop("message", "") or body.pop("Message", "")
    response: Any = {"Error": {"Code": code, "Message": message}, **body}
    return ClientError(response, operation)

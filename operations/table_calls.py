"""A client of boto3, which knows people's profiles and roles, as the table's code knows clients."""

from typing import Any

from botocore.exceptions import ClientError
from entity_push.runtime.aws_errors import RefusedError
from entity_push.table.calls import MakeCalls, one_by_one


class TableClient:
    """A client of DynamoDB whose refusals are those that the table's code knows.

    Args:
        client: boto3's.
    """

    def __init__(self, client: Any):
        self._client = client

    def __getattr__(self, operation: str) -> Any:
        method = getattr(self._client, operation)

        def call(**parameters: Any) -> Any:
            try:
                return method(**parameters)
            except ClientError as error:
                known: Any = error.response
                told = known["Error"]
                raise RefusedError(operation, told["Code"], told.get("Message", ""), members=known) from error

        return call


def by(client: Any) -> MakeCalls:
    """Return a function that makes a task's calls one after the other, by a client of boto3."""
    return one_by_one(TableClient(client))

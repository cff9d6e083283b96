"""The histories in the table of a deployment: what clients are owed."""

from typing import Any

from entity_push.protocol.channels import EVERYONE, entity_channel, user_channel
from entity_push.table import keys
from entity_push.table.log import Segment

from local.aws import LocalAws
from local.deployment import Outputs

Frame = dict[str, Any]


class Stored:
    """Reads the table, strongly consistent.

    Args:
        aws: the local AWS.
        outputs: the deployment's.
    """

    def __init__(self, aws: LocalAws, outputs: Outputs):
        self._client, self._table = aws.client("dynamodb"), outputs.table_name

    def frames(self, channel: str) -> list[Frame]:
        """Return the frames of a channel's life in order; none before it begins."""
        if (query := self._query(channel)) is None:
            return []
        pages = self._client.get_paginator("query").paginate(**query)
        segments = [Segment.from_item(item) for page in pages for item in page["Items"]]
        return [frame for segment in segments for _, frame in segment.numbered()]

    def head(self, channel: str) -> str | None:
        """Return the last frame's cursor; None before the first."""
        if (query := self._query(channel)) is None:
            return None
        found = self._client.query(**query, ScanIndexForward=False, Limit=1)["Items"]
        frames = [frame for item in found for _, frame in Segment.from_item(item).numbered()]
        return str(frames[-1]["cursor"]) if frames else None

    def _query(self, channel: str) -> Any:
        """Return the query for a life's segments; None if there is no life."""
        key = keys.life(channel)
        life = self._client.get_item(TableName=self._table, Key=key, ConsistentRead=True).get("Item")
        if life is None:
            return None
        epoch = life["epoch"]["S"]
        return {
            "TableName": self._table,
            "KeyConditionExpression": "pk = :pk AND begins_with(sk, :log)",
            "ExpressionAttributeValues": {":pk": key["pk"], ":log": {"S": f"{keys.LOG}{epoch}#"}},
            "ConsistentRead": True,
        }


def channel_of(name: str, user: str) -> str:
    """Return the channel that a subscription's name means to a user: an entity id, `(user)`, `(everyone)`."""
    return {"(user)": user_channel(user), "(everyone)": EVERYONE}.get(name) or entity_channel(name)

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
        """Return a channel's frames in order."""
        pages = self._client.get_paginator("query").paginate(**self._query(channel))
        segments = [Segment.from_item(item) for page in pages for item in page["Items"]]
        return [frame for segment in segments for _, frame in segment.numbered()]

    def head(self, channel: str) -> str | None:
        """Return the last frame's cursor; None before the first."""
        found = self._client.query(**self._query(channel), ScanIndexForward=False, Limit=1)["Items"]
        frames = [frame for item in found for _, frame in Segment.from_item(item).numbered()]
        return str(frames[-1]["cursor"]) if frames else None

    def _query(self, channel: str) -> Any:
        return {
            "TableName": self._table,
            "KeyConditionExpression": "pk = :pk AND begins_with(sk, :log)",
            "ExpressionAttributeValues": {":pk": {"S": keys.CHANNEL + channel}, ":log": {"S": keys.LOG}},
            "ConsistentRead": True,
        }


def channel_of(name: str, user: str) -> str:
    """Return the channel that a subscription's name means to a user: an entity id, `(user)`, `(everyone)`."""
    return {"(user)": user_channel(user), "(everyone)": EVERYONE}.get(name) or entity_channel(name)

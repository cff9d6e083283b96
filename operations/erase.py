"""A user erased: connections closed, and the history of their notifications deleted.

make erase ARGS="--user alice"
"""

import argparse
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError
from entity_push.protocol.channels import user_channel
from entity_push.protocol.ids import checked_user_id
from entity_push.table import keys
from entity_push.table.batch_write import BatchWriter
from entity_push.table.conflicts import ConflictRetries, StillConflictingError
from entity_push.table.connections import OPENING_SECONDS, Connections
from entity_push.table.keys import Item

from operations import deployment
from operations.forget import Histories, linger
from operations.table_calls import TableClient
from operations.visible import visible

DESCRIPTION = """\
Erase users: close their connections, and delete these and the history of their notifications from the
table. Issue no more tokens for them before: whoever has a good one connects again. Other places, such as
histories of entities and logs, are not touched: docs/how-to/erase-a-user.md lists each, and until when.
"""

EXAMPLES = """\
examples:
  make erase ARGS="--user alice --dry-run"
  make erase ARGS="--user alice --stack Orders"

It takes two and a half minutes: it ends the history, waits until no worker remembers it, and then deletes it.
After a stop, or an error, run it again: repeating is harmless. It ends with 0 if nothing is left there.
"""


@dataclass(frozen=True)
class Known:
    """What the partition of a user's channel has.

    Attributes:
        connections: the ids of connections, open or lost.
        segments: the keys of the history's segments.
        life: the epoch of the present life; None if there is none.
    """

    connections: Sequence[str] = ()
    segments: Sequence[Item] = ()
    life: str | None = None

    @property
    def epochs(self) -> frozenset[str]:
        """All lives that something is left of."""
        of_segments = {_epoch(key) for key in self.segments}
        return frozenset(of_segments | ({self.life} if self.life else set()))

    @property
    def sentence(self) -> str:
        """What it is, in a sentence."""
        some = f"{len(self.connections)} connections, {len(self.segments)} segments of a history"
        return some if self.connections or self.epochs else "nothing is known"


class Erasure:
    """Erases users from a table.

    Args:
        client: a botocore client of DynamoDB.
        table: the table's name.
        api: a botocore client of the API's `@connections`.
        sleep: waits; tests replace it.
    """

    def __init__(self, client: Any, table: str, api: Any, sleep: Callable[[float], None] = time.sleep):
        self._client, self._table, self._api, self._sleep = client, table, api, sleep
        table_client = TableClient(client)
        self._connections, self._histories = Connections(table_client, table), Histories(client, table)
        self._writer = BatchWriter(table_client, table, ConflictRetries())

    def known(self, user_id: str) -> Known:
        """Return what is known of a user, strongly consistent."""
        found = list(self._items(user_channel(user_id)))
        lives = [item["epoch"]["S"] for item in found if item["sk"]["S"] == keys.LIFE]
        names = [item["sk"]["S"] for item in found]
        return Known(
            [name.removeprefix(keys.SUBSCRIBER) for name in names if name.startswith(keys.SUBSCRIBER)],
            [{"pk": item["pk"], "sk": item["sk"]} for item in found if item["sk"]["S"].startswith(keys.LOG)],
            lives[0] if lives else None,
        )

    def erase(self, user_ids: Sequence[str]) -> dict[str, Known]:
        """Erase users; return what is known of them afterwards, which came while they were erased.

        Raises:
            ClientError: AWS refused something. What is done is done; another run goes on.
            StillConflictingError: other writers kept changing the same items; likewise.
        """
        ended = {user_id: self._end(user_id) for user_id in user_ids}
        if any(ended.values()):
            linger(self._sleep)
        for user_id, epochs in ended.items():
            self._delete(user_id, epochs)
        return {user_id: self._close(user_id) for user_id in user_ids}

    def _end(self, user_id: str) -> frozenset[str]:
        """Close a user's connections and end the history; return the lives that have ended by now.

        All were there before: whoever begins a life after this end goes on with it.
        """
        known = self._close(user_id)
        self._histories.forget(user_channel(user_id))
        return known.epochs

    def _close(self, user_id: str) -> Known:
        """Close a user's connections and delete their items; return what was known before."""
        known, channel = self.known(user_id), user_channel(user_id)
        now = time.time()
        gone = [connection_id for connection_id in known.connections if not self._is_closed(connection_id)]
        # API Gateway does not know a connection that is only opening: that one is closed at the end.
        young = self._connections.forget(gone, channel, opened_before=round((now - OPENING_SECONDS) * 1000))
        for connection_id in set(known.connections).difference(gone):
            self._connections.delete(connection_id)
        if closed := len(known.connections) - len(young):
            print(f"{visible(user_id)}: {closed} connections are closed", flush=True)
        return known

    def _is_closed(self, connection_id: str) -> bool:
        """Close a connection; return False if there was none."""
        try:
            self._api.delete_connection(ConnectionId=connection_id)
        except ClientError as error:
            if error.response["Error"]["Code"] != "GoneException":
                raise
            return False
        return True

    def _delete(self, user_id: str, epochs: frozenset[str]) -> None:
        """Delete what is left of lives that have ended long enough ago. The life's own item goes first.

        No worker goes on with them any more (`forget.LINGER_SECONDS`): it looks at its life at least once a
        minute, and meets the seal there. So no update is stored in a life that is deleted.
        """
        known = self.known(user_id)
        if known.life in epochs:
            self._delete_life(user_channel(user_id), str(known.life))
        old = [key for key in known.segments if _epoch(key) in epochs]
        self._writer.delete(old)
        if epochs:
            print(f"{visible(user_id)}: {len(old)} segments are deleted", flush=True)

    def _delete_life(self, channel: str, epoch: str) -> None:
        try:
            self._client.delete_item(
                TableName=self._table,
                Key=keys.life(channel),
                ConditionExpression="epoch = :epoch",
                ExpressionAttributeValues={":epoch": {"S": epoch}},
            )
        except ClientError as error:
            if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
                raise  # else another life has just begun, which is told at the end

    def _items(self, channel: str) -> Iterator[Item]:
        pages = self._client.get_paginator("query").paginate(
            TableName=self._table,
            KeyConditionExpression="pk = :pk",
            ExpressionAttributeValues={":pk": keys.life(channel)["pk"]},
            ProjectionExpression="pk, sk, epoch",
            ConsistentRead=True,
        )
        for page in pages:
            yield from page["Items"]


def _epoch(key: Item) -> str:
    """Return the epoch in a segment's key."""
    epoch: str = key["sk"]["S"].split("#")[1]
    return epoch


@deployment.command(
    "erase",
    "Not all could be erased: {}. Run it again: repeating is harmless.",
    sentences=[ValueError],
    refusals=[StillConflictingError],
)
def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status."""
    chosen = _parse(arguments)
    users = list(dict.fromkeys(map(checked_user_id, chosen.user)))
    found = deployment.find(chosen)
    erasure = Erasure(found.client("dynamodb"), found.outputs["TableName"], found.connections())
    for user_id in users:
        print(f"{visible(user_id)}: {erasure.known(user_id).sentence}", flush=True)
    if chosen.dry_run:
        return 0
    what = f"Erase {len(users)} users" if len(users) > 1 else f"Erase the user {visible(users[0])}"
    if not deployment.may_change(found, what, said_yes=chosen.yes):
        return 1
    left = erasure.erase(users)
    for user_id, known in left.items():
        for sentence in _came_back(known):
            print(f"erase: {visible(user_id)} {sentence}", file=sys.stderr)
    return 1 if any(known.connections or known.epochs for known in left.values()) else 0


def _came_back(known: Known) -> Iterator[str]:
    if known.connections:
        yield (
            "has connected again, with a token that is still good, and was closed again: let that token end, "
            "or rotate the secret twice, then run this again"
        )
    if known.epochs:
        yield (
            "has a new history: something still puts notifications for them, or they have subscribed. Stop "
            "that, then run this again"
        )


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="make erase",
        description=DESCRIPTION,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--user", nargs="+", action="extend", required=True, metavar="ID", help="whom to erase"
    )
    parser.add_argument("--dry-run", action="store_true", help="only say what there is")
    parser.add_argument("--yes", action="store_true", help="do not ask; in the local AWS nobody is asked")
    deployment.add_arguments(parser)
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())

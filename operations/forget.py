"""Histories that are forgotten: the next update begins a new life, and clients fetch the state anew.

make forget ARGS="--entity orders/42"
make forget ARGS="--all"
"""

import argparse
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from entity_push.push.retries import FUNCTION_SECONDS
from entity_push.table import keys
from entity_push.table.calls import run
from entity_push.table.conflicts import StillConflictingError
from entity_push.table.history import TRUST_SECONDS
from entity_push.table.log import Log, Segment
from entity_push.table.no_history import NoHistory

from operations import deployment, named_channels, table_calls
from operations.visible import visible

DESCRIPTION = """\
Forget histories: wrong versions, a restored backup. The next update of each channel begins a new life: its
numbers begin at 1, and any version counts as new. Clients are told to fetch the state anew, at that update or
when they come back. No update is deleted before its time; none of the old life is replayed.
"""

EXAMPLES = """\
examples:
  make forget ARGS="--entity orders/42 orders/43"
  make forget ARGS="--all --stack Orders"

--all takes three minutes and more: it ends all histories, waits until no worker remembers one, and ends those
that have begun meanwhile. After a stop, or an error, run it again: repeating is harmless.
"""

LINGER_SECONDS = TRUST_SECONDS + FUNCTION_SECONDS + 30
"""How long a worker may go on with a life that it has not looked at, with one invocation and a reserve."""

LONGEST_LIFE_SECONDS = 2 * 30 * 24 * 3600
"""No life ends later from now: `replayHours` is at most 30 days."""

AT_ONCE = 10
"""Histories that are ended at once: the connections that boto3's client keeps."""

PROGRESS_SECONDS = 5.0


class Histories:
    """The histories in a table.

    Args:
        client: a botocore client of DynamoDB.
        table: the table's name.
        sleep: waits; tests replace it.
    """

    def __init__(self, client: Any, table: str, sleep: Callable[[float], None] = time.sleep):
        self._client, self._table, self._sleep = client, table, sleep
        self._log, self._no_history = Log(table), NoHistory(table)

    def forget(self, channel: str) -> bool:
        """End the life of a channel's history; return whether there was one."""
        return run(self._end(channel), table_calls.by(self._client))

    def forget_all(self) -> None:
        """End all lives, also where workers remember more than the table has: after a backup was restored.

        Such a worker appends behind the end that the table knows, and so passes a seal there, until it looks
        at the life again. The lives that others begin meanwhile lack its updates. So they are ended, too.
        """
        print(f"{self._end_each():,} histories are ended.", flush=True)
        linger(self._sleep)
        print(f"{self._end_each():,} histories are ended again, with those that began meanwhile.", flush=True)

    async def _end(self, channel: str) -> bool:
        life = await self._log.life(channel)
        if life is None:
            return False
        # A worker that knows the log's end meets this seal at its next put.
        await self._no_history.seal(channel)
        # Behind every number, this one stays the tail, whatever is appended by a worker that knows more.
        now = time.time()
        seal = Segment(life.epoch, keys.MOST, [], now, int(now) + LONGEST_LIFE_SECONDS)
        await self._log.append(channel, seal)
        return True

    def _end_each(self) -> int:
        ended, shown = 0, time.monotonic()
        with ThreadPoolExecutor(AT_ONCE) as pool:
            for channels in self._channels():
                ended += sum(pool.map(self.forget, channels))
                if time.monotonic() - shown > PROGRESS_SECONDS:
                    shown = time.monotonic()
                    print(f"  {ended:,} so far", flush=True)
        return ended

    def _channels(self) -> Iterator[list[str]]:
        """Yield the channels that have a history, page by page."""
        pages = self._client.get_paginator("scan").paginate(
            TableName=self._table,
            FilterExpression="sk = :life",
            ExpressionAttributeValues={":life": {"S": keys.LIFE}},
            ProjectionExpression="pk",
            ConsistentRead=True,
        )
        for page in pages:
            yield [item["pk"]["S"].removeprefix(keys.CHANNEL) for item in page["Items"]]


def linger(sleep: Callable[[float], None]) -> None:
    """Wait until no worker goes on with a life that has ended, and tell so."""
    left = LINGER_SECONDS
    print(f"Workers may remember them for {left:.0f} s. Waiting ...", flush=True)
    while left > 0:
        sleep(min(left, PROGRESS_SECONDS))
        left -= PROGRESS_SECONDS
        if left > 0:
            print(f"  {left:.0f} s left", flush=True)


@deployment.command(
    "forget",
    "A history could not be ended: {}. Run it again: repeating is harmless.",
    sentences=[ValueError],
    refusals=[StillConflictingError],
)
def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status."""
    chosen = _parse(arguments)
    channels = named_channels.named(chosen)
    found = deployment.find(chosen)
    histories = Histories(found.client("dynamodb"), chosen.table or found.outputs["TableName"])
    if chosen.all:
        if not deployment.may_change(found, "Forget all histories", said_yes=chosen.yes):
            return 1
        histories.forget_all()
    for channel in channels:
        had = histories.forget(channel)
        print(f"{'forgotten' if had else 'has no history'}: {visible(channel)}", flush=True)
    return 0


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="make forget",
        description=DESCRIPTION,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    named_channels.add_arguments(parser, "the history")
    parser.add_argument("--all", action="store_true", help="every history in the table")
    parser.add_argument(
        "--yes", action="store_true", help="do not ask before --all; in the local AWS nobody is asked"
    )
    parser.add_argument(
        "--table", help="a restored table that is not in the stack yet (default: the stack's)"
    )
    deployment.add_arguments(parser)
    chosen = parser.parse_args(arguments)
    some = bool(chosen.entity or chosen.user or chosen.everyone)
    if some == chosen.all:
        parser.error("say which histories: --entity, --user and --everyone, or --all")
    return chosen


if __name__ == "__main__":
    sys.exit(main())

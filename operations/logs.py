"""What a deployment's functions and its API have logged, in one stream by time.

make logs
make logs ARGS="--since 2h --filter refused --function authorize"
"""

import argparse
import json
import re
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from operations import deployment
from operations.deployment import Deployment, DeploymentError
from operations.visible import visible
from stacks.contract import name_prefix

UNITS = {"s": 1, "m": 60, "h": 3600, "d": 24 * 3600}
FOLLOW_SECONDS = 2.0

LATE_SECONDS = 30
"""How late a line may come into CloudWatch: while following, this much is looked at again."""

_LOG_GROUP = "AWS::Logs::LogGroup"

_NOISE = ("START ", "END ", "REPORT ", "INIT_START ")
"""What Lambda's runtime writes about each invocation in its text format."""

_PLATFORM = "platform."
"""What its lines in the JSON format are called."""

_LEFT_OUT = ("timestamp", "service", "requestTime", "location", "_aws")
"""Members of a JSON line that are said already, or are not for people."""

EXAMPLES = """\
examples:
  make logs                                           the last 10 minutes
  make logs ARGS="--since 1d --filter 'connect refused'"
  make logs ARGS="--follow --function push"
  make logs ENV=staging ARGS="--json"
"""


@dataclass(frozen=True)
class Line:
    """A line of a log.

    Attributes:
        at: when it was written, in milliseconds since 1970.
        source: the function, or `access` for the API's.
        text: the line as it is in CloudWatch.
    """

    at: int
    source: str
    text: str

    def shown(self) -> str:
        """Return it for people: what happened first, then the other members of a JSON line."""
        time_of_day = f"{datetime.fromtimestamp(self.at / 1000, UTC):%Y-%m-%d %H:%M:%S}"
        return f"{time_of_day}  {self.source:<11}  {visible(_readable(self.text))}"

    @property
    def is_noise(self) -> bool:
        """Whether it only tells that an invocation began or ended."""
        return self.text.startswith(_NOISE) or str(self.members.get("type", "")).startswith(_PLATFORM)

    @property
    def members(self) -> dict[str, Any]:
        """The members of a JSON line; none of another one."""
        return _members(self.text)


def groups(found: Deployment, construct: str) -> dict[str, str]:
    """Return a deployment's log groups: what they are of, by their names."""
    prefix = name_prefix(construct.split("/"))
    pages = (
        found.client("cloudformation").get_paginator("list_stack_resources").paginate(StackName=found.stack)
    )
    return {
        item["PhysicalResourceId"]: _source(item["LogicalResourceId"].removeprefix(prefix))
        for page in pages
        for item in page["StackResourceSummaries"]
        if item["ResourceType"] == _LOG_GROUP and item["LogicalResourceId"].startswith(prefix)
    }


def lines(
    logs: Any, names: Mapping[str, str], since: float, pattern: str, *, asks_for: str = ""
) -> list[Line]:
    """Return the lines of log groups since a time, in the order of time.

    Args:
        logs: a client of CloudWatch Logs.
        names: the groups, with what they are of.
        since: seconds since 1970.
        pattern: a text that the lines have; empty for all.
        asks_for: a filter pattern of CloudWatch Logs, which then sends fewer lines; empty for none.
    """
    found: list[Line] = []
    fewer = {"filterPattern": asks_for} if asks_for else {}
    for name, source in names.items():
        pages = logs.get_paginator("filter_log_events").paginate(
            logGroupName=name, startTime=max(0, int(since * 1000)), **fewer
        )
        for event in (event for page in pages for event in page["events"]):
            text = event["message"].rstrip("\n")
            if pattern in text:
                found.append(Line(event["timestamp"], source, text))
    return sorted(found, key=lambda line: line.at)  # those of one moment stay in their order


def seconds_of(text: str) -> float:
    """Read a length of time: `90s`, `10m`, `2h`, `1d`.

    Raises:
        ArgumentTypeError: it is none.
    """
    matched = re.fullmatch(r"([0-9]+)([smhd])", text)
    if not matched:
        raise argparse.ArgumentTypeError(f"{text!r} is no length of time: 90s, 10m, 2h, 1d")
    return int(matched[1]) * UNITS[matched[2]]


@deployment.command("logs", "The logs could not be read: {}")
def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status."""
    chosen = _parse(arguments)
    try:
        found = deployment.find(chosen)
        names = groups(found, chosen.construct)
        if chosen.function:
            names = {name: source for name, source in names.items() if source == chosen.function}
        if not names:
            raise DeploymentError(f"There is no log of {chosen.function or found.stack}.")
        for line in _chosen_lines(found.client("logs"), names, chosen):
            print(line.text if chosen.json else line.shown(), flush=chosen.follow)
    except (KeyboardInterrupt, BrokenPipeError):  # the ends of --follow, and of a pager
        sys.stderr.close()
    return 0


def _chosen_lines(logs: Any, names: Mapping[str, str], chosen: argparse.Namespace) -> Iterator[Line]:
    since, seen = time.time() - chosen.since, set[Line]()
    while True:
        began = time.time()
        yield from _new(lines(logs, names, since, chosen.filter), seen, everything=chosen.all)
        if not chosen.follow:
            return
        since = max(since, began - LATE_SECONDS)
        seen = {line for line in seen if line.at >= int(since * 1000)}  # older ones do not come again
        time.sleep(FOLLOW_SECONDS)


def _new(found: Iterable[Line], seen: set[Line], *, everything: bool) -> Iterator[Line]:
    for line in found:
        if line not in seen and (everything or not line.is_noise):
            seen.add(line)
            yield line


def _source(logical_id: str) -> str:
    """Return what a log group is of: `WebSocketSubscribeLogs1A2B3C4D` is `subscribe`'s."""
    if logical_id.startswith("WebSocketLogs"):
        return "default"  # an id that the CDK leaves out of names
    words = re.findall(r"[A-Z][a-z]+", logical_id.partition("Logs")[0])
    return words[-1].lower() if words else logical_id


def _members(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def _readable(text: str) -> str:
    members = _members(text)
    first = [str(members.pop(name)) for name in ("level", "message") if name in members]
    rest = [
        f"{name}={value if isinstance(value, str) else json.dumps(value)}"
        for name, value in members.items()
        if name not in _LEFT_OUT
    ]
    return "  ".join([*first, *rest]) or text


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="make logs",
        description="Show what a deployment has logged, of all functions and the API, by time (UTC).",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--since", type=seconds_of, default=600, metavar="TIME", help="90s, 10m, 2h, 1d (10m)"
    )
    parser.add_argument("--filter", default="", metavar="TEXT", help="only lines that have this text")
    parser.add_argument("--function", metavar="NAME", help="only of this function, or of the API (access)")
    parser.add_argument("--follow", action="store_true", help="go on with new lines, until Ctrl-C")
    parser.add_argument("--all", action="store_true", help="also the begin and end of each invocation")
    parser.add_argument("--json", action="store_true", help="the lines as they are, for jq")
    deployment.add_arguments(parser)
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())

"""One event followed to its end: through the push function's log, the dead letters, and the history.

make trace ARGS="--event 0d079340-135a-c8c6-95c2-41fb8f496c53"
"""

import argparse
import re
import sys
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from entity_push.protocol.events import is_short
from entity_push.push.messages import event_id_in

from operations import deployment, logs, named_channels, redrive, stored_update, unseen
from operations.deployment import Deployment, DeploymentError
from operations.fate import Story, told
from operations.redrive import DeadLetter
from operations.stored_update import StoredUpdate
from operations.visible import visible

DEFAULT_SECONDS = 3600

MOST_LINES = 50
"""So many lines of the log are shown: an event with a million subscribers has a thousand."""

EXAMPLES = """\
examples:
  make trace ARGS="--event 0d079340-135a-c8c6-95c2-41fb8f496c53"
  make trace ENV=staging ARGS="--event 0d079340-135a-c8c6-95c2-41fb8f496c53 --since 2d"
  make trace ARGS="--event 0d079340-135a-c8c6-95c2-41fb8f496c53 --entity orders/42"

It ends with 0 if the event was seen, and with 1 if not.
"""


@deployment.command("trace", "What became of the event could not be read: {}", sentences=[ValueError])
def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status."""
    chosen = _parse(arguments)
    if not is_short(chosen.event):
        raise ValueError("An event's id has 1 to 256 characters of printable ASCII.")
    channels = named_channels.named(chosen)
    found, since = deployment.find(chosen), time.time() - chosen.since
    lines = _lines(found, chosen, since)
    story = Story([line.members for line in lines])
    letters = _letters(found, chosen.event)
    stored = _stored(found, chosen.event, story, channels, since)
    _print_lines(lines, chosen.event)
    for letter in letters:
        print(f"\n{letter.describe()}")
    print()
    for sentence in [*story.sentences(), *_about_letters(story, letters), *_about_history(story, stored)]:
        print(visible(f"=> {sentence}"))
    if not lines and not letters and not any(stored.values()):
        print(f"=> never seen: no line of the log since {_utc(since)}, no dead letter, no update")
        for sentence in unseen.explain(found, chosen.event, _utc(since)):
            print(f"- {sentence}", flush=True)
        return 1
    if story.lacks_its_beginning or not lines:
        print(f"=> it began before {_utc(since)}, from when on the log was read: say --since with more")
    return 0


def _lines(found: Deployment, chosen: argparse.Namespace, since: float) -> list[logs.Line]:
    """Return the lines of the push function's log that name the event.

    CloudWatch looks for the id if it has only characters that are plain in a phrase between quotes
    (CloudWatch Logs User Guide, "Filter pattern syntax for metric filters, subscription filters, filter log
    events, and Live Tail"). Otherwise all lines come here.
    """
    names = {
        name: source for name, source in logs.groups(found, chosen.construct).items() if source == "push"
    }
    if not names:
        raise DeploymentError(f"The stack {found.stack} has no log of the push function: see --construct.")
    phrase = f'"{chosen.event}"' if re.fullmatch(r"[A-Za-z0-9-]+", chosen.event) else ""
    lines = logs.lines(found.client("logs"), names, since, chosen.event, asks_for=phrase)
    return [line for line in lines if _names(line, chosen.event)]


def _names(line: logs.Line, event_id: str) -> bool:
    """Tell whether a line is about an event: an id may be part of a longer one, or stand in a traceback."""
    members = line.members
    return event_id == members.get("event_id") or event_id in members.get("event_ids", ())


def _letters(found: Deployment, event_id: str) -> list[DeadLetter]:
    return [
        letter
        for output in redrive.QUEUES
        for letter in redrive.look(found.client("sqs"), found.outputs[output])
        if event_id_in(letter.message["Body"]) == event_id
    ]


def _stored(
    found: Deployment, event_id: str, story: Story, channels: Sequence[str], since: float
) -> dict[str, list[StoredUpdate]]:
    """Return the event's updates in the histories of the channels that the log or the caller names."""
    numbers = {channel: sorted(fate.numbers) for channel, fate in story.fates.items() if fate.numbers}
    wanted = {channel: numbers.get(channel, []) for channel in [*channels, *numbers]}
    dynamodb, table = found.client("dynamodb"), found.outputs["TableName"]
    return {
        channel: stored_update.find(dynamodb, table, channel, event_id, numbers=known, since=since)
        for channel, known in wanted.items()
    }


def _print_lines(lines: Sequence[logs.Line], event_id: str) -> None:
    for line in lines[:MOST_LINES]:
        print(visible(f"{_utc(line.at / 1000)}  {told(line.members)}"))
    if len(lines) > MOST_LINES:
        print(f'... and {len(lines) - MOST_LINES:,} more: make logs ARGS="--filter {event_id}"')


def _about_letters(story: Story, letters: Sequence[DeadLetter]) -> Iterator[str]:
    if letters:
        yield f"dead letters of it that wait in the queues: {len(letters)}; what to do stands above"
    elif story.letters:
        yield (
            "its dead letter is in the queues no more: it was redriven, deleted, or ended after 14 days; or "
            "somebody is looking at it right now"
        )


def _about_history(story: Story, stored: dict[str, list[StoredUpdate]]) -> Iterator[str]:
    for channel, updates in stored.items():
        for update in updates:
            version = "" if update.version is None else f", with the version {update.version}"
            until = "but that history was ended" if update.is_over else f"replayed until {_utc(update.ends)}"
            yield f"{channel}: stored as number {update.number} at {_utc(update.at)}{version}; {until}"
        if not updates and channel in story.fates:
            yield f"{channel}: not in its history any more: its time is over, or the history was ended"
        elif not updates:
            yield f"{channel}: not in its history, as far back as --since says"


def _utc(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S} UTC"


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="make trace",
        description="Follow one event to its end: the push function's log, dead letters, the history.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--event", required=True, metavar="ID", help="EventBridge's id of it: `id` of frames")
    parser.add_argument(
        "--since",
        type=logs.seconds_of,
        default=DEFAULT_SECONDS,
        metavar="TIME",
        help="how far back: 90s, 10m, 2h, 1d (1h)",
    )
    named_channels.add_arguments(parser, "look also in the history")
    deployment.add_arguments(parser)
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())

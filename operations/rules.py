"""The rules of the setting `eventRules`, tried on an event without deploying anything.

make rules ARGS="try event.json"
make rules ARGS="try event.json --rules rules.json"
"""

import argparse
import json
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from entity_push.protocol import strict_json
from entity_push.protocol.channels import EVERYONE
from entity_push.protocol.cursors import Cursor
from entity_push.protocol.dead_letter_reasons import UnusableMessageError
from entity_push.protocol.event_rules import EventRule, by_name, read_rules
from entity_push.protocol.events import Event, EventOfSeveral
from entity_push.protocol.json_paths import JsonPath, UnfitValueError
from entity_push.push.messages import read_message

from operations import environments
from operations.environments import EnvironmentFileError
from operations.visible import visible

CDK_JSON = Path(__file__).resolve().parents[1] / "cdk.json"
SETTING = "eventRules"

MOST_SHOWN = 300
"""Characters of a message that are shown."""

EXAMPLES = """\
examples:
  make rules ARGS="try event.json"                      the rules in cdk.json
  make rules ARGS="try event.json" ENV=staging          the rules in environments/staging.json
  make rules ARGS="try event.json --rules rules.json"   the rules in another file: a list

The file has an event, as EventBridge hands it on, or entries, as `aws events put-events --entries` takes
them. The command succeeds if each event becomes an update by some rule, and a dead letter by none. What may
be meant is a warning.
"""

_PATH_IN_TEXT = re.compile(r"\$(?:\.[^\s/.\[]+|\[[^\]]+\])+")
"""What looks like a path in a template's text, outside its braces."""

_FIRST = Cursor("0" * 12, 1)
"""The place of an update: it adds to the size."""

Json = Mapping[str, Any]


class RulesError(Exception):
    """The rules or the event can't be read; the message has a remedy."""


def chosen_rules(rules: str | None, context: Sequence[str]) -> tuple[EventRule, ...]:
    """Return the rules that are meant.

    Args:
        rules: the path of a file with a list of rules; None for the setting.
        context: settings as `name=value`, which win over those of cdk.json.

    Raises:
        RulesError: there are none, or they are not of the documented form.
    """
    given = dict(setting.partition("=")[::2] for setting in context)
    if unknown := sorted(given.keys() - {SETTING}):
        raise RulesError(f"-c takes {SETTING}=… here, and not {unknown[0]!r}.")
    if rules is not None:
        where, value = rules, _json_of(Path(rules))
    elif given:
        where, value = f"-c {SETTING}", given[SETTING]
    else:
        where, value = _configured()
    try:
        found = read_rules(value)
    except ValueError as error:
        raise RulesError(f"{where}: {error}") from error
    if not found:
        raise RulesError(f"{where} has no {SETTING}. Name a file with --rules, or give -c {SETTING}=…")
    return found


def _configured() -> tuple[str, Any]:
    """Return the rules of the environment that is chosen, or else of cdk.json, with where they stand."""
    try:
        environment = environments.chosen()
    except EnvironmentFileError as error:
        raise RulesError(str(error)) from error
    if SETTING in environment.settings:
        return f"environments/{environment.name}.json", environment.settings[SETTING]
    return "cdk.json", _json_of(CDK_JSON).get("context", {}).get(SETTING, [])


def events_in(path: Path) -> list[Json]:
    """Return the events in a file, each as a rule's target gets it.

    Raises:
        RulesError: the file has neither an event nor entries.
    """
    value = _json_of(path)
    if isinstance(value, dict) and isinstance(value.get("Entries"), list):
        value = value["Entries"]
    found = value if isinstance(value, list) else [value]
    if not found:
        raise RulesError(f"{path} has no event.")
    return [_event(each, f"{path}, event {number}") for number, each in enumerate(found, 1)]


def _json_of(path: Path) -> Any:
    try:
        return strict_json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise RulesError(f"{path} can't be read: {error.strerror}.") from error
    except ValueError as error:
        raise RulesError(f"{path} is not JSON: {error}.") from error


def _event(value: Any, where: str) -> Json:
    """Return an event, or an entry as the event that EventBridge makes of it."""
    match value:
        case {"detail-type": str(), "source": str(), "detail": dict()}:
            return {**_envelope(), **value}
        case {"DetailType": str(kind), "Source": str(source), "Detail": str(text)}:
            try:
                detail = strict_json.loads(text)
            except strict_json.NotJSONError as error:
                raise RulesError(f"{where}: its Detail is not JSON: {error}.") from error
            if isinstance(detail, dict):
                fields = {"detail-type": kind, "source": source, "detail": detail}
                return {**_envelope(), **fields, "resources": value.get("Resources", [])}
            raise RulesError(f"{where}: its Detail is no JSON object. EventBridge would refuse the entry.")
    raise RulesError(
        f'{where} is neither an event (an object with "source", "detail-type" and the object "detail") nor '
        'an entry of put-events ("Source", "DetailType", and the JSON text "Detail").'
    )


def _envelope() -> dict[str, Any]:
    """Return the fields that EventBridge gives an event."""
    return {
        "version": "0",
        "id": "00000000-0000-0000-0000-000000000000",
        "account": "111122223333",
        "time": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
        "region": "us-east-1",
        "resources": [],
    }


def suspicions(rule: EventRule) -> Iterator[str]:
    """Yield sentences about what is allowed in a rule, and hardly meant."""
    templates = rule.entities if isinstance(rule.entities, tuple) else (rule.user,) if rule.user else ()
    for part in (part for template in templates for part in template.parts if isinstance(part, str)):
        for path in _PATH_IN_TEXT.findall(part):
            yield f"{path} is not in braces, so each id has it as it stands; for its value, write {{{path}}}"


def left_out(rule: EventRule, event: Json) -> Iterator[str]:
    """Yield the paths of a rule's message that an event lacks."""
    message = {"": rule.message} if isinstance(rule.message, JsonPath) else rule.message or {}
    for path in message.values():
        try:
            path.find(event)
        except UnfitValueError:
            yield path.text


def outcomes(rule: EventRule, event: Json) -> Iterator[Event | UnusableMessageError]:
    """Yield the updates that a rule makes of an event, or why the event is a dead letter."""
    messages = [strict_json.for_queue({"rule": rule.name, "event": event})]
    while messages:
        try:
            found = read_message(messages.pop(0), sent_at=0, rules=by_name([rule]))
        except UnusableMessageError as error:
            yield error
            continue
        if isinstance(found, EventOfSeveral):
            messages += found.messages()
        elif isinstance(found, Event):
            yield found


def described(outcome: Event | UnusableMessageError) -> list[str]:
    """Return lines about an update or a dead letter."""
    if isinstance(outcome, UnusableMessageError):
        return [f"dead letter ({outcome.reason}): {visible(outcome.text)}"]
    update = outcome.at(_FIRST)
    message = (
        json.dumps(outcome.frame["message"], ensure_ascii=False) if "message" in outcome.frame else "none"
    )
    shown = visible(message[:MOST_SHOWN]) + "…" * (len(message) > MOST_SHOWN)
    said = [
        f"  {what + ':':<8} {visible(str(outcome.frame[name]))}"
        for what, name in (("version", "version"), ("id", "ownId"))
        if name in outcome.frame
    ]
    too_large = "; too large, so it goes without its message" if update.oversize else ""
    return [
        f"update {_whose(outcome)}",
        f"  message: {shown}",
        *said,
        f"  size:    {len(update.frame):,} bytes{too_large}",
    ]


def _whose(update: Event) -> str:
    """Return whom an update is for; an entity, as a client subscribes to it."""
    if update.channel == EVERYONE:
        return "for everyone"
    kind, _, name = update.channel.partition("/")
    return f"of {visible(name)}" if kind == "entity" else f"for the {kind} {visible(name)}"


def show(rules: Sequence[EventRule], event: Json) -> bool:
    """Print what each rule makes of an event; return whether they make updates, and no dead letter."""
    # The import takes a second, and a mistake in the arguments should show at once.
    from local.emulator.patterns import matches  # noqa: PLC0415

    print(f"{visible(event['detail-type'])} from {visible(event['source'])}")
    made: list[Event | UnusableMessageError] = []
    for rule in rules:
        try:
            found = list(outcomes(rule, event)) if matches(rule.pattern, event) else None
        except ValueError as error:
            raise RulesError(f"rule {rule.name}: {error}.") from error
        lines = ["does not match"] if found is None else [line for each in found for line in described(each)]
        if any(isinstance(each, Event) for each in found or ()):
            lines += [f"  warning: {visible(path)} is missing, left out" for path in left_out(rule, event)]
        for number, line in enumerate(lines):
            print(f"  {'' if number else rule.name:<32}  {line}")
        made += found or ()
    return bool(made) and all(isinstance(each, Event) for each in made)


def main(arguments: list[str] | None = None) -> int:
    """Run the command; return its exit status."""
    parser = argparse.ArgumentParser(
        prog="make rules",
        description="Try the rules for own events (setting eventRules) without deploying.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", required=True)
    what = "show which rules match an event, and what the event becomes"
    command = commands.add_parser("try", help=what, description=what)
    command.add_argument("event", type=Path, help="a file with an event, or with entries of put-events")
    command.add_argument("--rules", metavar="FILE", help="a file with a list of rules (default: cdk.json's)")
    command.add_argument(
        *("-c", "--context"), action="append", default=[], metavar="NAME=VALUE", help=f"only {SETTING}=…"
    )
    chosen = parser.parse_args(arguments)
    try:
        rules = chosen_rules(chosen.rules, chosen.context)
        for rule in rules:
            for suspicion in suspicions(rule):
                print(f"rules: warning: rule {rule.name}: {visible(suspicion)}.", file=sys.stderr, flush=True)
        good = [show(rules, event) for event in events_in(chosen.event)]
    except RulesError as error:
        print(f"rules: {error}", file=sys.stderr)
        return 1
    return 0 if all(good) else 1


if __name__ == "__main__":
    sys.exit(main())

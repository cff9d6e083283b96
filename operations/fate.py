"""What became of an event: the lines of the push function's log, told as sentences and added up."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from entity_push.protocol.dead_letter_reasons import Reason

Line = Mapping[str, Any]
"""A line of the log, as the members of its JSON."""

_ENDS = ("delivered", "gone", "retry", "silent", "unsent", "refused", "expired")
"""What becomes of a connection's post, as the line `pushed` counts it."""


@dataclass
class Fate:
    """What became of an event in one channel.

    Attributes:
        channel: the channel.
        numbers: the numbers of its updates there; two rules make two. None without a history.
        begun: whether it was pushed, or is about to be.
        split: to how many connections it was split into chunks; 0 if it was not.
        posted: connections of first rounds.
        delivered: posts that API Gateway took.
        missed: connections that were gone, or whose token had ended.
        given_up: connections that were closed, refused it for good, or are in a dead letter.
        handed_back: connections that another round is to try, less those that it has tried. Below zero, some
            had seemed gone and were only opening.
        left_out: why it is no update: `superseded` or `repeated`; empty if it is one.
    """

    channel: str
    numbers: set[int] = field(default_factory=set)
    begun: bool = False
    split: int = 0
    posted: int = 0
    delivered: int = 0
    missed: int = 0
    given_up: int = 0
    handed_back: int = 0
    left_out: str = ""

    def note(self, line: Line) -> None:
        """Take a line of the log into account."""
        match line["message"]:
            case "pushed":
                self._note_push(line)
            case "split":
                self.begun, self.split = True, line["subscribers"]
            case "superseded" | "repeated":
                self.left_out = line["message"]
            case "abandoned":
                self._give_up(len(line["connections"]))
            case "dead letter" if line["code"] != Reason.REFUSED:  # the line "pushed" has those
                self._give_up(int(line.get("connections", 0)))

    def _note_push(self, line: Line) -> None:
        self.begun = True
        if number := line.get("sequence"):
            self.numbers.add(number)
        connections = sum(line[end] for end in _ENDS)
        if _is_later_round(line):
            self.handed_back -= connections
        else:
            self.posted += connections
        self.handed_back += line["retry"] + line["silent"] + line["unsent"]
        self.delivered += line["delivered"]
        self.missed += line["gone"] + line["expired"]
        self.given_up += line["refused"]

    def _give_up(self, connections: int) -> None:
        self.given_up += connections
        self.handed_back -= connections

    @property
    def sentence(self) -> str:
        """What became of it, in a sentence; empty if the log does not tell."""
        if not self.begun:
            return _LEFT_OUT.get(self.left_out, "")
        number = f" as number {', '.join(map(str, sorted(self.numbers)))}" if self.numbers else ""
        missed = self.missed + min(self.handed_back, 0)
        waiting = max(self.handed_back, 0) + max(self.split - self.posted, 0)
        told = [
            (self.delivered, "pushed{number} to {connections}"),
            (missed, "{connections} had gone, or had no right to it any more"),
            (self.given_up, "{connections} could not be reached, or refused it"),
            (waiting, "still under way to {connections}"),
        ]
        some = [
            words.format(number=number, connections=_connections(count)) for count, words in told if count > 0
        ]
        return "; ".join(some) or f"pushed{number}, but nobody was subscribed"


_LEFT_OUT = {
    "superseded": "superseded: not pushed, since an update with this version or a higher one came first",
    "repeated": "repeated: not pushed, since another update of its sender has the same own id",
}


class Story:
    """All that the log tells of an event.

    Args:
        lines: the lines that name it, in the order of time.

    Attributes:
        fates: what became of it, by channel.
        letters: the lines about its dead letters.
        entities: into messages for how many entities it was taken apart; 0 for an event of one.
    """

    def __init__(self, lines: Sequence[Line]):
        self._lines = lines
        self.fates: dict[str, Fate] = {}
        self.letters = [line for line in lines if line["message"] == "dead letter"]
        self.entities = 0
        for line in lines:
            if channel := line.get("channel"):
                self.fates.setdefault(channel, Fate(channel)).note(line)
            if line["message"] == "taken apart":
                self.entities = line["entities"]

    @property
    def comes_back(self) -> bool:
        """Whether its message failed as a whole, and nothing has happened since."""
        return bool(self._lines) and _failed(self._lines[-1])

    @property
    def lacks_its_beginning(self) -> bool:
        """Whether all lines are of later rounds: the log was not read from far enough back."""
        return bool(self._lines) and not any(map(_begins, self._lines))

    def sentences(self) -> Iterator[str]:
        """Yield what became of it, in the end."""
        for channel, fate in self.fates.items():
            if fate.sentence:
                yield f"{channel}: {fate.sentence}"
        if (missing := self.entities - len(self.fates)) > 0:
            yield f"{missing} of its {self.entities} entities have no line yet: queued, or a dead letter"
        if self.comes_back:
            yield "its message failed as a whole, and comes back within five minutes: nothing is lost"


def told(line: Line) -> str:
    """Return a line as a sentence, without its time."""
    where = f"{line['channel']}: " if "channel" in line else ""
    if _failed(line):
        return f"comes back: {line['message']}{_why(line)}"
    sentence = _SENTENCES.get(line["message"])
    return where + (sentence(line) if sentence else str(line["message"]))


def _pushed(line: Line) -> str:
    total = sum(line[end] for end in _ENDS)
    number = f" as number {line['sequence']}" if line.get("sequence") else ""
    if not total:
        return f"pushed{number}; nobody was subscribed"
    later = f", round {line['rounds'] + line.get('excused', 0) + 1}" if _is_later_round(line) else ""
    counts = "".join(f"; {line[end]} {words}" for end, words in _WORDS.items() if line[end])
    why = f" ({line['last_failure']})" if line.get("last_failure") else ""
    return f"pushed{number} to {line['delivered']} of {_connections(total)}{later}{counts}{why}"


_SENTENCES: Mapping[str, Callable[[Line], str]] = {
    "pushed": _pushed,
    "superseded": lambda _line: "superseded, since its version is not above the highest one there",
    "repeated": lambda _line: "repeated: its sender had an update with the same own id",
    "taken apart": lambda line: f"taken apart into messages for {line['entities']} entities",
    "split": lambda line: f"split into chunks for {_connections(line['subscribers'])}",
    "abandoned": lambda line: f"closed {_connections(len(line['connections']))} that could not be reached",
    "refused": lambda line: f"{line['connection_id']} refused it: {line['status']} {line['reason']}",
    "dead letter": lambda line: f"dead letter: {line['code']}: {line['reason']}",
}

_WORDS = {
    "gone": "gone",
    "expired": "without a right to it any more",
    "refused": "refused",
    "retry": "failed",
    "silent": "gave no answer",
    "unsent": "not tried for lack of time",
}


def _why(line: Line) -> str:
    text = str(line.get("exception", "")).strip().splitlines()
    return f": {text[-1]}" if text else ""


def _failed(line: Line) -> bool:
    return "message_ids" in line


def _begins(line: Line) -> bool:
    """Tell whether a line may be the first one of an event."""
    match line["message"]:
        case "pushed":
            return not _is_later_round(line)
        case "dead letter":
            return "channel" not in line  # those of connections come after rounds
    return line["message"] not in ("refused", "abandoned")


def _is_later_round(line: Line) -> bool:
    return bool(line["rounds"] or line.get("excused"))


def _connections(count: int) -> str:
    return f"{count:,} connection{'' if count == 1 else 's'}"

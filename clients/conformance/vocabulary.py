"""The words of scenarios: what each step may say. `clients/conformance/README.md` explains them."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from clients.conformance import frames, reading
from clients.conformance.reading import (
    Node,
    Reader,
    anything,
    boolean,
    duration,
    each,
    either,
    mapping,
    named,
    number,
    text,
    whole,
    word,
)

SCENARIOS = Path(__file__).parent / "scenarios"
RULES = range(1, 12)
HAS = ("signals", "persist", "subprotocol", "header", "parse")


@dataclass(frozen=True)
class Step:
    """One step of a scenario.

    Attributes:
        line: its line in the file.
        word: what it is.
        what: what it says.
        details: the fields beside the word: `on`, `within`, `frames`, `question`.
        source: its text in the file.
    """

    line: int
    word: str
    what: Any
    details: dict[str, Any]
    source: str


@dataclass(frozen=True)
class Scenario:
    """A scenario.

    Attributes:
        name: what it is called on the command line.
        about: what must hold, in a sentence or more.
        file: its file.
        line: its line in the file.
        rules: the client's rules that it is about.
        needs: what a platform must have for it.
        options: the client's options.
        tokens: whether the client has a token function.
        pongs: whether the server answers the protocol's `ping` at once.
        steps: what happens.
    """

    name: str
    about: str
    file: Path
    line: int
    rules: list[int]
    needs: list[str]
    options: dict[str, Any]
    tokens: bool
    pongs: bool
    steps: list[Step]


def update(node: Node) -> frames.Update:
    """Read an update: `e.5`, `x1` or `{at: e.5, message: paid}`."""
    told = anything(node)
    if isinstance(told, str):
        return frames.update(told)
    if isinstance(told, dict) and (key := told.pop("at", "") or told.get("id")):
        return frames.update(str(key), told)
    raise reading.wrong(node, "an update is expected, such as e.5, or {at: e.5, …}")


def shown(node: Node) -> dict[str, Any]:
    """Read what an application is shown.

    That is `reset`, `e.5`, `orders/7 e.5`, `e.5 replayed`, `e.5 either` (replayed or not), or a mapping.
    """
    told = anything(node)
    if isinstance(told, dict):
        if "reset" in told:
            return mapping({"reset": anything}, {"latest": update})(node)
        return mapping({"at": text}, {"of": text, "replayed": boolean, "with": anything})(node)
    *rest, last = text(node).split(" ")
    if told == "reset":
        return {"reset": ...}
    replayed: dict[str, bool | None] = {"replayed": True, "either": None}
    item = {"replayed": replayed.get(last, False)}
    if last in replayed:
        *rest, last = rest
    return item | {"at": last, "of": " ".join(rest)}


def nothing_or(reader: Reader[Any]) -> Reader[Any]:
    """Read the word `nothing`, as an empty mapping, or something else."""

    def read(node: Node) -> Any:
        return {} if node.value == "nothing" else reader(node)

    return read


def _alone(name: str) -> Reader[dict[str, Any]]:
    """Read a text as a mapping with one field."""
    return lambda node: {name: text(node)}


CALL_OUTCOME = either(
    scalar=lambda node: (
        {anything(node): True} if node.value in ("late", "nothing") else {"value": anything(node)}
    ),
    fields=mapping({}, {"fails": text, "fatal": text, "value": anything}),
)

SUBSCRIPTION = either(
    scalar=_alone("name"),
    fields=mapping(
        {"name": text},
        {"as": text, "getState": boolean, "parse": word("integer"), "throws": boolean},
    ),
)

ANSWER = mapping(
    {},
    {
        "cursor": text,
        "recovered": boolean,
        "updates": each(update),
        "more": boolean,
        "latest": update,
        "alreadySubscribed": boolean,
        "wasSubscribed": boolean,
        "error": text,
        "also": anything,
    },
)

CONNECTS = either(
    scalar=lambda node: {"how": word("accept", "reset", "silence")(node)},
    fields=mapping(
        {},
        {
            "how": word("accept", "reset", "silence"),
            "refuse": whole,
            "token": text,
            "place": word("subprotocol", "header", "none"),
            "afterFailure": boolean,
        },
    ),
)

WORDS: dict[str, Reader[Any]] = {
    # What the application does.
    "subscribe": SUBSCRIPTION,
    "unsubscribe": text,
    "publish": mapping({"as": text, "message": anything, "name": text}, {"id": text}),
    "signal": word("online", "offline", "visible", "hidden", "pageshow"),
    "close": word("client"),
    "reload": word("page"),
    "await ready": each(text),
    "at once": lambda node: each(step)(node),  # noqa: PLW0108  (`step` reads these words itself)
    "maybe": lambda node: each(step)(node),  # noqa: PLW0108
    # What its functions answer.
    "next token": CALL_OUTCOME,
    "token arrives": CALL_OUTCOME,
    "next state": named(CALL_OUTCOME),
    "state arrives": named(CALL_OUTCOME),
    # What time does.
    "advance": duration,
    "sleep": duration,
    "jump": duration,
    "random": number,
    # What the server and the network do.
    "connects": CONNECTS,
    "subscribes": named(text),
    "unsubscribes": each(text),
    "answers": named(ANSWER),
    "receives": anything,
    "answer": anything,
    "pushes": named(each(update)),
    "sends": anything,
    "cut": either(scalar=lambda node: whole(node) if node.value.isdigit() else word("abort")(node)),
    "dies": word("silently"),
    "live": named(text),
    # What must have happened.
    "closed": text,
    "shown": nothing_or(named(each(shown))),
    "states": named(text),
    "errors": nothing_or(each(mapping({"of": text}, {"as": text, "code": text}))),
    "ready": named(text),
    "outcome": named(either(scalar=text, fields=mapping({}, {"published": text, "rejected": text}))),
    "calls": named(whole),
    "expect": word("nothing"),
}

AT_ONCE = ("subscribe", "unsubscribe", "publish", "signal", "close")

DETAILS: dict[str, dict[str, Reader[Any]]] = {
    "connects": {"within": duration},
    "subscribes": {"on": text, "within": duration, "frames": whole},
    "unsubscribes": {"on": text, "within": duration},
    "receives": {"on": text, "within": duration},
    "closed": {"within": duration},
    "outcome": {"within": duration},
    "answers": {"on": text, "question": word("first", "last")},
    **{name: {"on": text} for name in ("answer", "pushes", "sends", "cut", "dies")},
}


def step(node: Node) -> Step:
    """Read a step: a mapping with one word, and perhaps its details.

    The word `at once` has steps of the application; nothing comes between them.
    """
    found = reading.entries(node)
    words = [(name, key, value) for name, key, value in found if name in WORDS]
    if len(words) != 1:
        names = ", ".join(repr(name) for name, _, _ in found)
        raise reading.wrong(
            node, f"a step has exactly one word, this one has {names}; words: {', '.join(WORDS)}"
        )
    ((name, _, value),) = words
    if name == "at once" and (late := [one for one in each(step)(value) if one.word not in AT_ONCE]):
        raise reading.wrong(value, f"{late[0].word!r} can't be done at once; what can: {', '.join(AT_ONCE)}")
    known = DETAILS.get(name, {})
    details = {}
    for other, key, one in found:
        if other == name:
            continue
        if other not in known:
            raise reading.wrong(
                key, f"unknown beside {name!r}: {other!r}; known: {', '.join(known) or 'nothing'}"
            )
        details[other] = known[other](one)
    return Step(reading.line(node), name, WORDS[name](value), details, reading.source(node))


def rule(node: Node) -> int:
    """Read the number of a rule."""
    told = whole(node)
    if told not in RULES:
        raise reading.wrong(node, f"there is no rule {told}")
    return told


SCENARIO = mapping(
    {"name": text, "about": text, "rules": each(rule), "steps": each(step)},
    {
        "needs": each(word(*HAS)),
        "options": named(anything),
        "token": word("none"),
        "pongs": word("by hand"),
    },
)


def scenario(path: Path, node: Node) -> Scenario:
    """Read one scenario of a file."""
    told = SCENARIO(node)
    return Scenario(
        name=told["name"],
        about=" ".join(told["about"].split()),
        file=path,
        line=reading.line(node),
        rules=told["rules"],
        needs=told.get("needs", []),
        options=told.get("options", {}),
        tokens="token" not in told,
        pongs="pongs" not in told,
        steps=told["steps"],
    )


def load(folder: Path = SCENARIOS) -> list[Scenario]:
    """Return all scenarios of a folder, in the order of their files.

    Raises:
        ScenarioError: a file can't be read, or two scenarios have one name.
    """
    found = [
        (node, scenario(path, node))
        for path in sorted(folder.glob("*.yaml"))
        for node in reading.documents(path)
    ]
    seen: set[str] = set()
    for node, one in found:
        if one.name in seen:
            raise reading.wrong(node, f"another scenario is called {one.name!r}, too")
        seen.add(one.name)
    return [one for _, one in found]

"""Playing scenarios: each word of a scenario is a method of `Player`."""

import json
import re
import textwrap
from collections import defaultdict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from clients.conformance import frames
from clients.conformance.adapter import AdapterError
from clients.conformance.driving import ConformanceError, Driver
from clients.conformance.expecting import NOTHING, alike, brief, fits, listed, unexpected
from clients.conformance.frames import CHANNELS, Json, is_pattern
from clients.conformance.server import Connection
from clients.conformance.vocabulary import Scenario, Step

RANGE = re.compile(r"\{(\d+)\.\.(\d+)\}")
PLACEHOLDER = re.compile(r"<(\w+)>")
NEVER_BY_CHANCE = ("handler", "parse")
"""Errors that no scenario causes in passing: one that no step expects is a failure."""


@dataclass
class Question:
    """A client's `subscribe` or `unsubscribe` that awaits its answer, or has had it."""

    frame: Json
    connection: Connection
    answered: bool = False


class Player(Driver):
    """Plays scenarios, one after the other, with one client."""

    def _begin_anew(self) -> None:
        super()._begin_anew()
        self._questions: list[Question] = []
        self._received: Json = {}
        self._names: dict[str, str] = {}
        self._client_closed = False
        self._with_state: set[str] = set()
        self._sent: dict[tuple[str, str], Json] = {}

    async def play(self, scenario: Scenario) -> None:
        """Play a scenario.

        Raises:
            ConformanceError: the client did something else; the text says at which step.
            AdapterError: the adapter itself failed.
        """
        await self.begin(pongs=scenario.pongs, options=scenario.options, tokens=scenario.tokens)
        for step in scenario.steps:
            self._log(f"-- line {step.line}: {step.source}")
            try:
                await self._do(step)
                await self.settle()
            except (ConformanceError, AdapterError) as failed:
                raise type(failed)(
                    f"{_place(scenario)}:{step.line}:\n{textwrap.indent(step.source, '    ')}\n{failed}"
                ) from None
        try:
            await self._expect("nothing")
        except ConformanceError as failed:
            raise ConformanceError(
                f"{_place(scenario)}: after the last step of {scenario.name!r}\n{failed}"
            ) from None

    async def _do(self, step: Step) -> None:
        details = dict(step.details)
        if within := details.pop("within", 0):
            await self._await(step, within)
        action: Callable[..., Awaitable[None]] = getattr(self, f"_{step.word.replace(' ', '_')}")
        await action(step.what, **details)

    # What the application does.

    async def _at_once(self, steps: list[Step]) -> None:
        with self.adapter.together():
            for step in steps:
                await self._do(step)

    async def _maybe(self, steps: list[Step]) -> None:
        """Play steps if the client has sent a frame; it need not."""
        if not any(one.frames for one in self.server.accepted):
            return
        for step in steps:
            await self._do(step)
            await self.settle()

    async def _subscribe(self, told: Json) -> None:
        for name in spread(told["name"]):
            handle = told.get("as", name)
            self._names[handle] = name
            about = {"channel": CHANNELS[name]} if name in CHANNELS else {"name": name}
            with_state = told.get("getState", True)
            if with_state:
                self._with_state.add(handle)
            rest = {key: told[key] for key in ("parse", "throws") if key in told}
            self.adapter.order("subscribe", **{"as": handle}, **about, getState=with_state, **rest)

    async def _unsubscribe(self, handle: str) -> None:
        for one in spread(handle):
            self.adapter.order("unsubscribe", **{"as": one})

    async def _publish(self, told: Json) -> None:
        told = dict(told)
        name = told.pop("name")
        about = {"channel": CHANNELS[name]} if name in CHANNELS else {"name": name}
        self.adapter.order_exactly({"do": "publish", **told, **about})

    async def _signal(self, signal: str) -> None:
        self.adapter.order("signal", signal=signal)

    async def _close(self, _told: str) -> None:
        self._client_closed = True
        self.adapter.order("close")

    async def _reload(self, _told: str) -> None:
        self.adapter.order("leave")
        await self.settle()
        for connection in self.server.connections:
            connection.noted = True
        self.adapter.order("client", **self._make_client)

    async def _await_ready(self, handles: list[str]) -> None:
        for handle in handles:
            self.seen.ready.pop(handle, None)
            self.adapter.order("ready", **{"as": handle})

    # What its functions answer.

    async def _next_token(self, outcome: Json) -> None:
        self.calls.plan("token", outcome)

    async def _next_state(self, told: dict[str, Json]) -> None:
        for handle, outcome in told.items():
            self.calls.plan(handle, outcome)

    async def _token_arrives(self, outcome: Json) -> None:
        self._arrives("token", outcome)

    async def _state_arrives(self, told: dict[str, Json]) -> None:
        for handle, outcome in told.items():
            self._arrives(handle, outcome)

    def _arrives(self, function: str, outcome: Json) -> None:
        answer = self.calls.late_answer(function, outcome)
        if answer is None:
            raise ConformanceError(f"expected: a call of {function} that waits\ngot: none")
        self.adapter.order_exactly(answer)

    # What time does.

    async def _advance(self, seconds: float) -> None:
        self._before_time_moves()
        await self.advance(seconds)

    async def _await(self, step: Step, within: float) -> None:
        """Let time pass until what a step expects is there, or the time is over."""
        on = step.details.get("on", "")

        def has_come() -> bool:
            match step.word:
                case "connects":
                    return bool(self.server.undecided)
                case "outcome":
                    return set(step.what) <= set(self.seen.outcomes)
                case "closed":
                    return self._connection(step.what).closed_by_client
            return bool(self._connection(on).frames)

        if not has_come():
            self._before_time_moves()
            await self.advance(within, unless=has_come)

    def _before_time_moves(self) -> None:
        if sent := self._sent_by_client():
            raise ConformanceError(f"expected: nothing that no step has expected{unexpected(sent)}")

    async def _sleep(self, seconds: float) -> None:
        self._before_time_moves()
        self.adapter.order("sleep", seconds=seconds)

    async def _jump(self, seconds: float) -> None:
        self.adapter.order("jump", seconds=seconds)

    async def _random(self, value: float) -> None:
        self.adapter.order("random", value=value)

    # What the server and the network do.

    async def _connects(self, told: Json) -> None:
        undecided = self.server.undecided
        if len(undecided) != 1:
            raise ConformanceError(f"expected: one handshake\ngot: {len(undecided)}{self._present()}")
        (connection,) = undecided
        token = told.get("token", self.calls.token)
        if not alike(connection.token, token):
            raise ConformanceError(
                f"expected: a handshake with the token {token!r}\ngot: {connection.token!r}"
            )
        if (place := told.get("place")) and connection.place != place.replace("none", ""):
            raise ConformanceError(
                f"expected: a token in the {place}\ngot: in the {connection.place or 'nowhere'}"
            )
        if told.get("afterFailure", self.calls.after_failure) != self.calls.after_failure:
            raise ConformanceError(
                f"expected: a token function that is told afterFailure={told['afterFailure']}\n"
                f"got: {self.calls.after_failure}"
            )
        if "refuse" in told:
            connection.refuse(told["refuse"])
        elif told.get("how") == "reset":
            connection.abort()
        elif told.get("how") == "silence":
            connection.silent = True
        else:
            connection.accept(chr(ord("A") + len(self.server.accepted)))

    async def _subscribes(self, told: dict[str, str], on: str = "", frames: int = 0) -> None:
        self._asks(
            "subscribe", {one: since for name, since in told.items() for one in spread(name)}, on, frames
        )

    async def _unsubscribes(self, told: list[str], on: str = "") -> None:
        self._asks("unsubscribe", {one: "none" for name in told for one in spread(name)}, on, 0)

    def _asks(self, action: str, expected: dict[str, str], on: str, count: int) -> None:
        connection = self._connection(on)
        asked = [frame for frame in connection.frames if frame["action"] == action]
        for frame in asked:
            connection.frames.remove(frame)
            self._questions.append(Question(frame, connection))
        got = [(name, frames.since_of(frame, name)) for frame in asked for name in frames.names_in(frame)]
        same = sorted(name for name, _ in got) == sorted(expected)
        if not same or any((since or "none") not in expected[name].split("|") for name, since in got):
            raise ConformanceError(
                f"expected: {action} {brief(expected)}\ngot: {brief(asked)}{self._present()}"
            )
        if count and len(asked) > count:
            raise ConformanceError(f"expected: at most {count} frames\ngot: {len(asked)}")

    async def _answers(self, told: dict[str, Json], on: str = "", question: str = "last") -> None:
        told = {one: answer for name, answer in told.items() for one in spread(name)}
        others = told.pop("others", None)
        connection = self._connection(on)
        left = set(told)
        while left:
            name = sorted(left)[0]
            asked = self._question(name, connection, question)
            names = frames.names_in(asked.frame)
            unknown = [one for one in names if one not in told]
            if unknown and others is None:
                raise ConformanceError(
                    f"the client asked in one frame for {names}: the step must answer {unknown}, too"
                )
            answers = [self._built(one, asked.frame, told.get(one, others or {})) for one in names]
            self._reply(asked, answers)
            left -= set(names)
        if others is not None:
            for asked in [
                one for one in self._questions if one.connection is connection and not one.answered
            ]:
                self._reply(
                    asked, [self._built(one, asked.frame, others) for one in frames.names_in(asked.frame)]
                )

    def _question(self, name: str, connection: Connection, which: str) -> Question:
        found = [
            one
            for one in self._questions
            if one.connection is connection and name in frames.names_in(one.frame)
        ]
        waiting = [one for one in found if not one.answered]
        if not waiting:
            raise ConformanceError(f"the client awaits no answer about {name} on {connection.name}")
        return waiting[0 if which == "first" else -1]

    def _reply(self, asked: Question, answers: list[Json]) -> None:
        asked.answered = True
        several = "entityIds" in asked.frame
        frame = {"type": "answers", "answers": answers} if several else answers[0]
        if "requestId" in asked.frame:
            frame = frame | {"requestId": asked.frame["requestId"]}
        asked.connection.send(json.dumps(frame))

    def _built(self, name: str, question: Json, told: Json) -> Json:
        updates = [self._frame(name, one) for one in told.get("updates", [])]
        latest = self._frame(name, told["latest"]) if "latest" in told else None
        if question["action"] == "subscribe" and "error" not in told and "recovered" not in told:
            raise ConformanceError(f"the step must say whether {name} is recovered")
        return frames.answer(name, question, told, updates, latest)

    def _frame(self, name: str, told: frames.Update) -> Json:
        frame = self._sent[name, told.key] = frames.pushed(name, told)
        return frame

    async def _receives(self, told: Json, on: str = "") -> None:
        connection = self._connection(on)
        if not connection.frames:
            raise ConformanceError(f"expected: {told}\ngot: nothing{self._present()}")
        frame = connection.frames.popleft()
        without = {key: value for key, value in frame.items() if key != "requestId"}
        if not alike(without, told):
            raise ConformanceError(f"expected: {told}\ngot: {without}")
        self._received = frame

    async def _answer(self, told: Json, on: str = "") -> None:
        frame = {key: self._filled(value) for key, value in told.items()}
        if "requestId" in self._received:
            frame["requestId"] = self._received["requestId"]
        self._connection(on).send(json.dumps(frame))

    def _filled(self, value: Any) -> Any:
        """Return a value of an answer, with `<id>` replaced by the question's `id`."""
        if isinstance(value, str) and (placeholder := PLACEHOLDER.fullmatch(value)):
            return self._received[placeholder[1]]
        return value

    async def _pushes(self, told: dict[str, list[frames.Update]], on: str = "") -> None:
        for name, updates in told.items():
            for one in updates:
                self._connection(on).send(json.dumps(self._frame(name, one)))

    async def _sends(self, told: Any, on: str = "") -> None:
        self._connection(on).send(told if isinstance(told, str) else json.dumps(told))

    async def _cut(self, told: int | str, on: str = "") -> None:
        connection = self._connection(on)
        if isinstance(told, int):
            connection.close(told)
        else:
            connection.abort()

    async def _dies(self, _told: str, on: str = "") -> None:
        self._connection(on).die()

    async def _live(self, told: dict[str, str]) -> None:
        for name in told:
            await self._subscribe({"name": name})
            await self.settle()
        if not any(one.open for one in self.server.accepted):
            await self._connects({"how": "accept"})
            await self.settle()
        await self._subscribes(dict.fromkeys(told, "none"))
        await self._answers({name: {"cursor": cursor, "recovered": False} for name, cursor in told.items()})
        await self.settle()
        await self._shown({one: [{"reset": ...}] for name in told for one in spread(name)})

    def _connection(self, name: str) -> Connection:
        """Return the connection of this name; without one, the newest."""
        accepted = self.server.accepted
        if name:
            accepted = [one for one in accepted if one.name == name]
        if not accepted:
            raise ConformanceError(f"there is no connection {name}{self._present()}")
        open_ones = [one for one in accepted if not one.ended]
        return (open_ones or accepted)[-1]

    # What must have happened.

    async def _closed(self, name: str) -> None:
        connection = self._connection(name)
        if not connection.closed_by_client:
            raise ConformanceError(
                f"expected: the client has closed {name}\ngot: it has not{self._present()}"
            )
        connection.noted = True

    async def _shown(self, told: dict[str, list[Json]]) -> None:
        got, self.seen.shown = self.seen.shown, defaultdict(list)
        for handle, items in [(one, items) for name, items in told.items() for one in spread(name)]:
            expected = [self._expected(handle, item) for item in items]
            shown = got.pop(handle, [])
            if len(shown) != len(expected) or not all(map(fits, expected, shown)):
                raise ConformanceError(
                    f"expected: {handle} is shown {listed(expected)}\ngot: {listed(shown)}"
                )
        if rest := {handle: shown for handle, shown in got.items() if shown}:
            raise ConformanceError(f"expected: nothing else is shown\ngot: {brief(rest)}")

    def _expected(self, handle: str, item: Json) -> Json:
        """Return the report that a short form stands for."""
        name = self._names.get(handle, handle)
        if "reset" in item:
            state = item["reset"]
            told = self.calls.states.get(handle, NOTHING) if state is ... else {"value": state}
            if handle not in self._with_state:
                told = NOTHING
            report: Json = {"report": "reset", **({"state": told["value"]} if told else NOTHING)}
            if "latest" in item:
                report["latest"] = self._known(name, item["latest"].key)
            return report
        about = item.get("of") or name
        explicit = item.get("with", NOTHING)
        frame = self._known(about, item["at"]) | explicit
        needed = ["message", "id", "time", "sequence", *explicit] + ["entityId"] * is_pattern(name)
        replayed = item.get("replayed", False)
        update = frame if replayed is None else frame | {"replayed": replayed}
        return {"report": "update", "update": update, "needed": [*needed, "replayed"]}

    def _known(self, name: str, key: str) -> Json:
        if (name, key) not in self._sent:
            raise ConformanceError(f"the scenario has sent no update {key} of {name}")
        return {field: value for field, value in self._sent[name, key].items() if field != "type"}

    async def _states(self, told: dict[str, str]) -> None:
        for handle, expected in told.items():
            state, *more = expected.split(" ")
            report = self.seen.states.get(handle, NOTHING)
            same = report.get("state") == state
            if more[:1] == ["until"]:
                same = same and abs(report.get("until", -1) - float(more[1])) < 0.01
            elif more:
                same = same and report.get("code") == more[0]
            if not same:
                raise ConformanceError(f"expected: the state of {handle}: {expected}\ngot: {brief(report)}")

    async def _errors(self, told: list[Json]) -> None:
        got, self.seen.errors = self.seen.errors, []
        left = list(got)
        for expected in told or []:
            found = next((one for one in left if expected.items() <= one.items()), None)
            if found is None:
                raise ConformanceError(
                    f"expected: the application is told of the error {expected}\ngot: {listed(got)}"
                )
            left.remove(found)
        if others := [one for one in left if one.get("of") in NEVER_BY_CHANCE or not told]:
            raise ConformanceError(f"expected: no other error\ngot: {listed(others)}")

    async def _ready(self, told: dict[str, str]) -> None:
        for handle, expected in told.items():
            report = self.seen.ready.get(handle)
            got = "not yet" if report is None else report.get("error", "yes")
            if got != expected and not (expected == "thrown" and report and "error" in report):
                raise ConformanceError(f"expected: ready() of {handle}: {expected}\ngot: {got}")

    async def _outcome(self, told: dict[str, Any]) -> None:
        for name, expected in told.items():
            report = self.seen.outcomes.get(name)
            got: Any = "waiting"
            if report is not None:
                got = {report["report"]: report.get("id" if report["report"] == "published" else "code")}
            if not alike(got, expected):
                raise ConformanceError(f"expected: the outcome of {name} is {expected}\ngot: {got}")

    async def _calls(self, told: dict[str, int]) -> None:
        got = {key: self.calls.counts[key] for key in told}
        if got != told:
            raise ConformanceError(f"expected: calls since the beginning: {told}\ngot: {got}")

    async def _expect(self, _nothing: str) -> None:
        if present := self._present():
            raise ConformanceError(f"expected: nothing that no step has expected{present}")

    def _sent_by_client(self) -> list[str]:
        """Return what the client has sent and no step has expected."""
        found = [f"a handshake with the token {one.token!r}" for one in self.server.undecided]
        for connection in self.server.accepted:
            found += [f"on {connection.name}: {json.dumps(frame)}" for frame in connection.frames]
        return found

    def _present(self) -> str:
        """Return what the client has done and no step has expected, as lines of text."""
        found = self._sent_by_client()
        for connection in self.server.accepted:
            if connection.closed_by_client and not connection.noted and not self._client_closed:
                found.append(f"{connection.name} closed by the client")
        found += [f"shown: {json.dumps(one)}" for shown in self.seen.shown.values() for one in shown]
        told = [one for one in self.seen.errors if one.get("of") in NEVER_BY_CHANCE]
        return unexpected([*found, *(f"an error: {json.dumps(one)}" for one in told)])


def spread(name: str) -> list[str]:
    """Return the names that `items/{1..3}` stands for: items/1, items/2, items/3."""
    if not (bounds := RANGE.search(name)):
        return [name]
    return [RANGE.sub(str(number), name) for number in range(int(bounds[1]), int(bounds[2]) + 1)]


def _place(scenario: Scenario) -> str:
    here, file = Path.cwd(), scenario.file
    return str(file.relative_to(here) if file.is_relative_to(here) else file)

"""The application's functions, `token` and `getState`: what the client's calls of them get."""

from collections import defaultdict, deque
from collections.abc import Callable
from typing import Any

from clients.conformance.adapter import Report
from clients.conformance.frames import Json

TOKEN = "token"  # noqa: S105  (a function's name)


def numbered(function: str, number: int) -> Json:
    """Return what a call gets if nothing else is planned: `token-1`, `state-1`, and so on."""
    return {"value": f"{TOKEN if function == TOKEN else 'state'}-{number}"}


class Calls:
    """The calls of one scenario. A function is called `token`, or by its subscription if it is a `getState`.

    An outcome is a mapping: `value`, if the function returns something; `fails` or `fatal`, if it throws;
    `late`, if it does not return yet.

    Attributes:
        counts: by function, how often it was called.
        token: what the token function has returned last; None before.
        after_failure: whether its last call was told of a failed handshake.
        states: by subscription, the last outcome of its `getState` that was not an exception.
        usual: tells the outcome of a call that has none planned, from the function and the call's number.
    """

    def __init__(self) -> None:
        self.counts: dict[str, int] = defaultdict(int)
        self.token: Any = None
        self.after_failure = False
        self.states: dict[str, Json] = {}
        self.usual: Callable[[str, int], Json] = numbered
        self._planned: dict[str, deque[Json]] = defaultdict(deque)
        self._late: dict[str, deque[Report]] = defaultdict(deque)
        self._new: deque[Report] = deque()

    def plan(self, function: str, outcome: Json) -> None:
        """Plan the outcome of the next call that has none."""
        self._planned[function].append(outcome)

    def take(self, call: Report) -> None:
        """Take a call of the client."""
        self.counts[_function(call)] += 1
        self._new.append(call)

    def answers(self) -> list[Json]:
        """Return the answers to all calls that have come, but for those that are late."""
        found = []
        while self._new:
            call = self._new.popleft()
            function = _function(call)
            planned = self._planned[function]
            outcome = planned.popleft() if planned else self.usual(function, self.counts[function])
            if function == TOKEN:
                self.after_failure = bool(call.get("afterFailure"))
            if "late" in outcome:
                self._late[function].append(call)
            else:
                found.append(self._answer(call, outcome))
        return found

    def late_answer(self, function: str, outcome: Json) -> Json | None:
        """Return the answer to the oldest call that is late; None if there is none."""
        late = self._late[function]
        return self._answer(late.popleft(), outcome) if late else None

    def _answer(self, call: Report, outcome: Json) -> Json:
        answer: Json = {"do": "answer", "call": call["call"]}
        if error := outcome.get("fatal") or outcome.get("fails"):
            return answer | {"error": error, "fatal": "fatal" in outcome}
        value = {"value": outcome["value"]} if "value" in outcome else {}
        if _function(call) == TOKEN:
            self.token = outcome.get("value")
        else:
            self.states[call["as"]] = value
        return answer | value


def _function(call: Report) -> str:
    return TOKEN if call["function"] == TOKEN else str(call["as"])

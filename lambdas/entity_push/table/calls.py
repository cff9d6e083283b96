"""Tasks that call DynamoDB side by side, without threads.

A task is a coroutine. It awaits `call`, `at_once` or `pause`. `run_together` gathers what all tasks wait
for, makes their calls at once, and lets each task go on with its own answers. So ten channels take the time
of one.
"""

import time
from collections.abc import AsyncIterator, Callable, Coroutine, Generator, Iterable, Iterator, Sequence
from typing import Any, NamedTuple, TypeVar

from entity_push.runtime.json_client import Call
from entity_push.table.keys import Item

_Result = TypeVar("_Result")
Task = Coroutine["_Wish", Sequence["Item | Exception"], _Result]


MakeCalls = Callable[[Sequence[Call]], Sequence[Item | Exception]]
"""Makes calls at once; returns an answer or an error for each, in their order."""


class _Wish(NamedTuple):
    """What a task waits for: the answers to calls, or a time, in seconds."""

    calls: Sequence[Call] = ()
    seconds: float = 0.0

    def __await__(self) -> Generator["_Wish", Sequence[Item | Exception], Sequence[Item | Exception]]:
        return (yield self)


async def at_once(calls: Iterable[Call]) -> list[Item]:
    """Return the answers to several calls, in their order.

    Raises:
        AwsError: the first error that one of them has.
    """
    answers = []
    for answer in await _Wish(tuple(calls)):
        if isinstance(answer, Exception):
            raise answer
        answers.append(answer)
    return answers


async def call(operation: str, **parameters: Any) -> Item:
    """Return the answer to a call.

    Raises:
        AwsError: DynamoDB answered with an error, or not at all.
    """
    (answer,) = await at_once([Call(operation, parameters)])
    return answer


async def pause(seconds: float) -> None:
    """Let other tasks go on for some seconds."""
    await _Wish(seconds=seconds)


def one_by_one(client: Any) -> MakeCalls:
    """Return a function that makes calls one after the other, by a client."""

    def make(calls: Sequence[Call]) -> list[Item | Exception]:
        return [_answer(client, call) for call in calls]

    return make


def _answer(client: Any, call: Call) -> Item | Exception:
    try:
        answer: Item = getattr(client, call.operation)(**call.parameters)
    except Exception as error:  # the task's to judge
        return error
    return answer


def run(task: Task[_Result], make: MakeCalls, sleep: Callable[[float], None] = time.sleep) -> _Result:
    """Run a task to its end; return its result, or raise its error."""
    (result,) = run_together([task], make, sleep=sleep)
    if isinstance(result, Exception):
        raise result
    return result


def each(items: AsyncIterator[_Result], make: MakeCalls) -> Iterator[_Result]:
    """Yield the items of an asynchronous iterator, each read when the caller asks for it."""
    while True:
        try:
            yield run(_next(items), make)
        except StopAsyncIteration:
            return


async def _next(items: AsyncIterator[_Result]) -> _Result:
    return await anext(items)


def run_together(
    tasks: Iterable[Task[_Result]],
    make: MakeCalls,
    *,
    sleep: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> list[_Result | Exception]:
    """Run tasks side by side to their ends; return the result or the error of each, in their order.

    Args:
        tasks: the tasks.
        make: makes the calls that the tasks wait for at the same time.
        sleep: waits when every task pauses; tests replace it.
        clock: tells the seconds that have passed; tests replace it.
    """
    lanes = list(map(_Lane, tasks))
    while waiting := [lane for lane in lanes if lane.wish is not None]:
        now = clock()
        until = min(lane.due(now) for lane in waiting)
        if until > now:
            sleep(until - now)
        ready = [(lane, lane.wish) for lane in waiting if lane.due(now) <= max(now, until) and lane.wish]
        answers = iter(make([call for _, wish in ready for call in wish.calls]))
        for lane, wish in ready:
            lane.go_on([next(answers) for _ in wish.calls])
    return [lane.result for lane in lanes]


class _Lane:
    """A task under way.

    Attributes:
        wish: what the task waits for; None when it has ended.
        result: the result, or the error; only when it has ended.
    """

    result: Any

    def __init__(self, task: Task[Any]):
        self._task = task
        self._due: float | None = None
        self.wish: _Wish | None = None
        self.go_on(None)

    def due(self, now: float) -> float:
        """Return the time from which on the task may go on."""
        if self._due is None:
            self._due = now + self.wish.seconds if self.wish else now
        return self._due

    def go_on(self, answers: Sequence[Item | Exception] | None) -> None:
        """Give the task what it waited for; let it run to the next wish, or to its end."""
        self.wish = self._due = None
        try:
            self.wish = self._task.send(answers)  # type: ignore[arg-type] # None begins a coroutine
        except StopIteration as end:
            self.result = end.value
        except Exception as error:
            self.result = error

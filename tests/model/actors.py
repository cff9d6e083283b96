"""Actors: pieces of real code that stop before each step to the outside, until the test lets them go on.

An actor runs in a thread of its own, but never at the same time as another actor or the test. The test lets
an actor take a step, and waits until the actor stops again. So the test alone decides how the steps of all
actors interleave, and the same decisions give the same run.
"""

import threading
from collections.abc import Callable
from enum import Enum


class Fault(Enum):
    """A fault of a step. A fault without meaning for a step has no effect."""

    NONE = "none"
    CONFLICT = "conflict"
    """Another writer is at the same items: the step has no effect."""
    FAILURE = "failure"
    """AWS answers with an error: the step has no effect. A post may be tried again."""
    LOST_ANSWER = "lost answer"
    """The step has its effect, but its answer is lost."""
    UNSENT = "unsent"
    """Time runs out before the post."""
    GONE = "gone"
    """API Gateway does not know a young connection yet."""


class Killed(BaseException):
    """The process ends here. Not an Exception: no handler of the real code may survive it."""


class Actor:
    """A piece of real code.

    Args:
        name: the actor's name, for people.
        work: the code; it calls `checkpoint` before each of its steps.
        finished: called in the test's thread at the end; True for a regular end, False if killed.

    Attributes:
        at: the step before which the actor waits.
        done: whether the actor has ended.
    """

    def __init__(self, name: str, work: Callable[[], None], finished: Callable[[bool], None]):
        self.name, self.at, self.done = name, "", False
        self._work, self._finished = work, finished
        self._error: BaseException | None = None
        self._fault, self._kill = Fault.NONE, False
        self._may_go, self._stopped = threading.Semaphore(0), threading.Semaphore(0)
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        _ACTORS[self._thread] = self
        self._thread.start()
        self._wait()

    def step(self, fault: Fault = Fault.NONE) -> None:
        """Let the actor take the step before which it waits, and go on to the next step."""
        assert not self.done
        self._fault = fault
        self._may_go.release()
        self._wait()

    def kill(self) -> None:
        """End the actor at its current step."""
        self._kill = True
        self.step()

    def wait_for_step(self, what: str) -> Fault:
        """Stop until the step may be taken; called by the actor itself."""
        self.at = what
        self._stopped.release()
        self._may_go.acquire()
        if self._kill:
            raise Killed
        return self._fault

    def _run(self) -> None:
        try:
            self._work()
        except BaseException as error:
            self._error = error
        finally:
            self.done = True
            self._stopped.release()

    def _wait(self) -> None:
        assert self._stopped.acquire(timeout=60), f"{self.name} waits for something else than the test"
        if not self.done:
            return
        self._thread.join()
        _ACTORS.pop(self._thread, None)
        error, self._error = self._error, None
        if error is not None and not isinstance(error, Killed):
            raise error
        self._finished(error is None)


_ACTORS: dict[threading.Thread, Actor] = {}


def checkpoint(what: str) -> Fault:
    """Stop before a step, and return its fault. Threads other than an actor's don't stop."""
    actor = _ACTORS.get(threading.current_thread())
    return actor.wait_for_step(what) if actor else Fault.NONE

"""A campaign: rounds of inputs for each target."""

import re
import traceback
import warnings
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.errors import HypothesisWarning

from tests.fuzz.deployment import Deployment
from tests.fuzz.targets import TARGETS, Target

BY_NAME = {target.name: target for target in TARGETS}
ROUND = 500
_REPEATED = re.compile(r"(.{1,6}?)\1{19,}")


@dataclass
class Tally:
    """The results of one target's inputs.

    Attributes:
        inputs: the number of inputs.
        outcomes: the number of inputs by outcome.
        failure: the smallest input found that breaks a promise, and the breach; None without a breach.
    """

    inputs: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    failure: str | None = None

    def add(self, other: "Tally") -> None:
        """Add another round's tally of the same target."""
        self.inputs += other.inputs
        self.outcomes += other.outcomes
        self.failure = self.failure or other.failure


@dataclass(frozen=True, slots=True)
class Round:
    """Some inputs for one target.

    Attributes:
        target: the target's name.
        inputs: the number of inputs.
        seed: the seed of the inputs: the same seed makes the same inputs.
    """

    target: str
    inputs: int
    seed: int


def rounds(inputs: int, first_seed: int, targets: Sequence[Target] = TARGETS) -> list[Round]:
    """Divide a number of inputs among targets. The rounds of all targets alternate."""
    shares = sum(target.share for target in targets)
    found: list[tuple[float, Round]] = []
    for target in targets:
        left = total = -(-inputs * target.share // shares)
        while left > 0:
            size = min(left, ROUND)
            found.append((1 - left / total, Round(target.name, size, first_seed + len(found))))
            left -= size
    return [a_round for _, a_round in sorted(found, key=lambda place: place[0])]


def fuzz(deployment: Deployment, a_round: Round) -> Tally:
    """Give a target its inputs. After the first failure, look for the smallest failing input."""
    target, tally = BY_NAME[a_round.target], Tally()

    @seed(a_round.seed)
    @settings(
        max_examples=a_round.inputs,
        database=None,
        deadline=None,
        derandomize=False,
        print_blob=False,
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
        phases=(Phase.generate, Phase.shrink),
    )
    @given(target.inputs)
    def check(value: Any) -> None:
        tally.inputs += 1
        tally.outcomes[_outcome(target, deployment, value)] += 1

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", HypothesisWarning)  # some strategies are long when printed
        try:
            check()
        except Exception as error:
            tally.failure = _told(error)
    return tally


def _outcome(target: Target, deployment: Deployment, value: Any) -> str:
    try:
        return target.check(deployment, value)
    except BaseException as error:
        error.add_note(f"Input: {_REPEATED.sub(_abbreviated, repr(value))}"[:3000])
        raise


def _abbreviated(found: re.Match[str]) -> str:
    return f"{found[1]}<{len(found[0]) // len(found[1])} times>"


def _told(error: BaseException) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    where = [
        f"{frame.filename}:{frame.lineno} {frame.name}"
        for frame in frames
        if "/hypothesis/" not in frame.filename
    ]
    notes = [note for note in getattr(error, "__notes__", ()) if note.startswith("Input: ")]
    return "\n".join([f"{type(error).__name__}: {str(error)[:2000]}", *where[-4:], *notes[:1]])


_deployments: list[Deployment] = []


def deploy() -> None:
    """Make this process's deployment, which lives as long as the process."""
    _deployments.append(Deployment().__enter__())


def fuzz_deployed(a_round: Round) -> Tally:
    """Give a target of this process's deployment its inputs."""
    return fuzz(_deployments[0], a_round)

"""A small campaign; `make fuzz` is a large one."""

import bisect
import secrets
from collections.abc import Iterator

import pytest
from entity_push.protocol.errors import ErrorCode

from tests.fuzz.campaign import BY_NAME, Tally, fuzz, rounds
from tests.fuzz.deployment import LISTENER, Deployment
from tests.fuzz.targets import TARGETS, Target, documented_codes

INPUTS = 1500
MOST_TRIES = 5
"""Good inputs are a few in a hundred for some targets: so often do more come until some are accepted."""


@pytest.fixture(scope="module")
def deployment() -> Iterator[Deployment]:
    with Deployment() as made:
        yield made


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
def test_whatever_comes_in_the_answer_is_a_documented_one(deployment: Deployment, target: Target) -> None:
    tally = Tally()
    for _ in range(MOST_TRIES):
        for a_round in rounds(INPUTS, secrets.randbelow(2**32)):
            if a_round.target == target.name:
                tally.add(fuzz(deployment, a_round))
        if tally.failure or tally.outcomes.keys() >= target.accepts:
            break
    assert tally.failure is None, tally.failure
    assert tally.outcomes.keys() >= target.accepts, f"everything was refused: {tally.outcomes}"


@pytest.mark.parametrize(("left", "right"), [("[", "]"), ('{"a":', "}")])
def test_a_message_that_is_nested_deeply_is_refused_or_gets_through_everything(
    deployment: Deployment, left: str, right: str
) -> None:
    publish = BY_NAME["publish"]

    def outcome(depth: int) -> str:
        message = left * depth + "0" + right * depth
        frame = f'{{"action":"publish","entityId":"orders/1","message":{message}}}'
        return publish.check(deployment, (LISTENER, frame, False))

    def refused(depth: int) -> bool:
        deployment.reset()
        body = f'{{"m":{left * depth}0{right * depth}}}'
        event = {"requestContext": {"connectionId": LISTENER}, "body": body}
        return '"invalid_json"' in deployment.call("default", event)["body"]

    first = bisect.bisect_left(range(5000), True, key=refused)
    assert 1 < first < 5000
    assert {depth: outcome(depth) for depth in range(first - 12, first)} == dict.fromkeys(
        range(first - 12, first), "published"
    )
    assert outcome(first + 12) == "invalid_json"


def test_every_error_code_is_documented() -> None:
    assert documented_codes() == set(ErrorCode)

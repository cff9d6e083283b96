"""The list of actions."""

import json
from pathlib import Path
from typing import Any

import pytest
from entity_push.protocol.actions import ACTIONS, Action
from entity_push.runtime.environment import ENVIRONMENTS

LAMBDAS = Path(__file__).parents[3] / "lambdas"


@pytest.mark.parametrize("action", ACTIONS, ids=lambda action: action.name)
def test_every_action_has_a_handler_whose_environment_is_described(action: Action) -> None:
    if action.handler:
        assert (LAMBDAS / f"{action.handler.module}.py").is_file()
        assert action.handler.module in ENVIRONMENTS


def test_no_action_stands_twice() -> None:
    assert len({action.name for action in ACTIONS}) == len(ACTIONS)


@pytest.mark.parametrize("frame", [{}, {"action": "subscirbe"}], ids=["none", "an unknown one"])
def test_a_frame_without_a_known_action_is_told_all_of_them(send: Any, frame: dict[str, Any]) -> None:
    answer = send("default", json.dumps(frame))
    assert answer["message"].endswith("Actions: subscribe, unsubscribe, publish, onMessage, message, ping.")

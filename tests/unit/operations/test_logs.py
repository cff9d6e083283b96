"""`make logs`: which lines, in which order, and how a person sees them."""

import argparse
import time
from typing import Any

import pytest

from operations import deployment, logs
from operations.deployment import Deployment

EVENTS = {
    "group-authorize": [
        (
            -5,
            '{"level":"INFO","message":"connect refused","reason":"expired","service":"authorize","_aws":{}}',
        ),
        (-700, "too old"),
    ],
    "group-push": [
        (-6, "START RequestId: 1"),
        (-6, '{"type":"platform.report"}'),
        (-4, "z first"),
        (-4, "a last"),
    ],
}


class Account:
    """CloudFormation and CloudWatch Logs with a stack of two constructs; one page has one event."""

    def __init__(self) -> None:
        self._now = time.time()  # a test's own: the first lines are only ten minutes from being too old

    def client(self, _service: str, **_options: Any) -> "Account":
        return self

    def get_paginator(self, name: str) -> Any:
        self._paginate = {"list_stack_resources": self._resources, "filter_log_events": self._events}[name]
        return self

    def paginate(self, **arguments: Any) -> Any:
        return self._paginate(**arguments)

    def _resources(self, **arguments: str) -> Any:
        assert arguments == {"StackName": "Shop"}
        for logical, physical, kind in (
            ("PushAuthorizerAuthorizeLogs1B8F6243", "group-authorize", "AWS::Logs::LogGroup"),
            ("PushNotificationsPushLogs3FD4BBD5", "group-push", "AWS::Logs::LogGroup"),
            ("PushWebSocketLogs560FE538", "group-default", "AWS::Logs::LogGroup"),
            ("ChatNotificationsPushLogs3FD4BBD5", "group-chat", "AWS::Logs::LogGroup"),
            ("PushStorageTable", "table", "AWS::DynamoDB::Table"),
        ):
            summary = {"LogicalResourceId": logical, "PhysicalResourceId": physical, "ResourceType": kind}
            yield {"StackResourceSummaries": [summary]}

    def _events(self, **arguments: Any) -> Any:
        for ago, text in EVENTS.get(arguments["logGroupName"], []):
            at = int((self._now + ago) * 1000)
            if at >= arguments["startTime"]:
                yield {"events": [{"timestamp": at, "message": text + "\n"}]}


@pytest.fixture(autouse=True)
def account(monkeypatch: pytest.MonkeyPatch) -> None:
    found = Deployment({}, Account(), stack="Shop")  # type: ignore[arg-type]
    monkeypatch.setattr(deployment, "find", lambda _arguments: found)


def shown(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[str]:
    assert logs.main(["--construct", "Push", *arguments]) == 0
    return [line.split("  ", 1)[1] for line in capsys.readouterr().out.splitlines()]


def test_lines_of_all_functions_come_by_time_and_those_of_one_moment_in_their_order(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert shown(capsys) == [
        "authorize    INFO  connect refused  reason=expired",
        "push         z first",
        "push         a last",
    ]


def test_how_far_back_and_which_are_chosen(capsys: pytest.CaptureFixture[str]) -> None:
    assert "authorize    too old" in shown(capsys, "--since", "1h")
    assert shown(capsys, "--filter", "refused") == ["authorize    INFO  connect refused  reason=expired"]
    assert shown(capsys, "--function", "push") == ["push         z first", "push         a last"]
    assert "push         START RequestId: 1" in shown(capsys, "--all")


def test_json_is_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    assert logs.main(["--construct", "Push", "--json", "--function", "authorize"]) == 0
    assert capsys.readouterr().out == EVENTS["group-authorize"][0][1] + "\n"


def test_the_default_route_has_a_log_of_its_own_and_other_constructs_are_left_out() -> None:
    assert sorted(logs.groups(deployment.find(argparse.Namespace()), "Push").values()) == [
        *("authorize", "default", "push")
    ]


def test_a_function_without_a_log_is_a_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    assert logs.main(["--construct", "Push", "--function", "nix"]) == 1
    assert capsys.readouterr().err == "logs: There is no log of nix.\n"


@pytest.mark.parametrize(("text", "seconds"), [("90s", 90), ("10m", 600), ("2h", 7200), ("1d", 86400)])
def test_lengths_of_time(text: str, seconds: float) -> None:
    assert logs.seconds_of(text) == seconds


@pytest.mark.parametrize("text", ["10", "m", "-1m", "1w", "1.5h", ""])
def test_what_is_no_length_of_time(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="90s, 10m"):
        logs.seconds_of(text)


def test_while_following_no_line_comes_twice(monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    rounds = iter([None, None])

    def sleep(_seconds: float) -> None:
        if next(rounds, 0) == 0:
            raise KeyboardInterrupt

    monkeypatch.setattr(time, "sleep", sleep)
    monkeypatch.setattr("sys.stderr.close", lambda: None)
    assert len(shown(capsys, "--follow", "--function", "push")) == 2

"""`make smoke`: what it does when a check, or a deployment, fails."""

import io
import os
import subprocess
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from operations import cdk
from operations.environments import Environment
from operations.smoke import __main__ as smoke
from operations.smoke import stage
from operations.smoke.check import Check, Seen, Target, eventually, run


def target() -> Any:
    return object()


def check(see: Callable[[Target], str], expects: str = "right") -> Check:
    return Check("a thing", expects, "a source", see)


def fail(_target: Target) -> str:
    raise RuntimeError("no answer")


def test_a_check_that_fails_is_seen_and_ends_only_itself() -> None:
    seen = list(run([check(lambda _: "right"), check(fail), check(lambda _: "wrong")], target()))
    assert [each.what for each in seen] == ["right", "RuntimeError: no answer", "wrong"]
    assert [each.is_right for each in seen] == [True, False, False]


def test_the_table_has_what_was_expected_and_why_of_what_differs_only() -> None:
    one, other = check(lambda _: "right"), Check("another", "401", "its source", lambda _: "403")
    lines = smoke.table([Seen(one, "right", 1.0), Seen(other, "403\x1b", 2.0)]).splitlines()
    assert lines[0].split() == ["ok", "1", "s", "a", "thing:", "right"]
    assert lines[1].split() == ["DIFFERS", "2", "s", "another:", "403\\x1b"]
    assert [line.strip() for line in lines[2:]] == [
        "expected: 401",
        "why: its source",
        "2 checks, of which 1 differ",
    ]


def test_every_check_has_a_source_and_a_name_of_its_own() -> None:
    checks = [*smoke.BEFORE_THE_UPDATE, *stage.CHECKS]
    assert all(each.expects and each.why for each in checks)
    assert len({each.name for each in checks}) == len(checks)


def test_waiting_ends_with_whatever_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("operations.smoke.check.POLL_SECONDS", 0)
    values = iter([None, "", "there", "not asked for"])
    assert eventually(lambda: next(values), seconds=60) == "there"
    assert eventually(lambda: None, seconds=0) is None


class Commands:
    """The CDK CLI: remembers what it was called for, and fails for some."""

    def __init__(self, failing: Sequence[str] = ()):
        self.called: list[list[str]] = []
        self.regions: set[str] = set()
        self._failing = failing

    def __call__(self, words: list[str], *, check: bool) -> None:
        assert check
        self.called.append(words)
        self.regions.add(os.environ["AWS_REGION"])
        if words[1] in self._failing:
            raise subprocess.CalledProcessError(1, words)

    @property
    def names(self) -> list[str]:
        return [words[1] for words in self.called]


@pytest.fixture
def commands(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Commands]:
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.setenv(name, "us-east-1")

    def install(*failing: str) -> Commands:
        installed = Commands(failing)
        monkeypatch.setattr(subprocess, "run", installed)
        monkeypatch.setattr(cdk, "check_account", lambda _environment, _profile: "eu-central-1")
        monkeypatch.setattr(smoke, "_target", lambda _environment, _name: target())
        monkeypatch.setattr(smoke, "BEFORE_THE_UPDATE", (check(lambda _: "right"),))
        monkeypatch.setattr(stage, "CHECKS", (check(lambda _: "right"),))
        monkeypatch.setattr("operations.environments.chosen", Environment)
        return installed

    return install


def test_it_deploys_twice_checks_and_removes(commands: Callable[..., Commands]) -> None:
    called = commands()
    assert smoke.main(["--yes"]) == 0
    assert called.names == ["deploy", "deploy", "destroy"]
    first, second, destroy = (" ".join(words) for words in called.called)
    assert all("stackName=EntityPush-smoke" in words for words in (first, second, destroy))
    assert "retainData=false" in first
    assert all(f"{name}={value}" in second for name, value in stage.LEFT_OUT.items())
    assert "--force" in destroy
    assert called.regions == {"eu-central-1"}, "that of the environment"


def test_what_differs_is_the_exit_status_and_the_stack_is_removed(
    commands: Callable[..., Commands], monkeypatch: pytest.MonkeyPatch
) -> None:
    called = commands()
    monkeypatch.setattr(smoke, "BEFORE_THE_UPDATE", (check(fail),))
    assert smoke.main(["--yes"]) == 1
    assert called.names[-1] == "destroy"


def test_a_deployment_that_fails_is_removed_too(
    commands: Callable[..., Commands], capsys: pytest.CaptureFixture[str]
) -> None:
    called = commands("deploy")
    assert smoke.main(["--yes"]) == 1
    assert called.names == ["deploy", "destroy"]
    assert "smoke: " in capsys.readouterr().err


def test_the_stack_may_be_kept(commands: Callable[..., Commands]) -> None:
    called = commands()
    assert smoke.main(["--yes", "--keep"]) == 0
    assert called.names == ["deploy", "deploy"]


class Terminal(io.StringIO):
    """A standard input where somebody sits."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("stdin", "begins"),
    [
        (Terminal("yes\n"), True),
        (Terminal("no\n"), False),
        (Terminal(""), False),
        (io.StringIO("yes\n"), False),
    ],
    ids=["yes", "no", "nothing", "nobody there"],
)
def test_it_is_asked_first_with_the_costs(
    commands: Callable[..., Commands],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    stdin: io.StringIO,
    begins: bool,
) -> None:
    called = commands()
    monkeypatch.setattr("sys.stdin", stdin)
    assert smoke.main([]) == (0 if begins else 1)
    assert bool(called.called) == begins
    assert "It costs about $0.20" in capsys.readouterr().err

"""Long commands: that one sees them move, and what they said when they fail."""

import itertools
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from local import steps
from local.steps import StepError, run, step


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def test_the_output_of_both_streams_is_returned(tmp_path: Path) -> None:
    code = "import os, sys; print('out'); sys.stderr.write('err\\n'); print(os.getcwd())"
    output = run(python(code), environment=dict(os.environ), cwd=tmp_path)
    assert sorted(output.splitlines()) == sorted(["out", "err", str(tmp_path.resolve())])


def test_a_failure_has_all_that_the_command_said(tmp_path: Path) -> None:
    code = "import sys; print('the reason'); print('more'); sys.exit(3)"
    with pytest.raises(StepError, match=r"the reason\nmore\n(.|\n)*exit code 3"):
        run(python(code), environment=dict(os.environ), cwd=tmp_path)


def test_a_missing_program_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(StepError, match="/no/program can't be started: No such file"):
        run(["/no/program"], environment={}, cwd=tmp_path)


def test_a_running_command_shows_its_latest_line_and_that_it_is_alive(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(steps, "HEARTBEAT_SECONDS", 0.2)
    line = "App |  3/42 | 6:12:12 PM | CREATE_COMPLETE | AWS::SQS::Queue | Queue"
    code = f"import time; print({line!r}, flush=True); time.sleep(1.5)"
    run(python(code), environment=dict(os.environ), cwd=tmp_path)
    shown = [line.split(" s  ")[1] for line in capsys.readouterr().out.splitlines()]
    assert shown[0] == "App  3/42  CREATE_COMPLETE  AWS::SQS::Queue  Queue"
    assert set(shown[1:]) == {f"still: {shown[0]}"}


def test_an_interrupt_ends_the_command_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[subprocess.Popen[str]] = []

    def interrupt(process: "subprocess.Popen[str]") -> list[str]:
        started.append(process)
        raise KeyboardInterrupt

    monkeypatch.setattr(steps, "_lines_with_heartbeat", interrupt)
    with pytest.raises(KeyboardInterrupt):
        run(python("import time; time.sleep(60)"), environment=dict(os.environ), cwd=tmp_path)
    assert started[0].returncode == -9


def test_a_step_tells_how_long_it_took(capsys: pytest.CaptureFixture[str]) -> None:
    with step("Working"):
        pass
    assert capsys.readouterr().out == "==> Working\n    done in 0.0 s\n"


def test_no_step_is_silent_for_five_seconds_whatever_it_does(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Time goes ten times as fast. The step neither prints nor runs a command."""
    assert steps.SILENCE_SECONDS + 1 <= 5
    monkeypatch.setattr(steps, "SILENCE_SECONDS", steps.SILENCE_SECONDS / 10)
    said, say = [time.monotonic()], steps.say

    def note(text: str) -> None:
        said.append(time.monotonic())
        say(text)

    monkeypatch.setattr(steps, "say", note)
    with step("Starting something slow"):
        time.sleep(2)
    pauses = [later - sooner for sooner, later in itertools.pairwise([*said, time.monotonic()])]
    assert max(pauses) < 1.5, "it would be 4 s and a little; a loaded machine may add some"
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) >= 4
    assert lines[1].endswith("s  still: Starting something slow")


def test_a_command_that_is_silent_is_not_told_of_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(steps, "HEARTBEAT_SECONDS", 0.3)
    monkeypatch.setattr(steps, "SILENCE_SECONDS", 3.0)
    with step("Bundling"):
        run(python("import time; time.sleep(1.5)"), environment=dict(os.environ), cwd=tmp_path)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) >= 4, "the command's heartbeat"
    assert not [line for line in lines if "still: Bundling" in line], "the step has no need to speak"


def test_a_step_that_fails_says_nothing_more(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(steps, "SILENCE_SECONDS", 0.1)
    with pytest.raises(StepError), step("Failing"):
        raise StepError
    capsys.readouterr()
    time.sleep(0.5)
    assert capsys.readouterr().out == ""

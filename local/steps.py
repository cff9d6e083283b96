"""Run long commands with visible progress, and with their whole output after a failure."""

import contextlib
import os
import queue
import signal
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

HEARTBEAT_SECONDS = 2.0
"""How often a running command's latest line is shown."""

SILENCE_SECONDS = 4.0
"""The longest silence of a step. A person who sees nothing for longer thinks that it hangs."""

_LINE_WIDTH = 100


class StepError(Exception):
    """A command failed; the message holds its whole output."""


class _Voice:
    """What was said last: when."""

    last = 0.0


def say(text: str) -> None:
    """Print at once, also into a pipe."""
    _Voice.last = time.monotonic()
    print(text, flush=True)


@contextlib.contextmanager
def step(title: str) -> Iterator[None]:
    """Print a step's title, and its duration at the end; meanwhile, whatever it does, no silence is long."""
    say(f"==> {title}")
    began, ended = time.monotonic(), threading.Event()
    ticker = threading.Thread(target=_tick, args=(title, began, ended), daemon=True)
    ticker.start()
    try:
        yield
    finally:
        ended.set()
        ticker.join()
    say(f"    done in {time.monotonic() - began:.1f} s")


def _tick(title: str, began: float, ended: threading.Event) -> None:
    """Say what goes on, and for how long, whenever nothing was said for a while."""
    while not ended.wait(0.1):
        now = time.monotonic()
        if now - _Voice.last >= SILENCE_SECONDS:
            say(f"    {now - began:4.0f} s  still: {title}")


def run(command: Sequence[str | Path], *, environment: Mapping[str, str], cwd: Path) -> str:
    """Run a command; meanwhile print its latest line every two seconds.

    Args:
        command: the program and its arguments.
        environment: all environment variables of the command.
        cwd: the folder in which the command runs.

    Returns:
        The command's whole output, both streams together.

    Raises:
        StepError: the command ended with an error, or can't be started.
    """
    words = [str(word) for word in command]
    try:
        process = subprocess.Popen(
            words,
            cwd=cwd,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
        )
    except OSError as error:
        raise StepError(f"{words[0]} can't be started: {error.strerror}") from error
    try:
        output = "\n".join(_lines_with_heartbeat(process))
    finally:
        # After an interrupt the command still runs, and must not outlive this process.
        if process.poll() is None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    if process.returncode:
        name = " ".join(Path(word).name for word in words[:3])
        raise StepError(f"{output}\n\n{name} failed with exit code {process.returncode}; see above.")
    return output


def _lines_with_heartbeat(process: "subprocess.Popen[str]") -> list[str]:
    """Return the lines of the whole output; meanwhile print the latest line now and then."""
    incoming: queue.Queue[str | None] = queue.Queue()
    threading.Thread(target=_forward, args=(process, incoming), daemon=True).start()
    began = shown_at = time.monotonic()
    lines: list[str] = []
    shown = ""
    while True:
        with contextlib.suppress(queue.Empty):
            line = incoming.get(timeout=0.2)
            if line is None:
                process.wait()
                return lines
            lines.append(line)
        now = time.monotonic()
        if now - shown_at >= HEARTBEAT_SECONDS:
            latest = next((_readable(line) for line in reversed(lines) if line.strip()), "")
            say(f"    {now - began:4.0f} s  {'still: ' if latest == shown else ''}{latest or 'starting'}")
            shown, shown_at = latest, now


def _forward(process: "subprocess.Popen[str]", lines: "queue.Queue[str | None]") -> None:
    assert process.stdout is not None
    for line in process.stdout:
        lines.put(line.rstrip("\n"))
    lines.put(None)


def _readable(line: str) -> str:
    """Return a line shortened. CDK's `stack | 3/42 | time | state | type | name` loses the time."""
    parts = [part.strip() for part in line.split("|")]
    if len(parts) >= 5:
        parts.pop(2)
    return "  ".join(parts)[:_LINE_WIDTH]

"""What a function has printed during an invocation: all of it, without waiting for longer than needed."""

import queue
import time

END = "\x03end of the invocation"
"""A worker prints this after its handler. No handler prints it."""

SECONDS = 1.0
"""How long the end is waited for: a worker that has died prints none."""


def collect(printed: "queue.Queue[str]", seconds: float = SECONDS) -> str:
    """Return the lines up to the end of the invocation, joined.

    Args:
        printed: the lines as they come, without their line breaks.
        seconds: how long to wait for the end.
    """
    lines: list[str] = []
    give_up = time.monotonic() + seconds
    while (left := give_up - time.monotonic()) > 0:
        try:
            line = printed.get(timeout=left)
        except queue.Empty:
            break
        lines += [text] if (text := line.removesuffix(END)) or line == text else []
        if line.endswith(END):
            break
    return "\n".join(lines)

"""What is measured in an interpreter of its own."""

import subprocess
from collections.abc import Mapping, Sequence


def stderr_of(words: Sequence[str], environment: Mapping[str, str]) -> str:
    """Run a command with nothing but an environment; return what it says on standard error.

    Raises:
        RuntimeError: it failed; the message is what it said.
    """
    done = subprocess.run(
        words, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(done.stderr)
    return done.stderr

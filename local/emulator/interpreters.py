"""The Python that runs a function."""

import logging
import sys
from pathlib import Path

from stacks import interpreters

logger = logging.getLogger("local.emulator.interpreters")


def find_interpreter(runtime: str, search_path: str) -> str:
    """Find the interpreter for a declared runtime: this process's base, or one on the PATH.

    Without an interpreter of that version, functions run on this process's base, with a warning. Pure Python
    nearly always behaves the same, while compiled dependencies of another version fail to import.

    Args:
        runtime: the runtime as the template has it, `python3.X`.
        search_path: the PATH to look on.
    """
    # The base interpreter, since sys.executable is the virtual environment's.
    own = str(Path(sys.base_prefix) / "bin" / f"python{interpreters.THIS}")
    version = runtime.removeprefix("python")
    if version == interpreters.THIS:
        return own
    if found := interpreters.find(version, search_path):
        return found
    logger.warning("No %s on the PATH: its functions run on %s", runtime, own)
    return own
